"""GradientFlowLab: the norms are those of autograd, and what it says about them is true."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
import torch
import torch.nn.functional as F
from helpers import SVG, texts

from resnet_course import create_stack, gradient_norms
from resnet_course.data import Splits, drawn_garments
from resnet_course.measure.stack_gradients import (
    RULES,
    StackGradients,
    measure_stack,
    number,
    step_words,
)
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


def drawn(picture: str, kind: str, class_: str) -> list[ElementTree.Element]:
    """Return the elements of an SVG that have a class."""
    every = ElementTree.fromstring(picture).iter(f"{SVG}{kind}")
    return [each for each in every if class_ in (each.get("class") or "").split()]


def corners(path: ElementTree.Element) -> list[tuple[float, float]]:
    numbers = list(map(float, re.findall(r"[-\d.]+", path.get("d"))))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def curve(picture: str, place: int = 0) -> list[tuple[float, float]]:
    """Return the corners of the curve with a place in COLOURS: layers and norms."""
    (path,) = drawn(picture, "path", f"place{place}")
    return read(picture, corners(path))


def bound(picture: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(picture)
    lines = [p for p in root.iter(f"{SVG}path") if p.get("stroke-width") == "1.4"]
    return read(picture, corners(lines[0])) if lines else []


def read(picture: str, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Read layers and norms off the axes, as a person does."""
    root = ElementTree.fromstring(picture)
    words = [(t.text, float(t.get("x")), float(t.get("y"))) for t in root.iter(f"{SVG}text")]
    norms = [(float(t), y) for t, x, y in words if re.fullmatch(r"1(e-?\d+)?", t) and x < 70]
    layers = [(float(t), x) for t, x, y in words if re.fullmatch(r"\d+", t) and x > 70]
    (n1, y1), *_, (n2, y2) = norms
    (l1, x1), *_, (l2, x2) = layers
    per_layer, per_decade = (x2 - x1) / (l2 - l1), (y2 - y1) / math.log10(n2 / n1)
    return [(l1 + (x - x1) / per_layer, n1 * 10 ** ((y + 4 - y1) / per_decade)) for x, y in points]


def tips(picture: str) -> list[str]:
    return ["".join(each.itertext()) for each in drawn(picture, "text", "gradient-tip")]


def triangles(picture: str, marker: str) -> list[list[int]]:
    """Return the layers of each row of triangles."""
    rows: dict[str, list[int]] = {}
    for each in drawn(picture, "path", f"edge-{marker}"):
        if corners(each)[0][0] > 70:  # not in the legend
            layer = read(picture, [corners(each)[0]])[0][0]
            rows.setdefault(each.get("fill"), []).append(round(layer))
    return list(rows.values())


def squares(picture: str) -> list[str]:
    """Return for every layer how full its square is."""
    found = []
    for group in drawn(picture, "g", "gradient-dot"):
        if sides := group.findall(f"{SVG}rect"):
            found.append(float(sides[1].get("height")) / 9 if sides[1:] else 0)
    return [{1: "most", 0.5: "some", 0: "none"}[each] for each in found]


def gradients_of(norms, step=1e-3, weight=0.02, **options) -> StackGradients:
    config = StackConfig(depth=len(norms) - 1, **options)
    names = [*(f"layers.{i}.linear" for i in range(config.depth)), "fc"]
    return StackGradients(config, dict(zip(names, norms, strict=True)), weight, step)


def moved_by_hand(**options) -> list[float]:
    """Return for every layer of a stack which share of its weights one step of SGD changes."""
    stack, (x, y) = create_stack(**options), batch()
    layers = [*(layer.linear for layer in stack.layers), stack.fc]
    before = [layer.weight.detach().clone() for layer in layers]
    optimizer = torch.optim.SGD(stack.parameters(), lr=0.1)
    F.cross_entropy(stack(x), y).backward()
    optimizer.step()
    pairs = zip(layers, before, strict=True)
    return [(layer.weight != old).double().mean().item() for layer, old in pairs]


def pretend(source: str = PICTURES.source, std: float = 0.5) -> Splits:
    """Return splits that say something else about themselves."""
    return replace(PICTURES, source=source, mean=0.5, std=std)


def test_no_words_of_a_dot_leave_the_picture():
    lab = make(depth=30, activation="relu", init="xavier", batch_norm=True, shortcut=True)
    lab.keep.click()
    lab.shortcut.value = False
    said = drawn(lab.still(), "text", "gradient-tip")
    assert len(said) == 62
    for tip in said:
        middle, half = float(tip.get("x")), 4.3 * len("".join(tip.itertext()))
        assert tip.get("text-anchor") == "middle" and middle > half and middle + half < 760


def test_what_the_dots_say_to_the_mouse_stands_in_a_list_too():
    lab = GradientFlowLab(PICTURES, depth=4)
    assert lab.points.words.value == "" and lab.points.shown.description.startswith("show")
    lab.points.shown.value = True
    assert lab.points.shown.description.startswith("hide")
    for step in (False, True):
        lab.step.value = step
        said, told = tips(lab.still()), lab.points.words.value
        assert len(said) == told.count("<li>") == 5 + 5 * step
        assert all(f"<li>{words}</li>" in told for words in said)


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
    layers, heights = zip(*curve(lab.still()), strict=True)
    assert heights == pytest.approx(list(lab.norms.values()), rel=0.3)  # a tenth of a pixel
    assert layers == pytest.approx(range(1, len(lab.norms) + 1), abs=0.01)


def test_every_dot_says_its_layer_and_its_number():
    lab = make(depth=9)
    expected = [f"layer {i}: {number(norm)}" for i, norm in enumerate(lab.norms.values(), 1)]
    assert tips(lab.still()) == expected
    assert ".gradient-dot:hover .gradient-tip { visibility: visible }" in lab.picture.value
    lab.keep.click()
    lab.depth.value = 4
    assert f"{expected[2]} (sigmoid, 9 layers)" in tips(lab.still())


@pytest.mark.parametrize("depth", [2, 30])
def test_the_line_of_the_sigmoid_loses_three_quarters_per_layer_and_ends_at_the_last(depth):
    lab = make(depth=depth)
    _, y = zip(*bound(lab.still()), strict=True)
    assert len(y) == depth + 1 and y[-1] == pytest.approx(lab.norms["fc"], rel=0.2)
    assert [a / b for a, b in zip(y, y[1:], strict=False)] == pytest.approx([0.25] * depth, rel=0.2)
    assert y[0] / y[-1] == pytest.approx(0.25**depth, rel=0.3)
    assert "0.25 per layer" in texts(lab.still()) and "A quarter per layer" in lab.verdict
    for other in ("tanh", "relu"):
        lab.activation.value = other
        assert not bound(lab.still()) and "0.25 per layer" not in texts(lab.still())
        assert "quarter" not in lab.describe()


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
    assert f"{lab._present().recipe}: {lab._present().level.lower()}" in texts(lab.still())


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
    assert texts(lab.still())[0].endswith(level.lower())


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
    moved = moved_by_hand(**options)[0]
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
    assert "exactly 0" in texts(figure)
    assert f"exactly 0 at layers 1 to {zeros[-1]}: float32 has no number so small." in lab.verdict
    assert "infinite" not in lab.describe() and "nan" not in lab.describe()


@pytest.mark.filterwarnings("error")
def test_a_stack_without_any_gradient_still_has_a_picture():
    lab = make(depth=60, activation="relu", init="small")
    assert set(lab.norms.values()) == {0.0}
    figure = lab.still()
    assert triangles(figure, "v") == [list(range(1, 62))]
    assert not drawn(figure, "path", "gradient-curve")
    assert tips(figure) == [f"layer {i}: exactly 0" for i in range(1, 62)]
    lab.keep.click()
    assert len(triangles(lab.still(), "v")) == 2 and tips(lab.still()) == tips(figure)
    assert "ReLUs on the way are shut" in lab.verdict and "change no weight" in lab.verdict


@pytest.mark.filterwarnings("error")
def test_norms_that_are_no_numbers_are_drawn_and_named():
    strange = gradients_of([math.nan, math.inf, 3e38, 1.4e-45, 0.0, 1.0], step=math.nan)
    figure = stack_gradients_figure(strange, {}, "drawn-garments")
    assert figure.png().startswith(b"\x89PNG")
    assert triangles(figure, "^") == [[1, 2]] and triangles(figure, "v") == [[5]]
    assert {"exactly 0", "infinite or not a number"} <= set(texts(figure))
    assert "infinite or not a number at layers 1 to 2: too large for float32" in figure.alt
    assert "exactly 0 at layer 5" in figure.alt
    assert "not a number at the first layer, 1 at the last" in figure.alt
    edges = ["layer 5: exactly 0", "layer 1: not a number", "layer 2: infinite"]
    assert tips(figure) == ["layer 3: 3e+38", "layer 4: 1.4e-45", "layer 6: 1", *edges]
    marks = drawn(figure, "circle", "gradient-mark")
    assert all(52 < float(mark.get("cy")) < 332 for mark in marks)
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
    # It can be seen at once: a broad pale line below the present one.
    (under,) = drawn(lab.still(), "path", "place1")
    (over,) = drawn(lab.still(), "path", "place0")
    assert float(under.get("stroke-width")) > 2 * float(over.get("stroke-width"))
    assert "kept: sigmoid, 8 layers" in texts(lab.still())
    assert lab.told.value == "kept: sigmoid, 8 layers"
    assert len(tips(lab.still())) == 9, "its dots are drawn once"
    assert "To compare" not in lab.describe()
    lab.batch_norm.value = True
    picture = lab.still()
    (old,), (present,) = (drawn(picture, "path", f"place{n}") for n in (1, 0))
    assert [norm for _, norm in curve(picture, 1)] == pytest.approx([*first.values()], rel=0.3)
    assert float(old.get("stroke-width")) < float(present.get("stroke-width"))
    assert old.get("stroke") != present.get("stroke")
    assert old.get("stroke-dasharray") and not present.get("stroke-dasharray")
    assert "To compare: sigmoid, 8 layers: " in lab.describe()
    assert "kept: sigmoid, 8 layers" in texts(picture)
    lab.forget.click()
    assert lab.kept == [] and lab.forget.disabled and not lab.keep.disabled
    assert not any("kept" in words for words in (*texts(lab.still()), lab.told.value))


def colours(lab: GradientFlowLab) -> dict[str, str]:
    """Recipe → colour of its curve, as the dots say."""
    found = {}
    for dot in drawn(lab.still(), "g", "gradient-dot"):
        words = "".join(dot.itertext())
        recipe = words[words.index("(") + 1 : -2] if "(" in words else lab._present().recipe
        found[recipe.strip(" )")] = dot.findall(f"{SVG}circle")[1].get("stroke")
    return found


def test_the_oldest_of_four_leaves_and_the_others_keep_their_colours():
    lab = make(depth=2)
    for depth in (2, 3, 4):
        lab.depth.value = depth
        lab.keep.click()
        lab.keep.click()  # once is enough
    lab.depth.value = 9
    assert lab.kept == [f"sigmoid, {n} layers" for n in (2, 3, 4)]
    before = colours(lab)
    assert len(set(before.values())) == 4
    lab.keep.click()
    lab.depth.value = 12
    after = colours(lab)
    for old, new in ((3, 3), (4, 4), (2, 9), (9, 12)):
        assert before[f"sigmoid, {old} layers"] == after[f"sigmoid, {new} layers"]
    assert lab.kept == [f"sigmoid, {n} layers" for n in (3, 4, 9)]
    assert len(bound(lab.still())) == 13, "of the present choice"


# One step of training.


@pytest.mark.parametrize(
    "options",
    [{}, {"depth": 60, "init": "small"}, {"activation": "relu", "init": "he"}, RELU_DEEP,
     {"depth": 9, "batch_norm": True, "shortcut": True}],
)  # fmt: skip
def test_the_layers_that_move_are_those_whose_weights_one_step_changes(options):
    real = moved_by_hand(**{"depth": 30, **options})
    lab = make(**options)
    assert lab.moved is None and not squares(lab.still())
    lab.step.value = True
    assert list(lab.moved) == list(lab.norms)
    assert list(lab.moved.values()) == pytest.approx(real, abs=1e-6)
    expected = ["most" if share >= 0.5 else "some" if share else "none" for share in real]
    assert squares(lab.still()) == expected
    says = [words for words in tips(lab.still()) if "weights have changed" in words]
    assert says == [
        f"layer {i}: {number(100 * s)}% of its weights have changed" for i, s in enumerate(real, 1)
    ]
    lab.step.value = False
    assert "has changed" not in lab.describe() and lab.moved is None


def test_words_say_which_layers_move():
    shares = dict(zip("abcdef", (0, 0, 1e-4, 0.49, 0.5, 1), strict=True))
    assert step_words(shares) == (
        "One step of training (learning rate 0.1) has changed most weights of layers 5 to 6, "
        "some weights of layers 3 to 4, and no weight of layers 1 to 2."
    )
    assert step_words({"fc": 0}).endswith("has changed no weight of layer 1.")
    lab = make()
    lab.step.value = True
    words = step_words(lab.moved)
    below = [page.rpartition(end)[2] for page, end in
             ((lab.picture.value, "</svg>"), (lab.to_html(), "</figure>"))]  # fmt: skip
    assert all(words in place for place in (lab.describe(), *below))
    lab.init.value = "he"  # the next choice is trained as well
    assert step_words(lab.moved) in lab.describe() and step_words(lab.moved) != words


def test_a_choice_is_measured_once_and_each_change_draws_once(monkeypatch):
    measure, draw = Mock(side_effect=measure_stack), Mock(side_effect=stack_gradients_figure)
    monkeypatch.setattr(gradient_flow_lab, "measure_stack", measure)
    monkeypatch.setattr(gradient_flow_lab, "stack_gradients_figure", draw)
    lab = make(depth=5)
    page = lab.picture.value
    lab.depth.value = 6
    lab.depth.value = 5
    assert lab.picture.value == page
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
    for control in (lab.activation, lab.init):
        assert control.description and control.style.description_width == "initial"
    controls = (lab.depth, lab.init, lab.batch_norm, lab.shortcut, lab.step, lab.keep, lab.forget)
    for control in controls:
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
