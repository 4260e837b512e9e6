"""layer_outputs and grad_cam against values computed another way."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import network
from torch import nn
from torch.utils.checkpoint import checkpoint

from resnet_course.measure.feature_maps import grad_cam, layer_outputs
from resnet_course.train.steps import evaluation_mode


def test_layer_outputs_are_what_a_forward_by_hand_gives():
    model, x = network().eval(), torch.randn(3, 1, 28, 28)
    seen = layer_outputs(model, x, ["conv1", "layer1.0.bn1", "fc"])
    stem = model.conv1(x)
    block = model.layer1[0]
    assert list(seen) == ["conv1", "layer1.0.bn1", "fc"]
    assert torch.equal(seen["conv1"], stem)
    assert torch.equal(seen["layer1.0.bn1"], block.bn1(block.conv1(model.bn1(stem).relu())))
    assert torch.equal(seen["fc"], model(x))
    assert not seen["conv1"].requires_grad
    in_place = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True))
    assert layer_outputs(in_place, x, ["0"])["0"].amin() < 0


class LinearHead(nn.Module):
    """Maps → mean over the pixels → linear: here Grad-CAM is known exactly.

    The gradient of a logit with respect to map k is weight[k] / pixels at every pixel.
    """

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.Conv2d(1, 4, 3, padding=1, stride=2)
        self.dropout = nn.Dropout(0.9)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.dropout(self.maps(x)).mean(dim=(2, 3)))


def heat_by_hand(weights, maps) -> torch.Tensor:
    """Weights (batch, channels) and maps (batch, channels, h, w) → (batch, 8, 8)."""
    heat = torch.einsum("bc,bchw->bhw", weights, maps).relu()[:, None]
    heat = F.interpolate(heat, size=(8, 8), mode="bilinear", align_corners=False)[:, 0]
    return heat / heat.amax(dim=(1, 2), keepdim=True)


@pytest.mark.parametrize("target", [None, torch.tensor([0, 2, 1, 1])])
def test_grad_cam_is_the_class_activation_map_of_a_linear_head(target):
    model, x = LinearHead(), torch.randn(4, 1, 8, 8)
    heat = grad_cam(model, x, target, layer="maps")
    chosen = model.eval()(x).argmax(dim=1) if target is None else target
    expected = heat_by_hand(model.head.weight[chosen], model.maps(x))
    assert torch.allclose(heat, expected, atol=1e-5)
    assert heat.amax(dim=(1, 2)).eq(1).all() and heat.amin() >= 0


def test_each_map_is_weighted_by_the_mean_of_its_gradient():
    """With weights of its own for every pixel, mean and largest gradient differ."""
    torch.manual_seed(0)
    maps = nn.Conv2d(1, 4, 3, padding=1, stride=2)
    model, x = nn.Sequential(maps, nn.Flatten(), nn.Linear(64, 3)), torch.randn(4, 1, 8, 8)
    target = torch.tensor([0, 2, 1, 1])
    weights = model[2].weight[target].reshape(4, 4, 16).mean(dim=2)  # (pictures, channels)
    heat = grad_cam(model, x, target, layer="0")
    assert torch.allclose(heat, heat_by_hand(weights, maps(x)), atol=1e-5)


def test_grad_cam_takes_the_last_stage_and_works_on_frozen_weights_and_without_gradients():
    model, x = network(), torch.randn(2, 1, 28, 28)
    expected = grad_cam(model, x, layer="layer3")
    model.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(grad_cam(model, x), expected)
    assert expected.shape == (2, 28, 28) and not expected.requires_grad


TRANSFORMERS = {
    "vit": lambda: torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5),
    "swin": lambda: torchvision.models.SwinTransformer(
        [4, 4], 12, [1, 1], [1, 1], [2, 2], num_classes=5
    ),
}


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("squeezenet1_0", "classifier.2"),
        ("densenet121", "features"),
        ("mobilenet_v3_small", "features"),
        ("shufflenet_v2_x0_5", "conv5"),
        ("regnet_y_400mf", "trunk_output"),
        ("maxvit_t", "blocks.3"),
        ("swin", "permute"),
        # Behind it, the class token alone decides.
        ("vit", "encoder.layers.encoder_layer_1.ln_1"),
    ],
)
def test_grad_cam_finds_the_last_maps_of_a_classifier_by_itself(name, layer):
    torch.manual_seed(0)
    make, size = TRANSFORMERS.get(name), 32 if name in TRANSFORMERS else 224
    model = make() if make else torchvision.models.get_model(name)
    if name == "vit":  # which starts with zeros there
        nn.init.normal_(model.heads.head.weight)
    x = torch.randn(1, 3, size, size)
    heats = [grad_cam(model, x, i, layer=chosen) for i in range(3) for chosen in (None, layer)]
    assert all(map(torch.equal, heats[::2], heats[1::2]))
    assert any(heat.amax() == 1 for heat in heats)


def test_tokens_are_a_grid_of_pixels_behind_the_class_token():
    torch.manual_seed(0)
    model, x = TRANSFORMERS["vit"]().eval(), torch.randn(2, 3, 32, 32)
    nn.init.normal_(model.heads.head.weight)
    tokens = []
    block = model.encoder.layers[1]
    block.ln_1.register_forward_hook(lambda *call: tokens.append(call[-1]))
    logits = model(x)
    (gradient,) = torch.autograd.grad(logits[:, 3].sum(), tokens)
    heat = torch.einsum("btc,bc->bt", tokens[0][:, 1:], gradient[:, 1:].mean(1)).relu()
    heat = F.interpolate(heat.reshape(2, 1, 4, 4), size=(32, 32), mode="bilinear")[:, 0]
    expected = heat / heat.amax(dim=(1, 2), keepdim=True)
    assert torch.allclose(grad_cam(model, x, [3, 3]), expected, atol=1e-5)


def test_channels_may_come_last():
    torch.manual_seed(0)
    model, x = TRANSFORMERS["swin"](), torch.randn(2, 3, 32, 48)
    heat = grad_cam(model, x, 2, layer="norm")  # (batch, h, w, channels)
    assert torch.allclose(grad_cam(model, x, torch.tensor([2, 2])), heat, atol=1e-5)


def test_grad_cam_works_in_wrappers_and_behind_layers_in_place():
    model, x = network(), torch.randn(2, 1, 28, 28)
    expected = grad_cam(model, x, 3)
    for wrapped in (nn.DataParallel(model), torch.compile(model)):
        assert torch.equal(grad_cam(wrapped, x, 3), expected)
    grad_cam(nn.Sequential(nn.ReLU(inplace=True), model), x)  # in place on the pictures themselves


def test_grad_cam_sees_the_layer_itself_and_not_what_works_in_place_behind_it():
    class Negative(LinearHead):
        in_place = False

        def forward(self, x):
            maps = self.maps(x)
            return self.head((maps.neg_() if self.in_place else maps.neg()).mean(dim=(2, 3)))

    model, x = Negative(), torch.randn(3, 1, 8, 8)
    heat = grad_cam(model, x, layer="maps")
    model.in_place = True
    assert torch.equal(heat, grad_cam(model, x, layer="maps")) and heat.amax() == 1


def test_a_map_that_speaks_against_the_class_everywhere_is_zero_and_not_nan():
    model = LinearHead()
    model.maps.weight.data.abs_()
    model.maps.bias.data.zero_()
    model.head.weight.data.fill_(-1)
    heat = grad_cam(model, torch.rand(1, 1, 8, 8), layer="maps")
    assert torch.equal(heat, torch.zeros(1, 8, 8))


def test_the_model_is_left_as_it_was_also_after_an_error():
    model, x = network().train(), torch.randn(2, 1, 28, 28)
    model.layer1.eval()  # as somebody who freezes batch norm does
    before = {k: v.clone() for k, v in model.state_dict().items()}
    grad_cam(model, x)
    layer_outputs(model, x, ["conv1"])
    assert model.training and model.layer2.training and not model.layer1[0].bn1.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    model = network().train()
    with pytest.raises(ZeroDivisionError), evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise ZeroDivisionError
    assert all(module.training for module in model.modules())


def test_errors_name_the_layer_and_what_there_is():
    model, x = network(), torch.randn(1, 1, 28, 28)
    with pytest.raises(ValueError, match=r"no module 'layer9'.*choose one of conv1, "):
        layer_outputs(model, x, ["layer9"])
    with pytest.raises(ValueError, match=r"fc gives \(1, 10\)"):
        grad_cam(model, x, layer="fc")
    with pytest.raises(ValueError, match="must give logits"):
        grad_cam(nn.Sequential(nn.Conv2d(1, 1, 1)), x)
    with pytest.raises(ValueError, match=r"x must be \(batch, channels, height, width\)"):
        grad_cam(model, x[0])
    with pytest.raises(ValueError, match="1 of 1 pictures are not numbers"):
        grad_cam(model, x * torch.nan)
    model.unused = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="'unused' passed on no tensor"):
        layer_outputs(model, x, ["unused"])
    assert not any(module._forward_hooks for module in model.modules())


class Checkpointed(nn.Module):
    """Its body runs once more in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(checkpoint(self.body, x, use_reentrant=False).mean((2, 3)))


def test_grad_cam_stays_in_evaluation_mode_until_the_gradient_is_there():
    model, x = Checkpointed(), torch.randn(2, 1, 8, 8)
    before, expected = (
        copy.deepcopy(model.state_dict()),
        grad_cam(copy.deepcopy(model).eval(), x, 1),
    )
    assert torch.equal(grad_cam(model, x, 1), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
