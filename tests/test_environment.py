"""The report of chapter 00 says what is missing and what to do."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from resnet_course import check_environment, start


def test_here_everything_is_ready():
    report = check_environment()
    assert report
    assert str(report).endswith("Everything is ready.")
    assert "GPU" in str(report) and "torchvision" in str(report)


def test_a_missing_package_is_a_line_to_fix(monkeypatch):
    installed = start._version
    monkeypatch.setattr(
        start, "_version", lambda name: None if name == "drawsvg" else installed(name)
    )
    report = check_environment()
    assert not report
    line = next(line for line in str(report).splitlines() if "drawsvg" in line)
    assert line.startswith("FIX") and "pip install drawsvg" in str(report)


def test_without_d2l_the_course_can_start(monkeypatch):
    monkeypatch.setattr(start, "_version", lambda name: None if name == "d2l" else "1")
    report = check_environment()
    assert report and "d2l" in str(report) and "only the sections" in str(report)


def test_an_old_python_is_a_line_to_fix(monkeypatch):
    monkeypatch.setattr(start, "OLDEST_PYTHON", (99, 0))
    assert not check_environment()


def test_torch_and_torchvision_of_different_builds_give_a_sentence_to_act_on(tmp_path):
    broken = tmp_path / "torchvision"
    broken.mkdir()
    (broken / "__init__.py").write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")'
    )
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from resnet_course import fashion_mnist
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert "pip install --force-reinstall torch torchvision" in last
