"""Every network of torchvision against PyTorch's own counts: multiply-adds, parameters, edges."""

from __future__ import annotations

import pytest
import torch
from helpers import count
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from resnet_course.tracing import trace

KINDS = {
    "classification": models,
    "segmentation": models.segmentation,
    "video": models.video,
    # A detector chooses boxes by their numbers; the part before that can be traced.
    "detection": models.detection,
    "optical flow": models.optical_flow,
}
KIND = {name: kind for kind, module in KINDS.items() for name in models.list_models(module)}
SIZES = {"inception_v3": 299, "ssd300_vgg16": 300, "ssdlite320_mobilenet_v3_large": 320}
STAGES = {"densenet121": 10, "mobilenet_v2": 18, "efficientnet_b0": 8, "vgg16": 3, "resnet18": 9}


class EmptyOnMeta(TorchFunctionMode):
    """Weights are empty first: they get no numbers. A RegNet computes its widths with some."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        where = {"device": "meta"} if func is torch.empty else {}
        return func(*args, **(kwargs or {}) | where)


def build(name: str) -> nn.Module:
    """Make a network of shapes without numbers."""
    options = {"weights": None}
    if KIND[name] in ("segmentation", "detection"):
        options["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    with EmptyOnMeta() if name.startswith("regnet") else torch.device("meta"):
        model = models.get_model(name, **options).to("meta").eval()
    return model.backbone if KIND[name] == "detection" else model


def inputs(name: str) -> list[Tensor]:
    if KIND[name] == "video":
        shape = (1, 3, 16, 224, 224)
    else:
        size = 128 if KIND[name] == "optical flow" else SIZES.get(name, 224)
        shape = (1, 3, size, size)
    return [torch.empty(shape, device="meta")] * (2 if KIND[name] == "optical flow" else 1)


def flops(model: nn.Module, given: list[Tensor]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*given)
    return counter.get_total_flops()


@pytest.mark.parametrize("name", KIND)
def test_counts_are_those_of_pytorch(name):
    model, given = build(name), inputs(name)
    table = trace(model, given)
    assert sum(row.macs for row in table) == table.macs == flops(model, given) // 2 > 0
    assert sum(row.params for row in table) == table.params == count(model)
    assert table.uncounted == ""

    sources, targets = (
        {getattr(edge, end) for edge in table.edges} for end in ("source", "target")
    )
    assert all(edge.source < edge.target for edge in table.edges)
    assert sources >= set(range(-len(given), 0)) and len(table) in targets
    for place, row in enumerate(table):
        if row.kind == "unused":
            assert place not in sources | targets and not row.in_shape + row.out_shape
        else:
            # What is made of parameters only has no row before it, nor what starts from zeros.
            made_of_constants = "cpb_mlp" in row.name or name.startswith("raft")
            assert place in targets or made_of_constants, row.name
            assert place in sources, row.name
    for shortcut in table.shortcuts:
        assert shortcut.start < shortcut.end
        assert all(shortcut.start < place < shortcut.end for place in shortcut.layers)
    assert len({row.stage for row in table}) > 1
    assert any(row.sees == "the whole picture" for row in table)
    if name != "mvit_v2_s":  # which chooses weights for the distances of pixels
        assert not any(row.sees.startswith("at least") for row in table)


@pytest.mark.parametrize(
    ("name", "shortcuts", "how", "times"),
    [
        ("resnet50", 16, "add", 16),
        ("resnext50_32x4d", 16, "add", 16),
        ("vgg16", 0, "add", 0),
        ("densenet121", 0, "concatenate", 58),  # per block n layers: n - 1, and one at its end
        ("googlenet", 0, "concatenate", 9),
        ("squeezenet1_0", 0, "concatenate", 8),
        ("efficientnet_b0", 9, "multiply", 16),
        ("vit_b_16", 24, "attend", 0),  # a layer of attention has one way in
        ("mobilenet_v2", 10, "add", 10),
    ],
)
def test_ways_meet_as_the_papers_say(name, shortcuts, how, times):
    table = trace(build(name), inputs(name))
    assert len(table.shortcuts) == shortcuts
    assert len({edge.target for edge in table.edges if edge.how == how}) == times


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_parts_that_a_person_would_name(name):
    table = trace(build(name), inputs(name))
    stages = dict.fromkeys(row.stage for row in table)
    assert "features" not in stages or name == "vgg16"
    assert len(stages) >= STAGES[name]
    assert max(sum(row.stage == stage for row in table) for stage in stages) < 0.9 * len(table)
