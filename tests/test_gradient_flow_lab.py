"""GradientFlowLab: the norms are those of autograd, and what it says about them is true."""

from __future__ import annotations

import math
import re
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex

from resnet_course import create_stack, gradient_norms
from resnet_course.data import Splits, drawn_garments
from resnet_course.measure.stack_gradients import RULES, StackGradients, measure_stack, number
from resnet_course.measure.stacks import ACTIVATIONS, INITIALISATIONS, StackConfig
from resnet_course.pictures.gradient_figure import stack_gradients_figure
from resnet_course.widgets import gradient_flow_lab
from resnet_course.widgets.gradient_flow_lab import GradientFlowLab

PICTURES = drawn_garments(64, 1)
RELU_DEEP = {"activation": "relu", "init": "he", "shortcut": True, "depth": 60}


def make(**options) -> GradientFlowLab:
    return GradientFlowLab(**{"splits": PICTURES, "batch_size": 64, **options})


def batch():
    pixels = PICTURES.train_images.float() / 255
    return (pixels - PICTURES.mean) / PICTURES.std, PICTURES.train_labels


def curves(lab: GradientFlowLab) -> dict[str, object]:
    """Label → line, without the triangles."""
    return {line.get_label(): line for line in lab.still().axes[0].get_lines()[:5]}


def triangles(figure, marker: str) -> list[list[int]]:
    rows = [line for line in figure.axes[0].get_lines() if line.get_marker() == marker]
    return [list(map(int, line.get_xdata())) for line in rows]


def legend(figure) -> list[str]:
    (box,) = figure.legends
    return [text.get_text() for text in box.get_texts()]


def gradients_of(norms, step=1e-3, weight=0.02, **options) -> StackGradients:
    config = StackConfig(depth=len(norms) - 1, **options)
    names = [*(f"layers.{i}.linear" for i in range(config.depth)), "fc"]
    return StackGradients(config, dict(zip(names, norms, strict=True)), weight, step)


def pretend(source: str = PICTURES.source, std: float = 0.5) -> Splits:
    """Return splits that say something else about themselves."""
    kind = type("Pretend", (Splits,), {"mean": 0.5, "std": std})
    return kind(**{**vars(PICTURES), "source": source})


@pytest.mark.parametrize("pictures", [1000, 20])
@pytest.mark.parametrize(
    "options",
    [
        {"depth": 2},
        {"depth": 30, "activation": "tanh", "init": "xavier"},
        {"depth": 9, "activation": "relu", "init": "he", "batch_norm": True, "shortcut": True},
    ],
)
def test_norms_are_those_of_the_stack_with_the_same_options(options, pictures):
    lab = make(**options, batch_size=pictures)
    images, labels = (part[:pictures] for part in batch())
    expected = gradient_norms(create_stack(**options), images, labels)
    assert lab.norms == pytest.approx(expected, rel=1e-3)
    assert list(lab.norms)[-1] == "fc" and len(lab.norms) == options["depth"] + 1
    drawn = curves(lab)[lab._present().recipe]
    assert list(drawn.get_ydata()) == list(lab.norms.values())
    assert list(drawn.get_xdata()) == list(range(1, len(lab.norms) + 1))


def test_the_line_loses_exactly_three_quarters_per_layer_and_ends_at_the_last_layer():
    for depth in (2, 30):
        lab = make(depth=depth)
        y = curves(lab)["0.25 per layer"].get_ydata()
        assert len(y) == depth + 1 and y[-1] == lab.norms["fc"]
        assert [a / b for a, b in zip(y, y[1:], strict=False)] == pytest.approx([0.25] * depth)


@pytest.mark.parametrize(
    ("control", "value", "word"),
    [
        ("depth", 11, "11 layers"),
        ("activation", "tanh", "tanh"),
        ("activation", "relu", "ReLU"),
        ("init", "small", "small"),
        ("init", "xavier", "xavier"),
        ("init", "he", "he"),
        ("batch_norm", True, "batch norm"),
        ("shortcut", True, "shortcut"),
    ],
)
def test_every_control_changes_norms_words_and_picture_with_one_update(control, value, word):
    lab = make(depth=10)
    norms, words, page = lab.norms, lab.describe(), lab.picture.value
    updates = []
    lab.picture.observe(updates.append, "value")
    getattr(lab, control).value = value
    assert len(updates) == 1
    assert list(lab.norms.values()) != list(norms.values())[: len(lab.norms)]
    assert lab.describe() != words and lab.picture.value != page
    assert word in lab._present().recipe.split(", ")
    assert lab.norms == make(**{"depth": 10, control: value}).norms


def test_the_recipe_says_what_was_chosen_and_leaves_out_what_is_usual():
    assert make()._present().recipe == "sigmoid, 30 layers"
    lab = make(depth=20, activation="relu", init="he", batch_norm=True, shortcut=True)
    assert lab._present().recipe == "ReLU, he, batch norm, shortcut, 20 layers"
    assert lab.still().axes[0].get_title(loc="left").startswith(lab._present().recipe)


# Verdicts.


@pytest.mark.parametrize(
    ("options", "level", "rule"),
    [
        ({}, "Vanishes", "less than a millionth"),
        ({"activation": "tanh", "depth": 20}, "Fades", "less than a thousandth"),
        ({"batch_norm": True}, "Healthy", "at least a thousandth"),
        ({"activation": "relu", "init": "he"}, "Healthy", "at most 1,000"),
        (RELU_DEEP, "Explodes", "more than 1,000"),
    ],
)
def test_known_recipes_get_the_right_verdict(options, level, rule):
    lab = make(**options)
    assert lab.verdict.startswith(f"{level}: ") and rule in lab.verdict.split(".")[0]
    assert lab.verdict in lab.describe()
    assert f"<b>{level}</b>" in lab.picture.value
    assert level.lower() in lab.still().axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("level", "cases"),
    [
        ("Vanishes", [(9.9e-7, 1, 1), (0, 0, 0)]),
        ("Fades", [(1e-6, 1, 1), (9.9e-4, 1, 1)]),
        ("Healthy", [(1e-3, 1, 1), (1e3, 1e3, 1e3)]),
        ("Explodes", [(1, 1, 1001), (0, 1, 1001), (math.nan, 1, 1), (1, math.inf, 1)]),
    ],
)
def test_the_stated_thresholds_decide(level, cases):
    assert level in RULES
    for norms in cases:
        assert gradients_of(norms).level == level


def test_the_verdict_compares_the_first_layer_with_the_last_before_the_classifier():
    words = gradients_of([2e-8, 1, 4, 7]).verdict
    assert "At the first layer it is 2e-08, and at layer 3, just before the classifier, 4:" in words
    assert "2e+08 times smaller. A quarter per layer would make it 16 times smaller" in words
    assert "(0.25^2 = 0.062)" in words
    assert "50 times larger" in gradients_of([100, 1, 2, 7]).verdict
    assert "about as large" in gradients_of([1.01, 1, 1, 7]).verdict


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("depth", "batch_norm"), [(3, False), (30, False), (60, False), (9, True)])
def test_what_is_said_about_a_step_is_what_most_weights_do(activation, depth, batch_norm):
    options = {"depth": depth, "activation": activation, "batch_norm": batch_norm}
    stack = create_stack(**options)
    x, y = batch()
    optimizer = torch.optim.SGD(stack.parameters(), lr=0.1)
    weight = stack.layers[0].linear.weight
    before = weight.detach().clone()
    F.cross_entropy(stack(x), y).backward()
    optimizer.step()
    moved = (weight != before).float().mean().item()
    words = make(**options).verdict
    stays = "does not move" in words or "change no weight" in words
    assert stays == (moved < 0.5) and ("it moves by" in words) == (moved > 0.5)


def test_a_typical_weight_and_its_step_are_root_mean_squares():
    x, y = batch()
    stack = create_stack(depth=4)
    F.cross_entropy(stack(x), y).backward()
    weight = stack.layers[0].linear.weight
    found = measure_stack(StackConfig(depth=4), x, y)
    assert found.weight == pytest.approx(weight.pow(2).mean().sqrt().item(), rel=1e-4)
    assert found.step == pytest.approx(0.1 * weight.grad.pow(2).mean().sqrt().item(), rel=1e-3)


def test_a_step_at_the_edge_of_float32_is_judged_as_float32_does():
    ulp = 2.0**-23
    assert "it moves by 6" in gradients_of([1, 1, 1], step=0.51 * ulp, weight=1.0).verdict
    assert "does not move" in gradients_of([1, 1, 1], step=0.24 * ulp, weight=1.0).verdict
    large = gradients_of([1, 1, 1], step=3, weight=1.0).verdict
    assert "3 times its own size. Smaller steps are safer" in large
    assert "Smaller steps" not in gradients_of([1, 1, 1e9], step=3, weight=1.0).verdict
    assert "useless" in gradients_of([math.inf, 1, 1], step=math.inf).verdict
    assert "change no weight" in gradients_of([0, 1, 1], step=0.0).verdict
    assert "only training can show" in gradients_of([1, 1, 1]).verdict
    assert "only training can show" not in gradients_of([1e-5, 1, 1]).verdict


# What a logarithmic axis cannot show.


def test_exact_zeros_are_drawn_and_named():
    lab = make(depth=60, init="small")
    zeros = [i for i, v in enumerate(lab.norms.values(), 1) if v == 0]
    assert 1 in zeros and 0 < len(zeros) < 60
    figure = lab.still()
    assert triangles(figure, "v") == [zeros] and triangles(figure, "^") == []
    assert "exactly 0" in legend(figure)
    assert f"exactly 0 at layers 1 to {zeros[-1]}: float32 has no number so small." in lab.verdict
    assert "infinite" not in lab.describe() and "nan" not in lab.describe()


@pytest.mark.filterwarnings("error")
def test_a_stack_without_any_gradient_still_has_a_picture():
    lab = make(depth=60, activation="relu", init="small")
    assert set(lab.norms.values()) == {0.0}
    figure = lab.still()
    assert triangles(figure, "v") == [list(range(1, 62))]
    left, right = figure.axes[0].get_xlim()
    assert left < 1 and right > 61
    assert "0.25 per layer" not in legend(figure)
    assert "ReLUs on the way are shut" in lab.verdict and "change no weight" in lab.verdict


@pytest.mark.filterwarnings("error")
def test_norms_that_are_no_numbers_are_drawn_and_named():
    strange = gradients_of([math.nan, math.inf, 3e38, 1e-45, 0.0, 1.0], step=math.nan)
    figure = stack_gradients_figure(strange, {}, "drawn-garments")
    assert figure.png().startswith(b"\x89PNG")
    assert triangles(figure, "^") == [[1, 2]] and triangles(figure, "v") == [[5]]
    assert {"exactly 0", "infinite or not a number"} <= set(legend(figure))
    assert "infinite or not a number at layers 1 to 2: too large for float32" in figure.alt
    assert "exactly 0 at layer 5" in figure.alt
    assert "not a number at the first layer, 1 at the last" in figure.alt
    bottom, top = figure.axes[0].get_ylim()
    assert bottom < 1e-45 and top > 3e38
    gaps = gradients_of([0.0, 1.0, 0.0, 1.0, 1.0], activation="relu")
    assert "exactly 0 at 2 layers from 1 to 3" in gaps.verdict


def test_pictures_that_make_the_gradient_overflow_are_survived():
    lab = make(splits=pretend(std=1e-30), **RELU_DEEP)
    assert not all(map(math.isfinite, lab.norms.values()))
    assert lab.verdict.startswith("Explodes: ") and "not a number" in lab.verdict
    assert triangles(lab.still(), "^")


# Kept curves.


def test_a_kept_curve_stays_thin_while_others_come():
    lab = make(depth=8)
    assert lab.forget.disabled and not lab.keep.disabled
    first = lab.norms
    lab.keep.click()
    assert lab.kept == ["sigmoid, 8 layers"] and lab.keep.disabled and not lab.forget.disabled
    assert list(curves(lab)) == ["sigmoid, 8 layers", "0.25 per layer"], "drawn once"
    assert "To compare" not in lab.describe()
    lab.batch_norm.value = True
    present, old, _ = curves(lab).values()
    assert old.get_label() == "sigmoid, 8 layers" and list(old.get_ydata()) == list(first.values())
    assert old.get_linewidth() < present.get_linewidth()
    assert old.get_color() != present.get_color()
    assert old.get_linestyle() != present.get_linestyle()
    assert "To compare: sigmoid, 8 layers: " in lab.describe()
    assert "sigmoid, 8 layers" in legend(lab.still())
    lab.forget.click()
    assert lab.kept == [] and lab.forget.disabled and not lab.keep.disabled
    assert list(curves(lab)) == ["sigmoid, batch norm, 8 layers", "0.25 per layer"]


def test_the_oldest_of_four_leaves_and_the_others_keep_their_colours():
    lab = make(depth=2)
    for depth in (2, 3, 4):
        lab.depth.value = depth
        lab.keep.click()
        lab.keep.click()  # once is enough
    lab.depth.value = 9
    assert lab.kept == [f"sigmoid, {n} layers" for n in (2, 3, 4)]
    before = {label: to_hex(line.get_color()) for label, line in curves(lab).items()}
    assert len(set(before.values())) == 5
    lab.keep.click()
    lab.depth.value = 12
    after = {label: to_hex(line.get_color()) for label, line in curves(lab).items()}
    for old, new in ((3, 3), (4, 4), (2, 9), (9, 12)):
        assert before[f"sigmoid, {old} layers"] == after[f"sigmoid, {new} layers"]
    assert lab.kept == [f"sigmoid, {n} layers" for n in (3, 4, 9)]
    assert len(curves(lab)["0.25 per layer"].get_ydata()) == 13, "of the present choice"


def test_a_choice_is_measured_once_and_each_change_draws_once(monkeypatch):
    measure, draw = Mock(side_effect=measure_stack), Mock(side_effect=stack_gradients_figure)
    monkeypatch.setattr(gradient_flow_lab, "measure_stack", measure)
    monkeypatch.setattr(gradient_flow_lab, "stack_gradients_figure", draw)
    lab = make(depth=5)
    page = lab.picture.value
    lab.depth.value = 6
    lab.depth.value = 5
    assert lab.picture.value == page == lab.to_html()
    lab.keep.click()
    lab.depth.value = 6
    lab.forget.click()
    assert (measure.call_count, draw.call_count) == (2, 6)


# Arguments, and what the widget is made of.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "swish"}, "unknown activation 'swish': choose one of sigmoid, tanh, relu"),
        ({"init": "zero"}, "unknown init 'zero': choose one of pytorch, small, xavier, he"),
        ({"depth": 1}, "depth must be from 2 to 60, got 1"),
        ({"depth": 61}, "depth must be from 2 to 60, got 61"),
        ({"batch_size": 1}, "at least 2 pictures, got 1: choose a larger batch_size"),
        ({"splits": drawn_garments(1, 1)}, "at least 2 pictures, got 1"),
    ],
)
def test_wrong_arguments_are_explained(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**options)


def test_without_pictures_it_takes_as_many_as_it_needs(monkeypatch):
    fake = Mock(return_value=PICTURES)
    monkeypatch.setattr(gradient_flow_lab, "fashion_mnist", fake)
    assert make(splits=None, depth=3).norms == make(depth=3).norms
    fake.assert_called_once_with(limit=(64, 1))


def test_controls_say_what_they_are_without_being_cut_off():
    lab = make(depth=4)
    assert (lab.depth.min, lab.depth.max, lab.depth.continuous_update) == (2, 60, False)
    assert [name for _, name in lab.init.options] == list(INITIALISATIONS)
    assert [name for _, name in lab.activation.options] == list(ACTIVATIONS)
    for control in (lab.depth, lab.activation, lab.init):
        assert control.description and control.style.description_width == "initial"
    for control in (lab.depth, lab.init, lab.batch_norm, lab.shortcut, lab.keep, lab.forget):
        assert control.description and control.tooltip


def test_the_static_form_is_complete():
    lab = make(depth=12)
    lab.keep.click()
    lab.activation.value = "relu"
    page = lab.to_html()
    first, *_, last = map(number, lab.norms.values())
    words = f"ReLU, 12 layers: {first} at the first layer, {last} at the last."
    assert words in lab.describe() and "drawn-garments" in lab.describe()
    assert lab.describe() == lab.still().alt and lab.describe() in page
    assert page.endswith("</p>") and lab.verdict in re.sub("<[^<>]*>", "", page)


def test_a_hostile_name_of_the_pictures_cannot_leave_its_place():
    hostile = '"><script>alert(1)</script>'
    lab = GradientFlowLab(pretend(source=hostile), depth=3)
    assert hostile in lab.describe()
    assert "<script" not in lab.picture.value and '">&lt;' not in lab.picture.value
    assert "&lt;script&gt;alert(1)" in lab.picture.value


def test_measuring_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    make(depth=4).init.value = "he"
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_are_written_for_people():
    written = [number(v) for v in (0, 1.4e-45, 0.0123, 3.14159, 99.6, 12345.6, 2e5, math.inf)]
    assert written == ["exactly 0", "1.4e-45", "0.012", "3.1", "100", "12,346", "2e+05", "infinite"]
    assert number(math.nan) == "not a number"
    assert gradients_of([1, 1]).recipe == "sigmoid, 1 layer"
