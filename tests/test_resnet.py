"""Networks: the CIFAR family, plain networks, options, and wrong options."""

from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from resnet_course.blocks import SHORTCUTS, BasicBlock, Bottleneck, PreActBlock
from resnet_course.resnet import CONFIGS, ResNet, ResNetConfig, cifar_config, create_model
from resnet_course.tracing import trace

# Depth 6n + 2 → parameters with option A, which He et al. 2016, table 6, give in millions, and the
# receptive field of the last stage, by hand 28n - 3.
CIFAR = {
    20: (269_722, 81),
    32: (464_154, 137),
    44: (658_586, 193),
    56: (853_018, 249),
    110: (1_727_962, 501),
}


@pytest.mark.parametrize(("depth", "params", "field"), [(d, *f) for d, f in CIFAR.items()])
def test_cifar_family_has_the_reference_numbers(depth, params, field):
    for name in (f"resnet{depth}", f"plain{depth}"):
        table = trace(create_model(name), (1, 3, 32, 32))
        assert table.params == params
        assert table.grouped(1)["layer3"].receptive_field == field
        weighted = [row for row in table if row.kind in ("Conv2d", "Linear")]
        assert len(weighted) == depth
        assert table.grouped(1)["layer3"].out_shape == (64, 8, 8)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name.startswith("plain")])
def test_plain_networks_add_nothing(name):
    plain = trace(create_model(name), (1, 3, 64, 64))
    residual = trace(create_model(name.replace("plain", "resnet")), (1, 3, 64, 64))
    adds = [row for row in residual if row.kind == "add"]
    assert len(adds) == sum(CONFIGS[name].depths)
    assert not [row for row in plain if row.kind == "add" or row.path == "shortcut"]
    # Apart from the projections both have the same layers.
    convs = [r.out_shape for r in residual if r.kind == "Conv2d" and r.path == "main"]
    assert [row.out_shape for row in plain if row.kind == "Conv2d"] == convs


@pytest.mark.parametrize("depth", [8, 56])
def test_plain_and_option_a_networks_exchange_weights(depth):
    plain, residual = create_model(f"plain{depth}"), create_model(f"resnet{depth}")
    plain.load_state_dict(residual.state_dict(), strict=True)
    x = torch.randn(2, 3, 16, 16)
    assert not torch.allclose(plain.eval()(x), residual.eval()(x))


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock])
@pytest.mark.parametrize("shortcut", ["projection", "zero_pad"])
def test_zero_init_residual_silences_every_branch(block, shortcut):
    options = {"block": block, "shortcut": shortcut}
    model = create_model("resnet8", zero_init_residual=True, **options)
    blocks = [m for m in model.modules() if isinstance(m, block)]
    assert len(blocks) == 3
    for mode in (True, False):
        model.train(mode)
        for made in blocks:
            x = torch.randn(4, made.conv1.in_channels, 6, 6)
            identity = x if made.downsample is None else made.downsample(x)
            assert torch.equal(made(x), identity if block is PreActBlock else identity.relu())
    fresh = create_model("resnet8", **options)
    assert all(p.abs().sum() > 0 for n, p in fresh.named_parameters() if n.endswith("weight"))


def test_batch_norm_starts_as_the_identity_and_convolutions_for_relu():
    torch.manual_seed(0)
    model = create_model("resnet18")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
        elif isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)


@pytest.mark.parametrize("depths", [(1, 1, 1), (2, 1)])
def test_preact_network_normalises_the_last_sum(depths):
    config = ResNetConfig(
        PreActBlock, depths, widths=(8, 16, 24)[: len(depths)], stem="cifar", num_classes=5
    )
    model = ResNet(config).eval()
    assert model.final_norm.num_features == config.widths[-1]
    x = torch.randn(2, 3, 16, 16)
    features = model.features(x)
    assert features.shape == (2, config.widths[-1])
    assert (features >= 0).all()
    y = model.relu(model.bn1(model.conv1(x)))
    for name in model.stage_names:
        y = getattr(model, name)(y)
    torch.testing.assert_close(features, model.final_norm(y).relu().mean(dim=(2, 3)))
    assert "final_norm" in [row.name for row in trace(model, (1, 3, 16, 16))]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet8"])
def test_forward_is_fc_of_features(name):
    model = create_model(name, num_classes=7).eval()
    x = torch.randn(2, 3, 32, 32)
    features = model.features(x)
    assert features.shape == (2, CONFIGS[name].widths[-1] * CONFIGS[name].block.expansion)
    assert torch.equal(model(x), model.fc(features))


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock])
def test_full_backward_hooks_work_and_the_input_stays(block, shortcut):
    # An in-place ReLU or addition makes PyTorch refuse full backward hooks.
    model = create_model("resnet8", block=block, shortcut=shortcut)
    heard = set()
    for path, module in model.named_modules():
        module.register_full_backward_hook(lambda m, gin, gout, path=path: heard.add(path))
    x = torch.randn(2, 3, 32, 32, requires_grad=True)
    before = x.detach().clone()
    model(x).sum().backward()
    assert heard == {path for path, _ in model.named_modules()}
    assert torch.equal(x.detach(), before)


@pytest.mark.parametrize(
    ("side", "options", "stages"),
    [
        (224, {}, [56, 28, 14, 7]),
        (28, {"stem": "cifar"}, [28, 14, 7, 4]),
        (28, {"stem": "cifar", "stem_stride": 2}, [14, 7, 4, 2]),
        (32, {"stem_stride": 1}, [16, 8, 4, 2]),
    ],
)
def test_the_stem_divides_the_size_as_it_says(side, options, stages):
    table = trace(create_model("resnet18", **options), (1, 3, side, side)).grouped(1)
    assert [table[f"layer{i}"].out_shape[1:] for i in (1, 2, 3, 4)] == [(n, n) for n in stages]


def test_overrides_reach_the_network():
    options = {"in_channels": 1, "num_classes": 10, "widths": (8, 8, 16, 32)}
    model = create_model("resnet18", depths=[1, 2, 1, 1], **options)
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 10)
    assert model.conv1.weight.shape == (8, 1, 7, 7)
    assert [len(getattr(model, name)) for name in model.stage_names] == [1, 2, 1, 1]
    assert model.config == replace(CONFIGS["resnet18"], depths=(1, 2, 1, 1), **options)
    assert CONFIGS["resnet18"].in_channels == 3


class Mine(nn.Module):
    """A block of a learner: neither more nor less than what is asked for."""

    expansion = 2

    def __init__(self, in_channels, channels, stride=1, *, shortcut):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 2 * channels, 3, stride, padding=1)

    def forward(self, x):
        return self.conv(x).relu()


class NoExpansion(nn.Module): ...


class NoShortcut(Mine):
    def __init__(self, in_channels, channels, stride=1): ...


class NeedsStride(Mine):
    def __init__(self, in_channels, channels, stride, shortcut): ...


class NoGroups(Bottleneck):
    def __init__(self, in_channels, channels, stride=1, shortcut="none"): ...


def test_a_block_of_ones_own_makes_a_network():
    model = create_model("resnet18", block=Mine, widths=(2, 4, 6, 8), num_classes=5)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 5)
    assert model.final_norm is None and model.fc.in_features == 16


@pytest.mark.parametrize("depth", [7, 9, 2, 0, -4, 21, 20.0, True, "20", None])
def test_wrong_cifar_depth_says_which_depths_there_are(depth):
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2 \(8, 14, 20, 26, \.\.\.\)"):
        cifar_config(depth)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"depths": (2, 2, 2)}, "one number per stage"),
        ({"depths": ()}, "at least one stage"),
        ({"depths": 8}, "depths must be a tuple, one number per stage, got 8"),
        ({"widths": None}, "widths must be a tuple, one number per stage, got None"),
        ({"depths": (2, 2, 0, 2)}, r"depths\[2\] must be a positive integer, got 0"),
        ({"widths": (64, -1, 2, 2)}, r"widths\[1\] must be a positive integer, got -1"),
        ({"in_channels": 0}, "in_channels must be a positive integer"),
        ({"num_classes": 10.0}, "num_classes must be a positive integer"),
        ({"stem_stride": 0}, "stem_stride must be a positive integer, got 0"),
        ({"stem": "tiny"}, "unknown stem 'tiny': choose one of imagenet, cifar"),
        ({"shortcut": "A"}, "choose one of projection, zero_pad, none"),
        ({"block": "BasicBlock"}, "block must be a class like BasicBlock or Bottleneck"),
        ({"block": NoExpansion}, "NoExpansion must have an attribute expansion.*got None"),
        ({"block": NoShortcut}, r"NoShortcut must take .*stride=1, \*, shortcut='projection'\)"),
        ({"block": NeedsStride}, "missing a required argument: 'stride'"),
        ({"block": NoGroups}, "groups=1, base_width=64.*unexpected keyword argument 'groups'"),
        ({"groups": 32}, "groups and base_width belong to Bottleneck"),
        ({"base_width": 4}, "groups and base_width belong to Bottleneck"),
        ({"shortcut": "none", "zero_init_residual": True}, "zero_init_residual=True needs"),
        ({"depth": 18}, "unknown option 'depth': a model takes block, depths"),
    ],
)
def test_wrong_options_say_what_is_allowed(change, says):
    with pytest.raises(ValueError, match=says):
        create_model("resnet18", **change)


def test_an_unknown_option_or_model_lists_all_there_are():
    with pytest.raises(ValueError) as error:
        create_model("resnet18", pretrained=True)
    assert all(field.name in str(error.value) for field in fields(ResNetConfig))
    for name in ("ResNet18", "vgg16", "", None, 18, ["resnet18"]):
        with pytest.raises(ValueError, match="unknown model") as error:
            create_model(name)
        assert all(known in str(error.value) for known in CONFIGS)
