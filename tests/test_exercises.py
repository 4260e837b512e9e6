"""The exercises in the notebooks: all there, all alike, untouched as shipped, and solvable."""

from __future__ import annotations

import nbformat
import pytest
import torch
from exercise_cells import Place, places, solve
from helpers import NOTEBOOKS

from resnet_course import checks
from resnet_course.checks.exercise import EXERCISES, is_untouched

PLACES = [
    pytest.param(int(path.name[:2]), place, id=place.name)
    for path in NOTEBOOKS
    for place in places(nbformat.read(path, 4))
]
every_exercise = pytest.mark.parametrize(("chapter", "place"), PLACES)


def run(*sources: str) -> dict:
    """Run code as a notebook would, with the names that every chapter imports."""
    space: dict = {}
    exec("import torch\nfrom torch import nn\nfrom resnet_course import checks", space)
    for source in sources:
        exec(source, space)
    return space


def test_all_are_there_each_in_its_chapter():
    found = sorted((place.name, chapter) for chapter, place in (param.values for param in PLACES))
    assert found == sorted((name, about.chapter) for name, about in EXERCISES.items())
    assert len(found) == 27 and EXERCISES.keys() <= set(checks.__all__)


@every_exercise
def test_the_text_says_what_the_checker_says(chapter: int, place: Place):
    about = EXERCISES[place.name]
    title, empty, facts, _, *task = place.text.source.splitlines()
    stars = "★" * about.difficulty + "☆" * (3 - about.difficulty)
    weight = "needed later" if about.important else "extra"
    assert title == f"### Exercise · {about.title}" and empty == ""
    assert facts == f"{stars} · {about.minutes} minutes · {weight}"
    assert len(" ".join(task)) > 60


@every_exercise
def test_the_stub_is_a_stub_and_the_stored_verdict_says_so(chapter: int, place: Place):
    space = run(place.stub.source)
    assert is_untouched(space[place.learners_name])
    assert "Your turn" in place.stub.source and '"""' in place.stub.source
    assert place.learners_name != place.name
    (output,) = place.check.outputs
    verdict = getattr(checks, place.name)(space[place.learners_name])
    assert output.data["text/plain"] == repr(verdict)
    assert output.data["text/html"] == verdict._repr_html_()
    assert not verdict.attempted and output.data["text/html"].count("<details>") == 3


@every_exercise
def test_the_package_is_the_answer_key(chapter: int, place: Place):
    notebook = nbformat.read(NOTEBOOKS[chapter], 4)
    solve(notebook)
    (solved,) = [p for p in places(notebook) if p.name == place.name]
    space = run(solved.stub.source, f"result = {solved.check.source}")
    assert space["result"].passed, space["result"]
    source = checks.solution(place.name).data
    answer = EXERCISES[place.name].answers[0]
    assert f"def {answer.__name__}" in source or f"class {answer.__name__}" in source
    alone: dict = {}
    exec(source, alone)  # it brings what it needs
    assert getattr(checks, place.name)(alone[answer.__name__]).passed


def test_chapter_01_takes_gradient_norms_in_any_order_and_with_names_of_parameters():
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOKS[1], 4).cells}
    answer = """
def my_gradient_norms(model, x, y):
    F.cross_entropy(model(x), y).backward()
    found = [(n, p.grad.norm()) for n, p in model.named_parameters() if p.ndim > 1]
    model.zero_grad()
    return dict(reversed(found))
"""
    imports = (
        "import torch.nn.functional as F\nfrom resnet_course import create_model, gradient_norms"
    )
    space = run(imports, answer, cells["c01-ex-gradient-norms-own"])
    model, x = space["create_model"]("resnet8", in_channels=1), torch.randn(4, 1, 28, 28)
    found = space["measure"](model, x, torch.arange(4))
    right = space["gradient_norms"](model, x, torch.arange(4))
    assert list(found) == list(right) and found == pytest.approx(right, rel=1e-4)


@every_exercise
def test_hints_are_three_and_give_no_code_away(chapter: int, place: Place):
    hints = EXERCISES[place.name].hints
    assert len(set(hints)) == 3
    for hint in hints:
        assert 20 < len(hint) < 400 and "\n" not in hint
        assert not any(
            code in hint for code in ("return ", "def ", " = ", "//", "**", "!=", "Conv2d(")
        )
        assert hint.rstrip()[-1] in ".?!"


@pytest.mark.parametrize("chapter", range(1, 8))
def test_no_other_cell_needs_a_learners_answer_and_the_chapter_ends_with_progress(chapter: int):
    notebook = nbformat.read(NOTEBOOKS[chapter], 4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for place in places(notebook):
        used = [source for source in sources if place.learners_name in source]
        assert len([source for source in used if "checks.yours(" not in source]) == 2
    assert sources[-1] == "checks.progress()"
    assert "checks" in sources[0]
