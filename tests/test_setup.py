"""The ways to install the course agree with each other and with what the code imports."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from Python 3.11")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(lines: list[str]) -> set[str]:
    """Names and versions without markers; the project's own extras are left out."""
    parsed = [Requirement(line) for line in lines]
    return {f"{r.name}{r.specifier}" for r in parsed if r.name != "resnet-course"}


def pip_part() -> list[str]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))


def test_environment_yml_installs_what_pyproject_asks_for():
    wanted = project()["dependencies"][:]
    for extra in ("d2l", "check", "test"):
        wanted += project()["optional-dependencies"][extra]
    assert requirements([line for line in pip_part() if line != "-e ."]) == requirements(wanted)
    assert "-e ." in pip_part()


def test_environment_yml_has_a_python_that_pyproject_allows_and_d2l_can_use():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert "python=3.11" in environment["dependencies"]
    assert project()["requires-python"] == ">=3.10"


def test_the_package_imports_nothing_that_it_does_not_ask_for():
    asked = {Requirement(line).name for line in project()["dependencies"]}
    asked |= {"IPython", "resnet_course"}  # IPython comes with ipywidgets
    for path in (ROOT / "resnet_course").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                assert top in asked | set(sys.stdlib_module_names), f"{path.name} imports {name}"


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
