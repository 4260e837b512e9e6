"""The ways to install the course agree with each other and with what the code imports."""

from __future__ import annotations

import ast
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from Python 3.11")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(*groups: list[str]) -> dict[str, str]:
    """Name → versions, without markers; where two groups name a package, the later one counts."""
    parsed = [Requirement(line) for group in groups for line in group]
    return {each.name: str(each.specifier) for each in parsed}


def pip_part() -> list[str]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))


def test_environment_yml_installs_what_pyproject_asks_for():
    extras = project()["optional-dependencies"]
    wanted = requirements(project()["dependencies"], extras["check"], extras["d2l"])
    assert requirements([line for line in pip_part() if line != "-e ."]) == wanted
    assert "-e ." in pip_part()


def test_the_test_extra_is_check_and_d2l():
    extras = project()["optional-dependencies"]
    assert sorted(extras["test"]) == sorted(extras["check"] + extras["d2l"])


def test_the_d2l_extra_repeats_the_pins_of_d2l():
    try:
        pins = requirements(metadata.requires("d2l"))
    except metadata.PackageNotFoundError:
        pytest.skip("d2l is not installed")
    ours = requirements(project()["optional-dependencies"]["d2l"])
    assert ours.pop("d2l") == "==1.0.3"
    assert ours.items() <= pins.items()


def test_environment_yml_has_a_python_that_pyproject_allows_and_d2l_can_use():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert "python=3.11" in environment["dependencies"]
    assert project()["requires-python"] == ">=3.10"


def test_the_package_imports_nothing_that_it_does_not_ask_for():
    asked = {Requirement(line).name for line in project()["dependencies"]}
    assert "pillow" in asked
    asked |= {"IPython", "PIL", "resnet_course"}  # IPython comes with ipywidgets; PIL is pillow
    extras = project()["optional-dependencies"]
    book = {Requirement(line).name for line in extras["book"] + extras["lecture"]}
    book |= {"markdown_it", "pygments"}  # markdown-it-py; a part of nbconvert
    for path in (ROOT / "resnet_course").rglob("*.py"):
        allowed = asked | book if path.parent.name in ("book", "lecture") else asked
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                assert top in allowed | set(sys.stdlib_module_names), f"{path.name} imports {name}"


def test_readme_gives_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert 'pip install -e ".[d2l]" && jupyter lab notebooks/00_start_here.ipynb' in readme
    assert 'pip install -e ".[test]" && pytest' in readme


def test_readme_maps_every_notebook():
    readme = (ROOT / "README.md").read_text()
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        assert f"(notebooks/{path.name})" in readme


def test_the_workflow_runs_the_checks_and_publishes_the_book_only_after_them():
    text = (ROOT / ".github" / "workflows" / "course.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    runs = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert "bash .ci/run" in runs["check"]
    assert any("mdbook build" in run for run in runs["book"])
    assert jobs["book"]["needs"] == "check" and jobs["publish"]["needs"] == "book"
    assert "refs/heads/main" in jobs["publish"]["if"]
