"""The ways to install the course agree with each other; the report says what is missing."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from collections import Counter
from importlib import import_module, metadata

import pytest
import yaml
from helpers import NOTEBOOKS, ROOT, python
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from resnet_course import check_environment
from resnet_course.start import environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
D2L = "pip install --no-deps d2l==1.0.3"


def names(*groups: list[str]) -> set[str]:
    return {Requirement(line).name for group in groups for line in group}


def test_nothing_is_asked_for_twice():
    """One bound for each package: extras that need another extra name it."""
    asked = [PROJECT["dependencies"], *EXTRAS.values()]
    lines = [Requirement(line) for group in asked for line in group]
    twice = Counter((each.name, *each.extras) for each in lines)
    # The one exception keeps pip away from unfinished versions of JupyterLab.
    assert [key for key, times in twice.items() if times > 1 and key != ("jupyterlab",)] == []
    assert Requirement(EXTRAS["lecture"][0]).extras == {"book"}
    assert Requirement(EXTRAS["test"][0]).extras == {"lecture"}


def test_d2l_comes_last_and_without_its_pins():
    everything = names(PROJECT["dependencies"], *EXTRAS.values())
    assert "d2l" not in everything and {"pandas", "requests", "scipy"} <= everything
    for file in ("README.md", "postBuild", "environment.yml", ".ci/run", "notebooks/teaching.md"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(r"pip(\S*) install (--quiet )?--no-deps d2l==1\.0\.3", text), file
    assert os.access(ROOT / "postBuild", os.X_OK), "Binder runs it as a program"


def test_environment_yml_installs_what_pyproject_asks_for():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, own = conda["dependencies"]
    assert pip == "pip" and own == {"pip": ["-e .[test]"]}
    assert Version(python.removeprefix("python=")) in SpecifierSet(PROJECT["requires-python"])
    assert PROJECT["requires-python"] == ">=3.11" and environment.OLDEST_PYTHON == (3, 11)


def test_the_package_imports_nothing_that_it_does_not_ask_for():
    asked = names(PROJECT["dependencies"])
    assert "pillow" in asked
    asked |= {"IPython", "PIL", "resnet_course"}  # IPython comes with ipywidgets; PIL is pillow
    book = names(EXTRAS["book"], EXTRAS["lecture"])
    book |= {"markdown_it", "mdit_py_plugins", "pygments"}  # markdown-it-py; a part of nbconvert
    for path in (ROOT / "resnet_course").rglob("*.py"):
        allowed = asked | book if path.parent.name in ("book", "lecture") else asked
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in found:
                top = name.split(".")[0]
                assert top in allowed | set(sys.stdlib_module_names), f"{path.name} imports {name}"


def test_readme_gives_the_two_commands_and_maps_every_notebook():
    for line in environment.START:
        assert f"```bash\n{line}\n```" in README
    welcome = (ROOT / "notebooks" / "welcome.md").read_text(encoding="utf-8")
    assert "```bash\n{}\n{}\n```".format(*environment.START) in welcome
    assert f'pip install -e ".[test]" && {D2L} && pytest' in README
    assert NOTEBOOKS and all(f"(notebooks/{path.name})" in README for path in NOTEBOOKS)


def test_the_workflow_runs_the_checks_and_publishes_the_book_only_after_them():
    text = (ROOT / ".github" / "workflows" / "course.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    runs = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert "bash .ci/run" in runs["check"]
    # The slides first, with the teacher's own command: the book takes them with it.
    teaching = (ROOT / "notebooks" / "teaching.md").read_text(encoding="utf-8")
    (slides,) = re.findall(r"^jupyter nbconvert .+", teaching, re.MULTILINE)
    assert runs["book"].index(slides) < runs["book"].index("mdbook build")
    assert "MDBOOK_OUTPUT__HTML__GIT_REPOSITORY_URL: " in text
    assert "MDBOOK_OUTPUT__HTML__SITE_URL: /" in text
    pdf = "book/resnet-course.pdf"
    assert any(f"book_pdf.py book {pdf}" in run for run in runs["book"])
    assert pdf in [step.get("with", {}).get("path") for step in jobs["book"]["steps"]]
    assert jobs["book"]["needs"] == "check" and jobs["publish"]["needs"] == "book"
    assert "refs/heads/main" in jobs["publish"]["if"]


# The report of chapter 00.


def test_here_everything_is_ready():
    report = check_environment()
    assert report and str(report).endswith("Everything is ready.")
    assert "GPU" in str(report) and "torchvision" in str(report)


@pytest.mark.parametrize(
    ("name", "ready", "words"),
    [
        ("drawsvg", False, "pip install drawsvg"),
        ("d2l", True, "only the sections"),  # the course can start
    ],
)
def test_a_missing_package_is_a_line_to_fix(name, ready, words, monkeypatch):
    installed = metadata.version

    def version(asked):
        if asked == name:
            raise metadata.PackageNotFoundError(name)
        return installed(asked)

    monkeypatch.setattr(metadata, "version", version)
    report = check_environment()
    assert bool(report) == ready
    (line,) = (line for line in str(report).splitlines() if line.split()[1] == name)
    assert line.startswith("FIX") != ready and words in str(report)


MISSING = OSError("[WinError 126] The specified module could not be found")
HALF = AttributeError("partially initialized module 'torchvision'")  # the second try of an import


@pytest.mark.parametrize(
    ("broken", "error", "told"),
    [
        (["torchvision"], MISSING, environment.TORCH_MISFIT),
        (["torchvision"], HALF, environment.TORCH_MISFIT),
        (["torch", "torchvision"], MISSING, "WinError 126"),
    ],
)
def test_what_is_installed_and_cannot_be_loaded_is_a_line_to_fix(broken, error, told, monkeypatch):
    def load(name):
        if name in broken:
            raise error
        return import_module(name)

    monkeypatch.setattr(environment, "import_module", load)
    report = check_environment()
    fixed = [check for check in report.checks if not check.ok]
    assert [check.what for check in fixed if check.what != "machine"] == broken
    assert all(told in check.advice for check in fixed)


def test_an_old_python_is_a_line_to_fix(monkeypatch):
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (99, 0))
    assert not check_environment()


def test_torch_and_torchvision_of_different_builds_give_a_sentence_to_act_on(tmp_path):
    broken = tmp_path / "torchvision"
    broken.mkdir()
    words = "operator torchvision::nms does not exist"
    (broken / "__init__.py").write_text(f'raise RuntimeError("{words}")', encoding="utf-8")
    code = "from resnet_course import fashion_mnist"
    done = python("-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "pip install --force-reinstall torch torchvision" in last
