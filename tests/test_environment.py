"""The report of chapter 00 says what is missing and what to do."""

from __future__ import annotations

import pytest
from helpers import python

from resnet_course import check_environment, start


def test_here_everything_is_ready():
    report = check_environment()
    assert report
    assert str(report).endswith("Everything is ready.")
    assert "GPU" in str(report) and "torchvision" in str(report)


@pytest.mark.parametrize(
    ("version", "ready", "words"),
    [
        ({"drawsvg": None}, False, ["FIX", "pip install drawsvg"]),
        ({"d2l": None}, True, ["d2l", "only the sections"]),  # the course can start
    ],
)
def test_a_missing_package_is_a_line_to_fix(version, ready, words, monkeypatch):
    installed = start._version
    monkeypatch.setattr(start, "_version", lambda name: version.get(name, installed(name)))
    report = check_environment()
    assert bool(report) == ready
    line = next(line for line in str(report).splitlines() if min(version) in line)
    assert line.startswith("FIX") != ready
    assert all(word in str(report) for word in words)


def test_an_old_python_is_a_line_to_fix(monkeypatch):
    monkeypatch.setattr(start, "OLDEST_PYTHON", (99, 0))
    assert not check_environment()


def test_torch_and_torchvision_of_different_builds_give_a_sentence_to_act_on(tmp_path):
    broken = tmp_path / "torchvision"
    broken.mkdir()
    words = "operator torchvision::nms does not exist"
    (broken / "__init__.py").write_text(f'raise RuntimeError("{words}")')
    code = "from resnet_course import fashion_mnist"
    done = python("-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "pip install --force-reinstall torch torchvision" in last
