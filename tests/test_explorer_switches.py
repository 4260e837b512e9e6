"""The explorer's other pictures, and what can be switched off in a network."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import Net, listened
from torch import nn

from resnet_course import Bottleneck, ResNet, ResNetConfig, create_model, drawn_garments, trace
from resnet_course.blocks import PreActBlock
from resnet_course.data.batches import to_float
from resnet_course.measure import grad_cam
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explorer_data import network_data
from resnet_course.widgets.explorer_maps import FeatureMaps
from resnet_course.widgets.explorer_pictures import coded, decoded, picture_alone, pictures_of
from resnet_course.widgets.explorer_switches import switches

SHAPE = (1, 1, 28, 28)


def only_branch(net: Net, x: torch.Tensor) -> torch.Tensor:
    block = net.block
    return F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))))


def only_shortcut(net: Net, x: torch.Tensor) -> torch.Tensor:
    return F.relu(net.block.downsample(x) if net.block.downsample else x)


def after(network: nn.Module, last: Callable) -> nn.Module:
    """A network with a function behind it that is no row of the trace."""
    return Net(lambda self, x: last(self.network(x)), network=network)


def coded_bytes(pixels: torch.Tensor) -> bytes:
    return pixels.permute(1, 2, 0).contiguous().numpy().tobytes()


def ask(explorer: ShapeExplorer, kind: str, *buffers: bytes, **more: object) -> tuple[dict, list]:
    """Return what the explorer answers to a message of its page."""
    sent = listened(explorer)
    message = {"ask": kind, "network": explorer.network["id"], "changes": [], **more}
    explorer._answer(None, message, [*map(memoryview, buffers)])
    (answer,) = sent
    return answer


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(10, 60)


def offered(model, shape=SHAPE):
    table = trace(model, shape)
    return table, switches(table, network_data(table, "")["folders"])


def rule(found, block, way):
    (ways,) = (one["ways"] for one in found if one["name"] == block)
    return next((each["row"], each["source"]) for each in ways if each["name"] == way)


@pytest.mark.parametrize("block", ["layer1.0", "layer2.0", "layer3.1"])
@pytest.mark.parametrize(
    ("way", "instead"), [("shortcut off", only_branch), ("branch silent", only_shortcut)]
)
def test_a_switch_does_what_another_block_would_do(block, way, instead):
    model = trained_model("drawn-garments")
    table, found = offered(model)
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    maps = FeatureMaps(model, x, table, None, [rule(found, block, way)])
    other = deepcopy(model)
    stage, number = block.split(".")
    stage = getattr(other, stage)
    stage[int(number)] = Net(instead, block=stage[int(number)])
    with torch.no_grad():
        torch.testing.assert_close(maps.output, other(x)[0], rtol=1e-5, atol=1e-5)
        assert not torch.allclose(maps.output, model(x)[0], atol=1e-2)


def test_a_block_with_the_identity_is_gone_when_its_branch_is_silent():
    model = trained_model("drawn-garments")
    table, found = offered(model)
    x = torch.randn(SHAPE)
    maps = FeatureMaps(model, x, table, None, [rule(found, "layer2.1", "branch silent")])
    model.layer2[1] = nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(maps.output, model(x)[0])


def test_a_plain_block_can_be_removed_if_it_keeps_the_shape():
    model = create_model("plain14", in_channels=1).eval()
    table, found = offered(model)
    assert [one["name"] for one in found] == ["layer1.0", "layer1.1", "layer2.1", "layer3.1"]
    x = torch.randn(SHAPE)
    maps = FeatureMaps(model, x, table, None, [rule(found, "layer2.1", "removed")])
    model.layer2[1] = nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(maps.output, model(x)[0])


def test_every_block_of_other_networks_has_its_switches():
    config = ResNetConfig(PreActBlock, (1, 2), (8, 16), stem="cifar", num_classes=4)
    _, found = offered(ResNet(config), (1, 3, 16, 16))
    assert [one["name"] for one in found] == ["layer1.0", "layer2.0", "layer2.1"]
    config = ResNetConfig(Bottleneck, (1, 1), (8, 16), num_classes=4)
    table, found = offered(ResNet(config), (1, 3, 32, 32))
    assert [one["name"] for one in found] == ["layer1.0", "layer2.0"]
    branch, shortcut = (way["source"] for way in found[0]["ways"][::-1])
    assert {table.rows[branch].path, table.rows[shortcut].path} == {"main", "shortcut"}
    assert switches(*offered(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))[:1], []) == []


def test_a_page_can_ask_only_for_switches_that_there_are(splits):
    now = ShapeExplorer(trained_model(splits.source), splits)._now
    pixels = coded_bytes(splits.test_images[0])
    with pytest.raises(ValueError, match="no switch"):
        now.again(pixels, [[9, 2]])
    with pytest.raises(ValueError, match="a picture of 3 values"):
        now.again(b"abc", [])


def test_the_same_picture_again_gives_the_same_maps(splits):
    explorer = ShapeExplorer(trained_model(splits.source), splits)
    found, _ = ask(explorer, "run", coded_bytes(splits.test_images[0]), run=1)
    assert found["scores"] == explorer.network["scores"]
    assert torch.tensor(found["heat"]).shape == (7, 7)
    (first, own), (again, same) = (ask(explorer, "maps", row=9, run=run) for run in (0, 1))
    assert first["maps"] == again["maps"] and own == same
    over, _ = ask(explorer, "maps", row=9, run=7)
    assert over["maps"] == {"row": 9}
    wrong, _ = ask(explorer, "run", b"ab", run=2)
    assert "Python could not do this: a picture of 2 values" in wrong["failed"]


def test_pictures_are_the_first_of_each_class(splits):
    pictures = pictures_of(splits)
    assert torch.equal(pictures.pixels[0], splits.test_images[0])
    assert sorted(pictures.names) == sorted(2 * splits.classes)
    x = to_float(splits.test_images[:1], splits.mean, splits.std)
    torch.testing.assert_close(pictures.to_input(pictures.pixels[:1]), x)
    page = pictures.data()
    assert "pixels" not in page["choices"][0]
    assert page["choices"][3]["pixels"] == coded(pictures.pixels[3])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_alone_becomes_pixels_and_comes_back(channels):
    x = torch.randn(2, channels, 5, 6)
    pictures = picture_alone(x)
    again = pictures.to_input(decoded(coded_bytes(pictures.pixels[0]), (channels, 5, 6)))
    torch.testing.assert_close(again, x[0], rtol=0, atol=float(x[0].max() - x[0].min()) / 500)
    assert pictures.names == ("the first of 2 pictures",)


def test_heat_is_grad_cam_where_the_network_ends_with_a_mean_and_one_layer(splits):
    model = trained_model(splits.source)
    x = to_float(splits.test_images[:1], splits.mean, splits.std)
    heat = FeatureMaps(model, x, trace(model, x)).heat
    with torch.no_grad():
        answer = int(model(x).argmax())
    size = {"size": (28, 28), "mode": "bilinear", "align_corners": False}
    large = F.interpolate(heat[None, None], **size)[0]
    torch.testing.assert_close(large / large.max(), grad_cam(model, x, answer), atol=1e-4, rtol=0)
    flat = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))
    assert FeatureMaps(flat, x, trace(flat, x)).heat is None


def test_a_page_runs_only_what_is_shipped(splits):
    shipped = trained_model(splits.source)
    for model in (shipped, torch.compile(shipped)):
        network = ShapeExplorer(model, splits).page_data()["network"]
        assert network["live"]["weights"] == "drawn-garments"
        assert len(network["live"]["steps"]) == len(network["rows"])
    part = after(shipped, lambda y: y[:, :4])
    assert "live" not in ShapeExplorer(part, splits).page_data()["network"]
    with torch.no_grad():
        shipped.fc.bias += 5e-4  # hardly to be seen in the answer
    changed = ShapeExplorer(shipped, splits).page_data()["network"]
    assert changed["pictures"] is None
    assert "live" not in changed


@pytest.mark.parametrize(
    ("last", "has_heat"),
    [
        (torch.neg, False),
        (lambda y: y / 4, True),
        (lambda y: F.log_softmax(y, 1), True),
        (lambda y: {"logits": y / 4, "more": y}, True),
    ],
)
def test_the_answer_is_what_the_network_gives_and_not_its_last_row(splits, last, has_heat):
    network = trained_model(splits.source).eval()
    explorer = ShapeExplorer(after(network, last), splits)
    x = explorer._input.given
    with torch.no_grad():
        right = last(network(x))
    right = (right["logits"] if isinstance(right, dict) else right)[0]
    assert explorer.network["scores"] == pytest.approx(right.tolist(), abs=1e-4)
    best = splits.classes[int(right.argmax())]
    assert explorer.network["answers"][0] == [best, round(float(right.softmax(0).max()), 4)]
    assert explorer.network["heat"] == has_heat
    assert "live" not in explorer.page_data()["network"]


def scores_of(explorer: ShapeExplorer, pixels: torch.Tensor) -> list[float] | None:
    """Return the scores that the page gets for a picture that it sends."""
    return ask(explorer, "run", coded_bytes(pixels), run=1)[0]["scores"]


def small(outputs=10):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(4, outputs)).eval()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("alone", [False, True])
def test_a_network_of_other_numbers_sees_other_pictures(splits, dtype, alone):
    model = small().to(dtype)
    pictures = pictures_of(splits)
    first = pictures.to_input(pictures.pixels[:1]).to(dtype)
    explorer = ShapeExplorer(model, first if alone else splits, classes=splits.classes)
    assert explorer.error == ""
    scores = scores_of(explorer, explorer._now.pictures.pixels[0])
    assert scores == pytest.approx(model(first)[0].tolist(), abs=0.01)


@pytest.mark.parametrize(
    "model", [nn.Conv2d(1, 10, 3), after(small(), lambda y: (y[:, :4], y))], ids=["maps", "two"]
)
def test_what_is_not_one_number_per_class_is_no_answer(splits, model):
    explorer = ShapeExplorer(model, splits)
    assert explorer.network["scores"] is None is explorer.network["answers"]
    assert scores_of(explorer, splits.test_images[0]) is None


def test_one_can_draw_on_a_picture_of_one_colour():
    model = small(2)
    explorer = ShapeExplorer(model, torch.zeros(SHAPE), classes=["a", "b"])
    pixels = torch.zeros(SHAPE[1:], dtype=torch.uint8)
    pixels[:, 5:20, 5:20] = 255
    right = model(pixels[None] / 255)[0].tolist()
    assert scores_of(explorer, pixels) == pytest.approx(right, abs=1e-5)


def test_names_of_classes_may_be_numbers():
    explorer = ShapeExplorer(small(2), torch.randn(SHAPE), classes=torch.arange(2).numpy())
    assert explorer.network["classes"] == ["0", "1"]


def test_each_of_several_additions_in_a_block_has_its_own_switch():
    """As in a transformer: x + a(x), and then the same with b."""
    parts = {"a": nn.Conv2d(1, 1, 1), "b": nn.Conv2d(1, 1, 1)}
    block = Net(lambda self, x: (y := x + self.a(x)) + self.b(y), **parts)
    table, found = offered(nn.Sequential(nn.Conv2d(1, 1, 1), block, block))
    assert [(one["first"], one["last"]) for one in found] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert len({one["name"] for one in found}) == 4
    assert all(one["first"] <= way["row"] <= one["last"] for one in found for way in one["ways"])


def chosen(splits, which):
    images, labels = splits.test_images[which], splits.test_labels[which]
    return replace(splits, test_images=images, test_labels=labels)


def test_classes_that_are_missing_leave_their_places_to_the_others(splits):
    some = splits.test_labels <= 1
    few = chosen(splits, some)
    assert len(pictures_of(few).names) == min(20, int(some.sum()))


def test_splits_that_cannot_be_shown_are_told(splits):
    with pytest.raises(ValueError, match="a name stands for a network without weights"):
        ShapeExplorer("resnet14", splits)
    with pytest.raises(ValueError, match="no test picture"):
        ShapeExplorer(trained_model(splits.source), chosen(splits, slice(0)))
