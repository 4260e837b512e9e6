"""The package is twelve rooms; arrows between them go one way, and no circle is anywhere."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from helpers import python

import resnet_course

PACKAGE = Path(resnet_course.__file__).parent
# Room → the rooms that it may use. `start` writes whole files, says one sentence that `data`
# repeats, and knows the learner's copy, in which `checks` keeps what was passed.
MAY_USE = {
    "__init__": None,  # all of them, for type checkers only: see test_the_door_is_lazy
    "start": set(),
    "blocks": set(),
    "resnet": {"blocks"},
    "tracing": {"blocks"},
    "data": {"blocks", "start"},
    "train": {"start", "blocks", "resnet", "data"},
    "measure": {"blocks", "resnet", "tracing", "data", "train"},
    "pictures": {"blocks", "tracing", "data", "train", "measure"},
    "widgets": {"blocks", "resnet", "tracing", "data", "train", "measure", "pictures"},
    "checks": {"start", "blocks", "resnet", "tracing", "data", "train", "measure"},
    "website": {"start", "pictures", "widgets", "data"},
}


def module_name(path: Path) -> str:
    parts = ["resnet_course", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imported(name: str) -> set[str]:
    """Return the modules of the package that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in FILES else node.module or "")
    return found & FILES.keys()


def room(name: str) -> str:
    return (name.split(".") + ["__init__"])[1]


def is_command(name: str) -> bool:
    """What a person starts stands above all rooms, and nobody imports it."""
    return name.endswith("__main__")


def test_there_are_twelve_rooms():
    beside = {"__pycache__", "__main__.py"}  # the command is in `start`
    entries = {path.stem for path in PACKAGE.iterdir() if path.name not in beside}
    assert entries == MAY_USE.keys() and len(entries) == 12


@pytest.mark.parametrize("name", sorted(FILES))
def test_arrows_between_rooms_go_one_way(name):
    for other in imported(name):
        assert not is_command(other), f"{name} imports the command {other}"
        if not is_command(name) and room(other) != room(name):
            allowed = MAY_USE[room(name)]
            assert allowed is None or room(other) in allowed, f"{name} must not use {other}"


def test_there_is_no_circle():
    # The door and the rooms' own doors gather names: a circle through them would be found at once.
    graph = {name: imported(name) for name in FILES if name != "resnet_course"}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_module_says_what_it_holds(name):
    text = ast.get_docstring(ast.parse(FILES[name].read_text(encoding="utf-8")))
    assert text, name
    if FILES[name].name == "__init__.py" and name.count(".") == 1:
        assert len(text.splitlines()) >= 4, f"{name}: what is in it, and in which order to read it"


def test_no_name_hides_a_module():
    for name, path in FILES.items():
        if path.name != "__init__.py" or name == "resnet_course":
            continue
        inside = {other.rpartition(".")[2] for other in FILES if other.startswith(name + ".")}
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        given = {alias.asname or alias.name for node in imports for alias in node.names}
        assert not inside & given, f"{name} hides its own {inside & given}"


HEAVY = {"torch", "torchvision", "numpy", "matplotlib", "sympy"}


@pytest.mark.parametrize(
    "statement",
    [
        "import resnet_course",
        "import resnet_course.website.book.__main__",
        "from resnet_course.website.book import protocol",
        "import resnet_course.website.lecture",
        "from resnet_course import check_environment",
        "from resnet_course.start import command",
    ],
)
def test_the_door_is_lazy(statement):
    heavy = HEAVY - ({"numpy", "matplotlib"} if "book" in statement else set())
    done = python("-c", f"{statement}; import sys; print(*sys.modules)")
    assert done.returncode == 0 and not heavy & set(done.stdout.split()), done.stderr


def test_the_door_shows_every_name():
    assert set(resnet_course.__all__) <= set(dir(resnet_course))
    for name in resnet_course.__all__:
        value = getattr(resnet_course, name)
        assert getattr(value, "__name__", name) == name
    source = ast.parse(FILES["resnet_course"].read_text(encoding="utf-8"))
    (checked,) = (node for node in source.body if isinstance(node, ast.If))
    seen = {alias.name for node in checked.body for alias in node.names}
    assert seen == set(resnet_course.__all__), "type checkers see other names"
    with pytest.raises(AttributeError, match="has no attribute 'typo'"):
        _ = resnet_course.typo
