"""What the explorer's page gets, and its widget, without a browser."""

from __future__ import annotations

import json

import pytest
import torch
import traitlets
from helpers import Net, meta
from torch import nn

from resnet_course import BasicBlock, create_model, trace
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explorer_data import network_data
from resnet_course.widgets.explorer_folders import bars


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.halved = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.whole = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        return self.halved(x) + self.whole(x)


def ask(widget: ShapeExplorer, **message) -> list[tuple[dict, list]]:
    """Send what the page would send, return what it would get."""
    sent: list[tuple[dict, list]] = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers or []))
    widget._handle_custom_msg(message, [])
    return sent


def small() -> nn.Module:
    torch.manual_seed(0)
    return create_model("resnet8", in_channels=1).eval()


# The data.


def test_shortcuts_say_where_they_start_and_end():
    table = trace(meta("resnet18"), (3, 224, 224))
    ends = [(table[s.start].name, table[s.end].name) for s in table.shortcuts]
    assert ends[:3] == [
        ("maxpool", "layer1.0.add"),
        ("layer1.0.relu", "layer1.1.add"),
        ("layer1.1.relu", "layer2.0.add"),
    ]
    layers = [[table[i].name for i in s.layers] for s in table.shortcuts]
    assert layers[2] == ["layer2.0.downsample.0", "layer2.0.downsample.1"]
    assert [bool(names) for names in layers] == [False, False] + [True, False] * 3
    (only,) = trace(BasicBlock(4, 4), (4, 8, 8)).shortcuts
    assert (only.start, only.layers) == (-1, ())
    assert trace(meta("plain20"), (3, 32, 32)).shortcuts == ()


def test_the_row_of_the_first_strided_convolution_says_everything():
    data = network_data(trace(meta("resnet34"), (3, 224, 224)), "ResNet-34")
    row = next(row for row in data["rows"] if row["name"] == "layer2.0.conv1")
    assert (row["in"], row["out"], row["path"]) == ([64, 56, 56], [128, 28, 28], "main")
    assert row["label"] == "3×3 convolution"
    assert row["about"] == ["64 → 128 channels", "stride 2 · padding 1"]
    assert [formula for _, formula, _ in row["sums"]] == [
        "⌊(56 + 2·1 − 3) / 2⌋ + 1 = 28",
        "3·3·64·128 = 73,728",
        "73,728·28·28 = 57,802,752",
    ]
    facts = dict(row["facts"])
    assert facts["one value sees"] == "67 px" and facts["output takes"] == "392 KiB"
    assert row["window"] == {
        "kernel": [3, 3], "stride": [2, 2], "padding": [1, 1], "dropped": [0, 0]
    }  # fmt: skip
    assert "128×28×28 + 128×28×28" in row["lane"] and "stride 2 → batch norm" in row["lane"]
    assert "64×56×56 goes in, 128×28×28 comes out" in row["words"]
    (first, last), *_ = row["field"]
    assert last - first + 1 == 67
    assert data["rows"][-1]["share"] == 1


@pytest.mark.parametrize("name", ["resnet18", "resnet152", "plain20"])
def test_folders_and_bars_hold_every_row_once(name):
    data = network_data(trace(meta(name), (3, 224, 224)), name)
    count = len(data["rows"])
    for opened in ([], data["opened"], [f["name"] for f in data["folders"]]):
        spans = bars(data, opened)
        assert [row for first, last in spans for row in range(first, last + 1)] == list(
            range(count)
        )
    assert len(spans) == count and 8 <= len(bars(data, data["opened"])) <= 64
    for folder in data["folders"]:
        rows = data["rows"][folder["first"] : folder["last"] + 1]
        assert len(rows) > 1 and all(r["name"].startswith(folder["name"] + ".") for r in rows)
        assert len(rows) < count


def test_a_hostile_name_is_text():
    name = "<script>alert(1)</script>"
    model = nn.Sequential()
    model.add_module(name, nn.Conv2d(1, 1, 1))
    widget = ShapeExplorer(model, (1, 4, 4))
    assert widget.network["rows"][0]["name"] == name
    assert "<script" not in widget.to_html()


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()), torch.zeros(1, 1, 28)),
        (nn.Sequential(nn.Embedding(9, 4)), torch.zeros(1, 7, dtype=torch.int64)),
        (nn.MultiheadAttention(8, 2, batch_first=True), [torch.zeros(1, 5, 8)] * 3),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0)), (1, 1, 2, 2)),
        (nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), (2, 9, 9)),
        (BasicBlock(8, 16, stride=2), (8, 15, 20)),
    ],
)
def test_any_network_has_data_and_a_stored_form(model, example):
    explorer = ShapeExplorer(model, example)
    assert explorer.error == "" and explorer.trace == trace(model, example)
    json.dumps(explorer.network, allow_nan=False)
    assert type(explorer.still()).__name__ == "Svg" and "<img" in explorer.to_html()
    for layer in range(len(explorer.trace)):
        explorer.layer = layer
        assert explorer.trace[layer].name in explorer.describe()


# The widget.


def test_setting_the_layer_and_the_level_moves_the_place():
    widget = ShapeExplorer(meta("resnet34"), (1, 3, 224, 224))
    assert widget.place == "conv1" and "conv1" in widget.describe()
    for layer in (25, 124, 0):
        widget.layer = layer
        assert widget.place == widget.trace[layer].name and widget.place in widget.describe()
    widget.layer, widget.level = 25, "blocks"
    assert widget.place == widget.trace[25].name.rpartition(".")[0]
    assert widget.trace[widget.layer].name.startswith(widget.place)
    widget.level = "stages"
    assert widget.opened == [] and widget.place == widget.trace[25].name.partition(".")[0]
    with pytest.raises(traitlets.TraitError, match="one of stages, blocks, layers"):
        widget.level = "pixels"


@pytest.mark.parametrize("layer", [-1, 69, 10**6])
def test_a_layer_that_does_not_exist_changes_nothing(layer):
    widget = ShapeExplorer("resnet18")
    with pytest.raises(traitlets.TraitError, match="from 0 to 68"):
        widget.layer = layer
    assert (widget.layer, widget.place) == (0, "conv1")


def test_another_network_or_size_keeps_the_place():
    widget = ShapeExplorer("resnet18")
    widget.layer = next(i for i, row in enumerate(widget.trace) if row.name == "layer2.0.conv2")
    before = widget.network["id"]
    assert ask(widget, ask="choose", network="resnet50", size=32, channels=1) == []
    assert widget.place == "layer2.0.conv2" == widget.trace[widget.layer].name
    assert widget.network["id"] != before and widget.trace[0].in_shape == (1, 32, 32)
    assert widget.network["choices"]["size"]["value"] == 32
    widget.choose("plain20", 32, 3)
    assert widget.place in [row.name for row in widget.trace] + [
        folder["name"] for folder in widget.network["folders"]
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"ask": "choose", "network": "resnet19", "size": 32, "channels": 3},
        {"ask": "choose", "network": "resnet18", "size": 0, "channels": 3},
        {"ask": "choose", "network": "resnet18"},
        {"ask": "maps", "row": "x", "network": 1},
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(message):
    widget = ShapeExplorer("resnet18")
    network = widget.network
    ((reply, buffers),) = ask(widget, **message)
    assert list(reply) == ["failed"] and "Traceback" not in reply["failed"] and not buffers
    assert widget.network == network


def test_a_named_model_keeps_the_width_that_was_given():
    explorer = ShapeExplorer("resnet18", (1, 3, 224, 320))
    assert explorer.network["rows"][0]["out"] == [64, 112, 160]


def test_a_model_that_fails_shows_what_ran_before_and_can_be_left():
    widget = ShapeExplorer(Broken(), (1, 3, 32, 32))
    assert widget.trace is None and "add cannot join" in widget.error
    assert [row["kind"] for row in widget.network["rows"]] == ["Conv2d", "Conv2d", "error"]
    assert widget.network["error"]["shapes"] == ["1×8×16×16", "1×8×32×32"]
    page = widget.to_html()
    assert 'role="alert"' in page and "#B3001B" in page
    assert "1×8×16×16 and 1×8×32×32" in page and "Traceback" not in page
    assert widget.still() is None and widget.page_data()["maps"] == {}
    widget.choose("resnet20", 32, 3)
    assert widget.trace is not None and widget.network["error"] is None
    widget.choose("your model", 32, 3)
    assert widget.trace is None


def test_a_module_of_your_own_can_have_a_name():
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    assert ShapeExplorer(model, (3, 9, 9)).network["title"] == "Sequential"
    named = ShapeExplorer(model, (3, 9, 9), title="my first block")
    assert named.describe().startswith("my first block, layer 1 of 1")


def test_own_channels_are_kept_and_wrong_ones_are_explained():
    widget = ShapeExplorer(meta("resnet20", in_channels=1), (1, 28, 28))
    assert widget.trace[0].in_shape == (1, 28, 28)
    widget.choose("your model", 28, 3)
    assert "was built for 1 channels, but it gets 1×3×28×28" in widget.error


# With a picture.


def test_a_picture_gives_maps_and_answers_that_come_back():
    model, x = small(), torch.randn(1, 1, 28, 28)
    widget = ShapeExplorer(model, x, classes=[f"c{i}" for i in range(10)])
    best = model(x).softmax(1)[0].topk(3)
    expected = [
        [f"c{i}", pytest.approx(p, abs=1e-3)]
        for i, p in zip(best.indices, best.values.tolist(), strict=True)
    ]
    assert widget.network["answers"] == expected and widget.network["maps"]
    question = {"ask": "maps", "row": 0, "network": widget.network["id"]}
    ((reply, buffers),) = ask(widget, **question)
    assert reply["maps"]["row"] == 0 and len(buffers) == 2
    assert len(buffers[0]) == 2 * len(reply["maps"]["channels"]) * 28 * 28
    widget.choose("resnet18", 28, 1)
    assert not widget.network["maps"] and widget.network["answers"] is None
    assert ask(widget, **question) == []  # a question about the network before
    widget.choose("your model", 28, 1)
    assert widget.network["maps"] and widget.network["answers"] == expected


def test_pixels_are_refused_with_a_hint():
    with pytest.raises(ValueError, match="pixels from 0 to 255"):
        ShapeExplorer(small(), torch.zeros(1, 1, 28, 28, dtype=torch.uint8))


def test_a_network_that_ends_with_a_softmax_says_its_own_probabilities():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Softmax(1))
    x = torch.randn(1, 1, 4, 4)
    answers = ShapeExplorer(model, x).network["answers"]
    assert answers[0][1] == pytest.approx(model(x).max().item(), abs=1e-3)


def test_a_model_that_cannot_compute_has_no_maps():
    for model in (nn.Sequential(nn.LazyConv2d(2, 3)), Net(lambda s, x: s.c(x), c=nn.Identity())):
        widget = ShapeExplorer(model, torch.randn(1, 1, 9, 9))
        assert widget.error == "" and widget.network["rows"]
    lazy = nn.Sequential(nn.LazyConv2d(2, 3))
    assert not ShapeExplorer(lazy, torch.randn(1, 1, 9, 9)).network["maps"]
    assert lazy[0].has_uninitialized_params()


def test_a_half_precision_model_takes_the_picture():
    widget = ShapeExplorer(small().bfloat16(), torch.randn(1, 1, 28, 28).bfloat16())
    assert widget.network["maps"]


def test_the_data_of_the_book_are_those_of_the_widget():
    widget = ShapeExplorer(small(), torch.randn(1, 1, 28, 28))
    widget.layer = 7
    data = widget.page_data()
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    assert len(text) < 330_000 and data["network"]["start"] == 7
    assert set(data["maps"]) == {str(row) for row in range(-1, len(widget.trace))}
