"""Tracing changes nothing in the model, also where it fails."""

import copy
import pickle
import threading

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils import parametrizations

from resnet_course.resnet import create_model
from resnet_course.tracing import TraceError, trace


def used_network():
    """Return a network in the middle of its life: half frozen, with gradients and statistics."""
    model = torchvision.models.resnet18(num_classes=5)
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    model.layer1.requires_grad_(False)
    model.layer2.eval()
    model.layer3[0].bn1.eval()
    return model


def fails_late(model):
    return nn.Sequential(model, nn.Linear(3, 3))


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
def test_model_is_untouched(ending):
    model = used_network()
    for module in model.modules():
        module.register_forward_hook(lambda *_: None)
        module.register_full_backward_hook(lambda *_: None)
    whole = model if ending == "success" else fails_late(model)
    before = snapshot(whole)
    assert any(g is not None for g in before["gradients"])
    assert {True, False} == set(before["training"])
    if ending == "success":
        trace(whole, (2, 3, 64, 64))
    else:
        with pytest.raises(TraceError):
            trace(whole, (2, 3, 64, 64))
    assert_same(before, snapshot(whole))


def test_global_state_is_untouched_after_a_failure():
    model = fails_late(nn.Linear(3, 4))
    random = torch.get_rng_state()
    with pytest.raises(TraceError):
        trace(model, (1, 3))
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


def test_backward_hooks_do_not_stop_the_trace_of_in_place_layers():
    model = torchvision.models.resnet18()
    clean = trace(model, (1, 3, 64, 64))
    for module in model.modules():
        module.register_full_backward_hook(lambda *_: None)
    assert trace(model, (1, 3, 64, 64)).rows == clean.rows


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
    assert table.params == sum(p.numel() for p in model.parameters())
    assert sum(row.params for row in table) == table.params


def test_spectral_norm_does_not_move():
    layer = parametrizations.spectral_norm(nn.Linear(4, 4))
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    trace(layer.train(), (2, 4))
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())


def test_numbers_are_never_copied():
    """100 billion weights on the meta device: a real copy of one layer would not fit."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**5, 10**6, bias=False), nn.ReLU())
    table = trace(model, (1, 10**5))
    assert table.params == table.macs == 10**11
    assert {p.device.type for p in model.parameters()} == {"meta"}


def test_traced_model_computes_the_same_afterwards():
    model = create_model("resnet8").eval()
    twin = copy.deepcopy(model)
    trace(model, (1, 3, 16, 16))
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(model(x), twin(x))
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), twin(x))
