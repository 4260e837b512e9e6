"""The explorer's widget without a browser: its data, its place, its messages."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
import traitlets
from helpers import Net, listened, meta
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnet_course import BasicBlock, create_model, trace
from resnet_course.pictures.described import Svg
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explorer_folders import MOST_BARS, bars, find_node, opened_to


def broken() -> nn.Module:
    halved, whole = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(3, 8, 3, padding=1)
    return Net(lambda self, x: self.halved(x) + self.whole(x), halved=halved, whole=whole)


def assert_agrees(widget: ShapeExplorer) -> None:
    """Assert that layer, place, opened and level speak of the same place."""
    network = widget.network
    node = find_node(network, widget.place, widget.layer)
    assert node is not None and node["name"] == widget.place
    assert widget.place in widget.describe() or widget.error
    assert set(widget.opened) <= {folder["name"] for folder in network["folders"]}
    if widget.level:
        assert set(opened_to(network, widget.level)) == set(widget.opened)


# What the page gets.


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (meta("resnet152"), (3, 224, 224)),
        (meta("resnext20_8x4d", in_channels=1), (1, 28, 28)),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Sigmoid()), (1, 28, 28)),
        (nn.Sequential(nn.Linear(8, 4), nn.ReLU()), (8,)),
        (nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()), torch.zeros(1, 1, 28)),
        (nn.Sequential(nn.Embedding(9, 4)), torch.zeros(1, 7, dtype=torch.int64)),
        (nn.MultiheadAttention(8, 2, batch_first=True), [torch.zeros(1, 5, 8)] * 3),
        (nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 9, 9)),
        (nn.Conv3d(1, 2, 3), torch.zeros(1, 1, 5, 6, 7)),
        (BasicBlock(8, 16, stride=2), (8, 15, 20)),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0)), (1, 1, 2, 2)),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), (1, 3, 8, 8)),
        (nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d()), torch.rand(2, 3, 8, 8)),
        (Net(lambda self, x, y: [self.a(x), y.relu()], a=nn.ReLU()), [(1, 3), (1, 5)]),
    ],
)
def test_any_network_can_be_shown(model, shape):
    widget = ShapeExplorer(model, shape)
    assert widget.error == "" and widget.trace == trace(model, shape)
    text = json.dumps(widget.page_data(), allow_nan=False)
    assert "nan" not in text and "NaN" not in text
    assert (
        isinstance(widget.still(), Svg) and widget.still().png() and "<figure" in widget.to_html()
    )
    rows = widget.network["rows"]
    for row, step in enumerate(widget.trace):
        widget.layer = row
        assert (rows[row]["in"], rows[row]["out"]) == (list(step.in_shape), list(step.out_shape))
        assert f"step {row + 1} of {len(rows)}" in widget.describe()
        assert rows[row]["label"] and all(len(line) <= 34 for line in rows[row].get("about", []))
    ends = {target for _, target, _ in widget.network["edges"]}
    assert len(widget.network["outputs"]) == len([end for end in ends if end >= len(rows)])


WINDOW = {"kernel": [3, 3], "stride": [1, 1], "padding": [0, 0], "dropped": [0, 0]}


def test_the_first_strided_convolution_says_everything():
    widget = ShapeExplorer(meta("resnet34"), (3, 224, 224), title="ResNet-34")
    widget.place = "layer2.0.conv1"
    row = widget.network["rows"][widget.layer]
    assert row["label"] == "3×3 convolution" and row["brief"] == "conv 3×3, stride 2"
    assert row["about"] == ["64 → 128 channels", "stride 2 · padding 1"]
    assert [formula for _, formula, _ in row["sums"]] == [
        "⌊(56 + 2·1 − 3) / 2⌋ + 1 = 28",
        "3·3·64·128 = 73,728",
        "73,728·28·28 = 57,802,752",
    ]
    assert dict(row["facts"]) == {
        "parameters": "73,728",
        "multiply-adds": "57,802,752",
        "one value sees": "67 px",
        "output takes": "392 KiB",
    }
    assert row["window"] == WINDOW | {"stride": [2, 2], "padding": [1, 1]}
    assert "64×56×56, conv 1×1, stride 2 → batch norm. " in row["lane"]
    assert "in 5 steps: 128×28×28 + 128×28×28." in row["lane"]
    assert widget.describe() == (
        f"ResNet-34, step {widget.layer + 1} of {len(widget.trace)}, layer2.0.conv1 (Conv2d): "
        "64×56×56 goes in, 128×28×28 comes out; 73,728 parameters, 57,802,752 multiply-adds; "
        "one value sees 67 pixels."
    )


def test_a_window_with_gaps_is_named_by_what_it_reads():
    model = nn.Sequential(nn.Conv2d(4, 8, 3, padding=2, dilation=2), nn.MaxPool2d(2, 1, 0, (1, 3)))
    conv, pool = ShapeExplorer(model, (4, 9, 9)).network["rows"]
    assert conv["label"] == "3×3 convolution, dilation 2"
    assert conv["brief"] == "conv 3×3, dilation 2"
    assert conv["window"] == WINDOW | {"padding": [2, 2], "dilation": [2, 2]}
    assert [formula for _, formula, _ in conv["sums"]] == [
        "⌊(9 + 2·2 − 5) / 1⌋ + 1 = 9",
        "3·3·4·8 = 288",
        "288·9·9 = 23,328",
    ]
    assert conv["sums"][0][2] == "3 values with dilation 2 span 5 pixels"
    assert pool["label"] == "2×2 max pooling, dilation 1×3"
    for size, words in ((1, "average of all pixels"), (3, "average pooling to 3×3")):
        (row,) = ShapeExplorer(nn.AdaptiveAvgPool2d(size), (2, 11, 11)).network["rows"]
        assert row["label"] == words
    assert (pool["window"]["kernel"], pool["window"]["dilation"]) == ([2, 2], [1, 3])


@pytest.mark.parametrize(
    ("mode", "words"),
    [("circular", "other side"), ("reflect", "mirrored"), ("replicate", "at the edge")],
)
def test_padding_that_holds_no_zeros_is_named(mode, words):
    model = nn.Conv2d(2, 3, (1, 3), stride=(2, 1), padding=(0, 1), padding_mode=mode)
    (row,) = ShapeExplorer(model, (2, 8, 8)).network["rows"]
    assert row["window"]["padding"] == [0, 1] and row["window"]["mode"] == mode
    assert row["about"][1] == "stride 2×1 · padding 0×1" and words in row["about"][2]
    assert row["sums"][0][1] == "⌊(8 − 1) / 2⌋ + 1 = 4" and "zero" not in str(row)


def test_every_stage_and_block_is_a_folder():
    network = ShapeExplorer("resnet18").network
    kinds = {folder["name"]: folder["kind"] for folder in network["folders"]}
    assert kinds["layer2.0"] == "BasicBlock" and kinds["layer2"] == ""
    assert {"layer2.0.downsample", "layer4.1"} <= kinds.keys()
    (stage,) = (folder for folder in network["folders"] if folder["name"] == "layer2")
    assert (stage["in"], stage["out"]) == ([64, 56, 56], [128, 28, 28])
    assert stage["label"] == f"{stage['last'] - stage['first'] + 1} steps"
    assert network["opened"] == ["layer1", "layer2", "layer3", "layer4"]
    for name in ("resnet152", "resnet110", "plain56"):
        other = ShapeExplorer(name).network
        assert 4 <= len(bars(other, other["opened"])) <= MOST_BARS


def test_shares_end_with_all_multiply_adds():
    shares = [row["share"] for row in ShapeExplorer("resnet20", (3, 32, 32)).network["rows"]]
    assert shares == sorted(shares) and shares[-1] == 1


def test_hostile_names_are_text():
    name = "<script>alert(1)</script>\x00"
    model = nn.Sequential()
    model.add_module(name, nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
    model.add_module("relu", nn.ReLU())
    widget = ShapeExplorer(model, torch.rand(1, 1, 4, 4), title=name)
    assert "<script" not in widget.to_html()
    text = json.dumps(widget.page_data(), ensure_ascii=False)
    assert "\x00" not in text.replace(json.dumps(name)[1:-1], "")
    assert all(widget._now.maps.record(row) for row in range(3))
    assert "weights" in widget._now.maps.record(0)


# A network that fails.


def test_a_model_that_fails_keeps_what_ran_before():
    widget = ShapeExplorer(broken(), (1, 3, 32, 32))
    assert widget.trace is None and "add cannot join" in widget.error
    assert [row["name"] for row in widget.network["rows"]] == ["halved", "whole", "Net"]
    last, error = widget.network["rows"][-1], widget.network["error"]
    assert last["kind"] == "error" and last["out"] == []
    assert error["shapes"] == ["1×8×16×16", "1×8×32×32"] and error["message"] == widget.error
    assert widget.still() is None and widget.describe() == f"Net failed: {widget.error}"
    page = widget.to_html()
    assert 'role="alert"' in page and "1×8×16×16 and 1×8×32×32" in page and "Traceback" not in page
    widget.choose("resnet20", 32, 3)
    assert widget.trace is not None and widget.error == "" and widget.network["error"] is None
    widget.choose("your model", 32, 3)
    assert widget.trace is None


def test_a_model_that_fails_at_once_has_one_red_row():
    network = ShapeExplorer(nn.Sequential(nn.Conv2d(3, 2, 3)), (1, 1, 9, 9)).network
    assert [row["kind"] for row in network["rows"]] == ["error"]
    assert network["inputs"] and network["edges"] == [[-1, 0, ""]]


def test_a_network_without_any_layer_is_refused():
    with pytest.raises(ValueError, match="Net gives back what goes in: it has no layer"):
        ShapeExplorer(Net(lambda self, x: x), (1, 3, 9, 9))


# Pictures.


def test_several_pictures_show_the_first_of_them():
    x, ten = torch.randn(5, 1, 28, 28), list("abcdefghij")
    widget = ShapeExplorer(create_model("resnet8", in_channels=1), x, classes=ten)
    assert widget.network["picture"]["words"] == "the first of 5 pictures"
    assert torch.equal(widget._now.maps.values[-1], x[0])
    alone = ShapeExplorer(widget._own, x[0], classes=ten)  # without a batch axis
    assert alone.network["picture"]["words"] == "the picture"
    assert alone.network["answers"] and alone.network["answers"] == widget.network["answers"]


def test_the_answer_is_that_of_the_network():
    model, x = create_model("resnet8", in_channels=1).eval(), torch.randn(1, 1, 28, 28)
    classes = [f"kind {i}" for i in range(model.config.num_classes)]
    shares, best = model(x)[0].softmax(0).topk(3)
    for end in (nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1)):
        network = ShapeExplorer(nn.Sequential(model, end), x, classes=classes).network
        names, numbers = zip(*network["answers"], strict=True)
        assert list(names) == [f"kind {i}" for i in best]
        assert numbers == pytest.approx(shares.tolist(), abs=1e-4)
    # Without names nobody knows whether the numbers stand for classes.
    assert ShapeExplorer(model, x).network["answers"] is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_numbers_of_other_types_become_floats(dtype):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)).to(dtype).train()
    widget = ShapeExplorer(model, torch.rand(1, 1, 8, 8, dtype=dtype))
    record = widget._now.maps.record(0)
    assert {"weights", "bias"} <= record.keys() and model.training
    json.dumps(widget.page_data(), allow_nan=False)


def test_what_is_no_number_breaks_nothing():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.LazyLinear(4))
    model(torch.rand(2, 1, 8, 8))
    x = torch.rand(1, 1, 8, 8)
    x[0, 0, 0, 0], x[0, 0, 7, 7] = float("nan"), float("inf")
    model[0].bias.data[1] = float("nan")
    widget = ShapeExplorer(model, x, classes=list("abcd"))
    json.dumps(widget.page_data(), allow_nan=False)
    assert widget.network["answers"] is None
    assert 0 < widget._now.maps.record(-1)["scale"] <= 1


def test_without_numbers_there_are_no_maps():
    lazy = nn.Sequential(nn.LazyConv2d(4, 3))
    for model in (meta("resnet8"), lazy):
        assert ShapeExplorer(model, torch.rand(1, 3, 32, 32)).network["maps"] is False
    assert isinstance(lazy[0].weight, nn.parameter.UninitializedParameter)


# The place.


def test_a_place_can_be_set_in_each_way():
    widget = ShapeExplorer("resnet18")
    widget.layer = 20
    assert widget.place == widget.trace[20].name
    widget.level = "blocks"
    assert widget.place == "layer2.0" and widget.network["rows"][widget.layer]["kind"] == "ReLU"
    widget.place = "layer3"
    assert widget.layer == max(i for i, r in enumerate(widget.trace) if r.stage == "layer3")
    widget.opened = ["layer1"]
    assert widget.level == ""
    widget.level = "layers"
    assert widget.place == widget.trace[widget.layer].name


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layer", -1, "from 0 to 68"),
        ("layer", 69, "from 0 to 68"),
        ("level", "pixels", "one of stages, blocks, layers"),
        ("place", "layer9", "no layer or block 'layer9'"),
        ("opened", ["layer1", "conv1"], "'conv1' is no block or stage"),
    ],
)
def test_a_place_that_does_not_exist_is_refused(name, value, words):
    widget = ShapeExplorer("resnet18")
    before = widget.get_state(["layer", "place", "opened"])
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(widget, name, value)
    assert widget.get_state(["layer", "place", "opened"]) == before


def test_another_network_keeps_the_place_by_its_name():
    widget = ShapeExplorer("resnet18")
    for place in ("layer2.0", "layer3.1.conv2"):
        widget.place = place
        widget.choose("resnet34", 64, 1)
        assert widget.place == place and widget.trace[0].in_shape == (1, 64, 64)
        row = widget.network["rows"][widget.layer]["name"]
        assert row.startswith(place)
        widget.choose("resnet18", 224, 3)
        assert widget.place == place
    widget.place = "layer1.1"
    widget.choose("resnet8", 32, 3)
    assert widget.place == "conv1" and widget.layer == 0


class Again(nn.Module):
    """Modules that work twice, apart and in a row, and rows that are called as their folder."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
        self.conv, self.own = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.own.inside, self.end = nn.ReLU(), nn.Conv2d(3, 3, 1)
        self.end.inside = nn.ReLU()

    def forward(self, x):
        x = self.block(self.conv(self.conv(self.block(x))))
        x = self.own.inside(F.conv2d(x, self.own.weight, self.own.bias))
        return F.conv2d(self.end.inside(x), self.end.weight, self.end.bias)


def test_name_and_last_row_say_which_place_is_meant():
    widget = ShapeExplorer(Again(), (1, 3, 5, 5))
    network = widget.network
    places = [(f["name"], f["last"]) for f in network["folders"]]
    assert places == [("block", 1), ("block", 5), ("own", 7)]
    places += [(row["name"], i) for i, row in enumerate(network["rows"])]
    assert len(set(places)) == len(places) and ("own", 6) in places and ("end", 9) in places
    for name, row in places:
        widget.set_state({"place": name, "layer": row, "opened": []})
        assert (widget.place, widget.layer) == (name, row)
        assert name in widget.describe()


def test_a_network_keeps_the_width_that_was_given():
    widget = ShapeExplorer("resnet18", (1, 3, 224, 320))
    assert widget.network["outputs"] and widget.trace[0].out_shape == (64, 112, 160)
    widget.choose("resnet18", 64, 3)
    assert widget.trace[0].out_shape == (64, 32, 32)


CHANGES = st.one_of(
    st.tuples(st.just("layer"), st.integers(0, 400)),
    st.tuples(st.just("level"), st.sampled_from(["stages", "blocks", "layers"])),
    st.tuples(st.just("place"), st.sampled_from(["conv1", "layer1", "layer2.0", "layer1.0.relu"])),
    st.tuples(st.just("opened"), st.lists(st.sampled_from(["layer1", "layer1.0", "layer2.0"]))),
    st.tuples(st.just("choose"), st.sampled_from(["resnet8", "resnet20", "plain8", "your model"])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, max_size=8))
def test_layer_place_opened_and_level_always_agree(changes):
    widget = SEVERAL
    for name, value in changes:
        if name == "choose":
            widget.choose(value, 32, 3)
        else:
            try:
                setattr(widget, name, value)
            except traitlets.TraitError:
                assert name != "level"
        assert_agrees(widget)


SEVERAL = ShapeExplorer(broken(), (1, 3, 32, 32))


# Messages.


def test_a_page_asks_for_maps():
    widget = ShapeExplorer(create_model("resnet8", in_channels=1), torch.randn(1, 1, 28, 28))
    sent, number = listened(widget), widget.network["id"]
    widget._answer(None, {"ask": "maps", "row": 0, "network": number}, [])
    ((message, buffers),) = sent
    assert message["network"] == number and message["maps"]["row"] == 0
    assert not {"values", "weights"} & message["maps"].keys()
    count, (_, high, wide) = len(message["maps"]["channels"]), message["maps"]["shape"]
    assert len(buffers[0]) == 2 * count * high * wide
    assert len(buffers[1]) == 2 * count * 9
    json.dumps(message, allow_nan=False)
    widget._answer(None, {"ask": "maps", "row": 999, "network": number}, [])
    assert sent[-1] == ({"maps": {"row": 999}, "network": number, "run": 0}, [])
    widget._answer(None, {"ask": "maps", "row": 0, "network": number - 1}, [])
    assert len(sent) == 2  # that network is gone


def test_a_page_chooses_a_network():
    widget = ShapeExplorer("resnet18")
    sent, number = listened(widget), widget.network["id"]
    widget._answer(None, {"ask": "choose", "network": "resnet50", "size": 32, "channels": 1}, [])
    assert widget.network["id"] > number and widget.network["title"] == "resnet50"
    chosen = {name: choice["value"] for name, choice in widget.network["choices"].items()}
    assert chosen == {"network": "resnet50", "size": 32, "channels": 1}
    for wrong in ({"network": "resnet19"}, {"size": 0}, {"size": "x"}):
        choice = {"ask": "choose", "network": "resnet50", "size": 32, "channels": 1} | wrong
        widget._answer(None, choice, [])
        assert sent[-1][0]["failed"].startswith("Python could not do this: ")
    assert widget.network["title"] == "resnet50" and len(sent) == 3


LAYER = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (nn.TransformerEncoder(LAYER, 1), torch.zeros(1, 5, 8)),
        (nn.Sequential(nn.Linear(9, 2), nn.ReLU()), (1, 9)),
    ],
)
def test_a_model_that_takes_no_picture_has_no_size_to_choose(model, given):
    widget = ShapeExplorer(model, given)
    rows = widget.network["rows"]
    assert [*widget.network["choices"]] == ["network"]
    widget._answer(None, {"ask": "choose", "network": "resnet18"}, [])
    assert [*widget.network["choices"]] == ["network", "size", "channels"]
    assert widget.trace[0].in_shape == (3, 224, 224)
    choice = {"ask": "choose", "network": "your model", "size": 64, "channels": 1}
    widget._answer(None, choice, [])
    assert [*widget.network["choices"]] == ["network"] and widget.network["rows"] == rows


def test_the_maps_of_a_run_are_kept_while_other_views_run():
    widget = ShapeExplorer(create_model("resnet8", in_channels=1), torch.rand(1, 1, 28, 28))
    sent, now = listened(widget), {"network": widget.network["id"], "changes": []}
    for run in (1, 2, 3):
        widget._answer(None, {"ask": "run", "run": run} | now, [bytes([40 * run]) * 784])
    found = []
    for run in (2, 3):
        widget._answer(None, {"ask": "maps", "row": 0, "run": run} | now, [])
        found.append((sent[-1][0]["maps"]["scale"], sent[-1][1][0]))
    assert len(set(found)) == 2
    widget._answer(None, {"ask": "maps", "row": 0, "run": 1} | now, [])
    lost = {"maps": {"row": 0}, "network": now["network"], "run": 1, "gone": True}
    assert sent[-1] == (lost, [])


def test_what_a_page_says_of_a_network_that_is_gone_changes_nothing():
    widget = ShapeExplorer("resnet18")
    widget.set_state({"layer": 5, "place": widget.trace[5].name, "opened": []})
    assert widget.layer == 5 and widget.opened == []
    told = []
    widget.send_state = told.append
    widget.set_state({"layer": 500, "place": "layer3.20", "opened": ["layer3"]})
    assert widget.layer == 5 and widget.opened == [] and "layer" in told[-1]


def test_one_change_is_one_message(monkeypatch):
    widget = ShapeExplorer("resnet18")
    sent = []
    monkeypatch.setattr(widget, "send_state", lambda key=None: sent.append(set(key)))
    widget.place = "layer2.0"
    sent.clear()
    widget.choose("resnet34", 64, 3)
    assert len(sent) == 1 and {"network", "layer"} <= set(sent[0])
