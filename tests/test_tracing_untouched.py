"""Tracing changes nothing in the model, also where it fails."""

import threading

import pytest
import torch
import torchvision
from helpers import count
from torch import nn
from torch.nn.utils import parametrizations

from resnet_course.tracing import TraceError, trace


def used_network():
    """Return a network in the middle of its life: half frozen, with gradients and statistics."""
    model = torchvision.models.resnet18(num_classes=5)
    model.fc = parametrizations.spectral_norm(model.fc)  # each pass in training moves its numbers
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    model.layer1.requires_grad_(False)
    model.layer2.eval()
    model.layer3[0].bn1.eval()
    return model


def snapshot(model):
    """Everything that a trace could change, with copies of the numbers."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "classes": [type(m) for m in model.modules()],
        "modules": [id(m) for m in model.modules()],
        "training": [m.training for m in model.modules()],
        "hooks": [[dict(getattr(m, name)) for name in hooks] for m in model.modules()],
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "identities": [id(t) for t in [*model.parameters(), *model.buffers()]],
        "versions": [t._version for t in [*model.parameters(), *model.buffers()]],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "numbers": [t.detach().clone() for t in [*model.parameters(), *model.buffers()]],
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
    }


def assert_same(before, after):
    for key in before:
        for old, new in zip(before[key], after[key], strict=True):
            if isinstance(old, torch.Tensor):
                assert old.dtype == new.dtype
                assert torch.equal(old, new), key
            else:
                assert old == new, key


@pytest.mark.parametrize("ending", ["success", "failure"])
def test_model_and_global_state_are_untouched(ending):
    model = used_network()
    clean = trace(model, (2, 3, 64, 64))
    for module in model.modules():
        module.register_forward_hook(lambda *_: None)
        module.register_full_backward_hook(lambda *_: None)  # hard on in-place layers
    whole = model if ending == "success" else nn.Sequential(model, nn.Linear(3, 3))
    before, random = snapshot(whole), torch.get_rng_state()
    assert any(g is not None for g in before["gradients"])
    assert {True, False} == set(before["training"])
    if ending == "success":
        assert trace(whole, (2, 3, 64, 64)).rows == clean.rows
    else:
        with pytest.raises(TraceError):
            trace(whole, (2, 3, 64, 64))
    assert_same(before, snapshot(whole))
    assert torch.is_grad_enabled()
    assert torch.zeros(1).device.type == "cpu"
    assert torch.equal(torch.get_rng_state(), random)
    assert nn.Linear(3, 4)(torch.zeros(1, 3)).requires_grad


class Listener:
    """Holds what cannot be copied, as a progress bar or a log file does."""

    def __init__(self):
        self.lock = threading.Lock()
        self.heard = 0

    def hear(self, *args):
        self.heard += 1


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
@pytest.mark.parametrize("make", [lambda: nn.Conv2d(3, 4, 3), lambda: nn.LazyConv2d(4, 3)])
def test_hooks_of_the_learner_do_not_fire_but_stay(register, make):
    listener = Listener()
    model = nn.Sequential(make(), nn.ReLU())
    for module in model.modules():
        getattr(module, register)(listener.hear)
    assert len(trace(model, (1, 3, 8, 8))) == 2
    assert listener.heard == 0
    model(torch.randn(1, 3, 8, 8, requires_grad=True)).sum().backward()
    assert listener.heard == 3


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(
        nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(affine=False), nn.Flatten(), nn.LazyLinear(10)
    )
    classes = [type(layer) for layer in model]
    table = trace(model, (1, 3, 8, 8))
    assert [type(layer) for layer in model] == classes
    assert model[0].has_uninitialized_params()
    assert model[3].has_uninitialized_params()
    model(torch.zeros(1, 3, 8, 8))  # now they wake up
    assert [type(layer).__name__ for layer in model] == [row.kind for row in table]
    assert table.params == sum(row.params for row in table) == count(model)


def test_numbers_are_never_copied():
    """100 billion weights on the meta device: a real copy of one layer would not fit."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**5, 10**6, bias=False), nn.ReLU())
    table = trace(model, (1, 10**5))
    assert table.params == table.macs == 10**11
    assert {p.device.type for p in model.parameters()} == {"meta"}
