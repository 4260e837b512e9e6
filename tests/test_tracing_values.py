"""Real outputs of the rows of a trace, compared with what PyTorch's own hooks see."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import Net
from torch import Tensor, nn

from resnet_course import BasicBlock, create_model, trace
from resnet_course.tracing import TraceError
from resnet_course.tracing.steps import UNUSED
from resnet_course.tracing.values import trace_values


def values(model: nn.Module, x: Tensor) -> dict[int, Tensor]:
    found: dict[int, Tensor] = {}
    table = trace(model, x)
    trace_values(model, x, table, lambda row, _, value, __: found.setdefault(row, value.clone()))
    assert list(found) == [i for i, row in enumerate(table) if row.kind != UNUSED]
    for row, value in found.items():
        assert tuple(value.shape[1:]) == table[row].out_shape
    return found


def hooked(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return what each module without parts gives; copied before anyone writes into it."""
    found: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, y, name=name: found.update({name: y.clone()}))
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    was = model.training
    with torch.no_grad():
        model.eval()(x)
    model.train(was)
    for hook in hooks:
        hook.remove()
    return found


def assert_as_hooked(model: nn.Module, x: Tensor) -> None:
    """Modules that are used once have one row, whose output is the module's."""
    table, found, expected = trace(model, x), values(model, x), hooked(model, x)
    names = [row.name for row in table]
    seen = 0
    for name, output in expected.items():
        if names.count(name) == 1:
            torch.testing.assert_close(found[names.index(name)], output)
            seen += 1
    assert seen > 1


@pytest.mark.parametrize("name", ["resnet14", "resnet18", "resnet50", "plain20", "resnext20_8x4d"])
def test_rows_give_what_hooks_see(name):
    torch.manual_seed(0)
    assert_as_hooked(create_model(name), torch.randn(2, 3, 32, 32))


OTHERS = (
    "vgg11_bn densenet121 googlenet mobilenet_v2 mobilenet_v3_small shufflenet_v2_x0_5 "
    "squeezenet1_1 efficientnet_b0 regnet_y_400mf convnext_tiny"
)


@pytest.mark.parametrize("name", OTHERS.split())
def test_rows_of_torchvision_give_what_hooks_see(name):
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    assert_as_hooked(model, torch.randn(1, 3, 64, 64))


def test_a_layer_that_works_twice_has_both_of_its_values():
    """Also where what it gave is overwritten, and where what came in is."""

    def forward(self: Net, x: Tensor) -> Tensor:
        x -= 1
        once = self.relu(self.conv(x))
        return F.relu_(self.conv(once)).add_(once).mean((2, 3))

    conv, relu = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)
    x = torch.randn(1, 4, 6, 6)
    before = x.clone()
    found = values(Net(forward, conv=conv, relu=relu, unused=nn.Linear(3, 3)), x)
    assert torch.equal(x, before)
    with torch.no_grad():
        one = conv(before - 1)
        two = conv(one.relu())
        sums = two.relu() + one.relu()
        expected = [one, one.relu(), two, two.relu(), sums, sums.mean((2, 3))]
    assert all(map(torch.equal, found.values(), expected)) and len(found) == len(expected)


def test_the_model_and_the_random_numbers_stay_as_they_are():
    def forward(self: Net, x: Tensor) -> Tensor:
        return self.block(x + torch.rand_like(x))

    model = Net(forward, block=BasicBlock(2, 2)).train()
    x = torch.randn(1, 2, 6, 6)
    calls = []
    model.block.register_forward_hook(lambda *_: calls.append(1))
    model(x).sum().backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    torch.manual_seed(3)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    calls.clear()
    values(model, x)
    assert torch.equal(torch.rand(2), drawn) and not calls and model.block.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_mode_of_the_caller_changes_nothing(mode):
    model, x = create_model("resnet8", in_channels=1), torch.randn(2, 1, 12, 12)
    table, found = trace(model, x), values(model, x)
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        inside = x.clone()
        assert trace(model, inside) == table
        again = values(model, inside)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    assert all(torch.equal(again[row], value) for row, value in found.items())
    assert not any(value.requires_grad for value in again.values())


def test_a_failed_trace_keeps_what_ran_before():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    with pytest.raises(TraceError) as caught:
        trace(model, (1, 9, 9))
    assert caught.value.trace.rows == trace(model[:2], (1, 9, 9)).rows
    with pytest.raises(TraceError) as caught:
        trace(model, (5, 9, 9))
    assert caught.value.trace is None


@pytest.mark.parametrize("name", ["resnet14", "resnet18"])
def test_the_field_of_the_middle_is_where_gradients_come_from(name):
    torch.manual_seed(0)
    model = create_model(name).eval()
    for parameter in model.parameters():  # all positive, so that nothing cancels
        parameter.data.abs_().add_(0.01)
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    table = trace(model, x)
    for name in ("conv1", "layer1.0.conv2", "layer2.0.conv1", "layer3.0.conv2"):
        row = next(row for row in table if row.name == name)
        found: list[Tensor] = []
        module = model.get_submodule(name)
        hook = module.register_forward_hook(lambda _, __, y, found=found: found.append(y))
        model(x)
        hook.remove()
        y = found[0]
        (grad,) = torch.autograd.grad(y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum(), x)
        lit = (grad[0].abs().sum(0) > 0).nonzero()
        for axis, (first, last) in enumerate(row.field):
            assert (max(first, 0), min(last, 63)) == (lit[:, axis].min(), lit[:, axis].max())
