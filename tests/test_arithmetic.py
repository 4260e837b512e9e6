"""The arithmetic on the page against PyTorch: every formula must come out at the traced number."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course import create_model, trace
from resnet_course.tracing.arithmetic import dropped_pixels, in_bytes, memory, sums


def computed(formula: str) -> tuple[float, int]:
    """Evaluate the left side of a formula; return it and the number on the right."""
    left, _, right = formula.rpartition(" = ")
    left = left or right
    left = left.replace("⌊", "int(").replace("⌋", ")").replace("·", "*").replace("−", "-")
    return eval(left.replace(",", "")), int(right.replace(",", ""))  # noqa: S307


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d", "resnet20", "plain8"])
@pytest.mark.parametrize("size", [28, 33, 97])
def test_every_formula_comes_out_at_the_traced_number(name, size):
    table = trace(create_model(name, in_channels=3), (3, size, size))
    for row in table:
        found = {each.what: each.formula for each in sums(row)}
        if row.kind in ("Conv2d", "MaxPool2d"):
            assert computed(found["height and width"]) == (row.out_shape[1], row.out_shape[1])
        if row.kind in ("Conv2d", "Linear"):
            biases = row.out_shape[0] if row.kind == "Linear" else 0
            weights = row.params - biases
            assert computed(found["weights"]) == (weights, weights)
            assert computed(found["multiply-adds"]) == (row.macs, row.macs)
        if row.kind in ("BatchNorm2d", "ReLU", "add", "flatten"):
            assert not found


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_dropped_pixels_are_those_at_the_end_that_have_no_gradient(size, kernel, stride, padding):
    if size + 2 * padding < kernel or padding > kernel // 2:
        return
    conv = nn.Conv2d(1, 1, kernel, stride, padding)
    nn.init.ones_(conv.weight)
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    conv(x).sum().backward()
    rows = x.grad[0, 0].abs().sum(dim=1) > 0
    behind = size - 1 - int(rows.nonzero().max()) if rows.any() else size
    _, of_map = dropped_pixels(trace(conv, (1, size, size))[0])
    assert of_map == behind


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 9, 9)),
        (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2, bias=False), (4, 5, 7)),
        (nn.Linear(96, 384), (56, 40, 96)),
        (nn.Linear(6, 5, bias=False), (7, 6)),
        (nn.Linear(6, 5), (6,)),
    ],
)
def test_formulas_of_other_layers_come_out_too(layer, shape):
    row = trace(layer, shape)[0]
    found = {each.what: each for each in sums(row)}
    assert computed(found["weights"].formula) == (layer.weight.numel(),) * 2
    assert computed(found["multiply-adds"].formula) == (row.macs, row.macs)
    assert ("biases" in found["weights"].remark) == (layer.bias is not None)


@pytest.mark.parametrize(
    ("layer", "size", "dropped", "words"),
    [
        (nn.Conv2d(1, 1, 3, 2, 1), 56, (1, 0), "row and column: padding"),
        (nn.Conv2d(1, 1, 3, 3), 56, (2, 2), "2 rows and columns of the map"),
        (nn.Conv2d(1, 1, 3, 3, 1), 9, (2, 1), "2 rows and columns: padding and 1 of the map"),
    ],
)
def test_the_remark_tells_padding_from_pixels(layer, size, dropped, words):
    row = trace(layer, (1, size, size))[0]
    assert dropped_pixels(row) == dropped
    assert sums(row)[0].remark == f"no window reaches the last {words}"


@pytest.mark.parametrize(
    ("layer", "shape", "formula", "remark"),
    [
        (nn.Conv2d(1, 1, 3, 2, 1), (1, 57, 57), "⌊(57 + 2·1 − 3) / 2⌋ + 1 = 29", ""),
        (nn.Conv2d(1, 1, 2, 3), (1, 56, 56), "", "the windows read 4 of 9 pixels"),
        (nn.Conv1d(1, 1, 2, 3), torch.zeros(1, 1, 30), "", "the windows read 2 of 3 pixels"),
        (nn.Conv2d(1, 1, 1, (2, 1)), (1, 8, 8), "", "the windows read 1 of 2 pixels"),
        (nn.Conv2d(1, 1, 1, (2, 3)), (1, 9, 9), "", "the windows read 1 of 6 pixels"),
        (nn.Conv2d(1, 1, 1, 2), (1, 56, 40), "", "the windows read 1 of 4 pixels"),
        (nn.AdaptiveAvgPool2d(3), (1, 11, 11), "11 → 3", ""),
        (nn.AdaptiveAvgPool2d(8), (1, 5, 5), "5 → 8", ""),
    ],
)
def test_windows_that_skip_pixels_and_windows_that_leave_none(layer, shape, formula, remark):
    row = trace(layer, shape)[0]
    first = sums(row)[0]
    assert formula in first.formula
    assert remark or dropped_pixels(row) == (0, 0)
    assert first.remark.startswith(remark) if remark else not first.remark


def test_height_and_width_have_a_line_each_where_they_differ():
    row = trace(nn.Conv2d(3, 4, (3, 5), (1, 2)), (3, 20, 31))[0]
    results = {each.what: computed(each.formula)[1] for each in sums(row)[:2]}
    assert results == dict(zip(("height", "width"), row.out_shape[1:], strict=True))


def test_axes_have_the_names_of_their_signals():
    names = {
        (nn.Conv1d(1, 1, 3), torch.zeros(1, 1, 9)): ["length"],
        (nn.Conv3d(1, 1, 3), torch.zeros(1, 1, 9, 9, 9)): ["depth, height and width"],
        (nn.Conv3d(1, 1, 3), torch.zeros(1, 1, 7, 9, 9)): ["depth", "height and width"],
    }
    for (layer, x), found in names.items():
        assert [each.what for each in sums(trace(layer, x)[0])[: len(found)]] == found


@pytest.mark.parametrize(
    ("layer", "shape", "remarks"),
    [
        (nn.Conv2d(1, 1, 7, 2, 3), (1, 97, 128), ["", "column: padding"]),
        (nn.Conv2d(1, 1, 7, 2, 3), (1, 128, 97), ["row: padding", ""]),
        (nn.Conv2d(1, 1, 3, 3), (1, 11, 10), ["2 rows of the map", "column of the map"]),
        (nn.Conv2d(1, 1, 3, (2, 1)), (1, 8, 8), ["row of the map", ""]),
        (nn.Conv1d(1, 1, 3, 3), torch.zeros(1, 1, 11), ["2 pixels of the map"]),
    ],
)
def test_what_is_left_over_is_named_for_each_side(layer, shape, remarks):
    row = trace(layer, shape)[0]
    told = [each.remark for each in sums(row)[: len(remarks)]]
    assert told == [words and f"no window reaches the last {words}" for words in remarks]


def test_biases_and_groups_are_named():
    grouped = trace(nn.Conv2d(8, 16, 3, groups=4), (8, 9, 9))[0]
    assert sums(grouped)[1].formula == "3·3·2·16 = 288"
    assert sums(grouped)[1].remark == "8/4 = 2 channels per group; and 16 biases"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        *((500, "500 bytes"), (1010, "1010 bytes"), (1024, "1.0 KiB"), (401408, "392 KiB")),
        *((1_020_000, "996 KiB"), (3_211_264, "3.1 MiB")),
    ],
)
def test_bytes_are_written_as_people_do(count, words):
    assert in_bytes(count) == words


def test_memory_is_four_bytes_a_number():
    row = trace(nn.Conv2d(3, 64, 7, 2, 3), (3, 224, 224))[0]
    assert memory(row) == torch.zeros(row.out_shape).nbytes
