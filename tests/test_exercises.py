"""The exercises in the notebooks: all there, all alike, untouched as shipped, and solvable."""

from __future__ import annotations

import warnings

import pytest
import torch
from exercise_cells import NOTEBOOKS, Place, places, read, solve

from resnet_course import checks
from resnet_course.checks.exercise import EXERCISES, is_untouched

NAMES = {
    1: ["sigmoid_slope", "slope_bound", "gradient_norms"],
    2: [
        "residual_forward",
        "conv_output_size",
        "needs_projection",
        "basic_block",
        "zero_init",
        "batch_norm",
    ],
    3: ["make_stage", "count_layers", "stage_shapes", "resnet34"],
    4: ["conv_params", "bottleneck", "resnext_block"],
    5: ["topk_accuracy", "train_step", "evaluate", "sgd_momentum"],
    6: ["freeze_backbone", "multi_head", "box_iou", "attention", "growth_cost"],
    7: ["channel_statistics", "stratified_split"],
}
PLACES = [
    pytest.param(int(path.name[:2]), place, id=place.name)
    for path in NOTEBOOKS
    for place in places(read(path))
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
    found: dict[int, list[str]] = {}
    for chapter, place in (param.values for param in PLACES):
        found.setdefault(chapter, []).append(place.name)
    assert {c: sorted(names) for c, names in found.items()} == {
        c: sorted(names) for c, names in NAMES.items()
    }
    assert sorted(EXERCISES) == sorted(name for names in NAMES.values() for name in names)
    for name, about in EXERCISES.items():
        assert name in NAMES[about.chapter] and name in checks.__all__


@every_exercise
def test_the_text_says_what_the_checker_says(chapter: int, place: Place):
    about = EXERCISES[place.name]
    assert about.chapter == chapter
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
    notebook = read(NOTEBOOKS[chapter])
    solve(notebook)
    (solved,) = [p for p in places(notebook) if p.name == place.name]
    space = run(solved.stub.source, f"result = {solved.check.source}")
    assert space["result"].passed, space["result"]
    source = checks.solution(place.name).data
    answer = EXERCISES[place.name].answers[0]
    assert f"def {answer.__name__}" in source or f"class {answer.__name__}" in source


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


@pytest.mark.parametrize("name", EXERCISES)
def test_a_check_leaves_random_numbers_gradient_mode_and_warnings_alone(name: str):
    def noisy(*given):
        torch.rand(3)
        torch.manual_seed(7)
        warnings.warn("deprecated", stacklevel=1)
        return EXERCISES[name].answers[0](*given)

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(checks, name)(noisy)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("chapter", sorted(NAMES))
def test_no_other_cell_needs_a_learners_answer_and_the_chapter_ends_with_progress(chapter: int):
    notebook = read(NOTEBOOKS[chapter])
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for place in places(notebook):
        used = [source for source in sources if place.learners_name in source]
        assert len([source for source in used if "checks.yours(" not in source]) == 2
    assert sources[-1] == "checks.progress()"
    assert "checks" in sources[0]
