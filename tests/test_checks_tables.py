"""Each mistake in the text tables of the checkers, given as an answer, gets the table's words."""

from __future__ import annotations

import inspect
import itertools
import re
from typing import Any

import pytest
from answer_tools import cell, must_say

from resnet_course import checks
from resnet_course.checks import (
    answers,
    applications,
    blocks,
    gradients,
    in_place,
    measuring,
    own_pictures,
    shapes,
    training,
)
from resnet_course.checks.faults import read_toml
from resnet_course.checks.variants import BASIC, NETWORK, THIN, edited, table

# Exercises that ask for a value.

TABLES = {
    "sigmoid_slope": gradients.SLOPES,
    "slope_bound": gradients.BOUNDS,
    "gradient_norms": gradients.MISTAKES,
    "residual_forward": blocks.ADDITIONS,
    "batch_norm": in_place.NORMS,
    "conv_output_size": shapes.SIZE,
    "count_layers": shapes.LAYERS,
    "stage_shapes": shapes.SHAPES,
    "conv_params": shapes.PARAMS,
    "train_step": training.MISTAKES,
    "sgd_momentum": in_place.STEPS,
    "evaluate": measuring.EVALUATE,
    "topk_accuracy": measuring.TOPK,
    "box_iou": applications.IOU,
    "attention": applications.ATTENTION,
    "growth_cost": applications.GROWTH,
    "channel_statistics": own_pictures.STATISTICS,
    "stratified_split": own_pictures.SPLITS,
}
VALUES = [
    pytest.param(name, wrong, words, id=f"{name} {number}: {words[:60]}")
    for name, mistakes in TABLES.items()
    for number, (words, wrong) in enumerate(mistakes)
]


@pytest.mark.parametrize(("name", "wrong", "words"), VALUES)
def test_a_known_mistake_in_a_value_gets_its_words(name, wrong, words):
    must_say(name, wrong, re.escape(words) + "$")


def test_every_part_of_the_table_of_values_is_used():
    used = {words for mistakes in TABLES.values() for words, _ in mistakes}
    assert used == {words for part in read_toml("mistakes").values() for words in part.values()}


EDITED = {
    "batch_norm": answers.batch_norm,
    "train_step": training._step,
    "sgd_momentum": answers.sgd_momentum,
    "box_iou": answers.box_iou,
    "stratified_split": answers.stratified_split,
}


@pytest.mark.parametrize("name", EDITED)
def test_every_edit_changes_something(name):
    for edits in read_toml("mistakes")[name]:
        text = inspect.getsource(EDITED[name])
        for edit in edits.split(" | "):
            assert edited(text, [edit]) != text, edit
            text = edited(text, [edit])


# Blocks and networks: edits of the right source text.

IN_BASIC = ("the first convolution", "the second convolution")
IN_THIN = ("the first 1×1", "the 3×3", "the last 1×1")
NEXT = THIN.replace("groups=1, base_width=64", "groups=32, base_width=4")
PATHS, BRANCH = ["paths", "shortcut"], ["batch norms", "small things"]
KINDS = {
    "basic_block": (BASIC, IN_BASIC, [*PATHS, "basic strides", *BRANCH]),
    "bottleneck": (THIN, IN_THIN, ["thin widths", *PATHS, "thin strides", *BRANCH]),
    "resnext_block": (
        NEXT, IN_THIN,
        ["groups", "group widths", "output", *PATHS, "thin strides", *BRANCH, "defaults"],
    ),
    "resnet34": (NETWORK, IN_BASIC, ["network sizes", "network numbers"]),
}  # fmt: skip


def mistakes(name: str) -> list[Any]:
    """Fill in the names of the convolutions; leave out what changes nothing in this block."""
    right, convolutions, parts = KINDS[name]
    found: dict[str, tuple[list[str], str]] = {right: ([], "")}
    for mistake in table(*parts):
        for i, conv in enumerate(convolutions, start=1):
            names = {"i": i, "conv": conv, "Conv": conv.capitalize()}
            names |= {"last": len(convolutions), "last_conv": convolutions[-1]}
            full = "\n".join(mistake)
            for word, value in names.items():
                full = full.replace(f"{{{word}}}", str(value))
            words, *edits = full.split("\n")
            found.setdefault(edited(right, edits), (edits, words))
    rows = list(found.values())[1:]
    return [pytest.param(name, *row, id=f"{name} {n}: {row[1][:60]}") for n, row in enumerate(rows)]


def with_numbers(words: str, message: str) -> str:
    """Fill in numbers, "{4 * channels}", from those that a message begins with."""
    numbers: dict[str, Any] = {"stride": 1, "groups": 1, "base_width": 64}
    numbers |= {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", message.split(":")[0])}
    if "channels" in numbers:
        numbers["per_group"] = int(numbers["channels"] * numbers["base_width"] / 64)
        numbers["width"] = numbers["per_group"] * numbers["groups"]
    return re.sub(r"\{(.+?)\}", lambda code: str(eval(code[1], numbers)), words)


@pytest.mark.parametrize(
    ("name", "edits", "words"), [row for name in KINDS for row in mistakes(name)]
)
def test_a_known_mistake_in_a_block_gets_its_words(name, edits, words):
    """Some are another mistake as long as the shape stays: so begin later and later with it."""
    right, wrong = cell(KINDS[name][0]), cell(edited(KINDS[name][0], edits))
    heard = []
    for begin in range(6):
        kinds = iter([right] * begin + [wrong] * 6)
        result = getattr(checks, name)(lambda *sizes, kinds=kinds: next(kinds)(*sizes))
        heard.append(result.message)
        if not result and result.message.endswith(with_numbers(words, result.message)):
            return
        if result:
            break
    pytest.fail("\n".join(heard))


@pytest.mark.parametrize("name", KINDS)
def test_the_text_that_mistakes_change_is_right(name):
    must_say(name, cell(KINDS[name][0]), "right")


PAIRS = list(itertools.product([1, 11], range(0, 45, 9)))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_any_two_mistakes_together_get_a_verdict(one, other):
    rows = [row.values[1] for row in mistakes("basic_block")]
    result = checks.basic_block(cell(edited(BASIC, rows[one] + rows[other])))
    assert not result and "could not be checked" not in result.message
