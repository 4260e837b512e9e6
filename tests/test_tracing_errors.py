"""A forward pass that fails: the message names the module and the two shapes that met."""

import re

import numpy as np
import pytest
import torch
import torchvision
from helpers import Net
from torch import nn
from torch.nn import functional as F

from resnet_course.blocks import BasicBlock
from resnet_course.resnet import create_model
from resnet_course.tracing import TraceError, trace


def step(function):
    """A convolution, 1×3×9×8 → 1×4×7×6, and then any function."""
    return Net(lambda own, x: function(own.conv(x)), conv=nn.Conv2d(3, 4, 3))


def failure(model, shape=(1, 3, 9, 8)):
    with pytest.raises(TraceError) as caught:
        trace(model, shape)
    assert isinstance(caught.value, ValueError)
    return caught.value


@pytest.mark.parametrize("place", ["whole network", 1, 2])
def test_shortcut_that_does_not_fit(place):
    if place == "whole network":
        model, shape, where = create_model("resnet18"), (1, 3, 64, 64), "layer3.0"
        model.layer3[0].downsample = None
        first, second = (1, 256, 4, 4), (1, 128, 8, 8)
    else:  # adds in place, no projection
        model = torchvision.models.resnet.BasicBlock(8, 16, stride=place)
        shape, where = (2, 8, 6, 6), "BasicBlock"
        first, second = (2, 16, 6 // place, 6 // place), shape
    error = failure(model, shape)
    assert error.module == where
    assert error.shapes == [first, second]
    first, second = ("×".join(map(str, shape)) for shape in (first, second))
    assert where in str(error) and "BasicBlock" in str(error)
    assert f": add cannot join {first} and {second}" in str(error)


@pytest.mark.parametrize(
    ("first", "second", "shapes", "built_for"),
    [
        (nn.Conv2d(3, 4, 3), nn.Conv2d(8, 4, 3), [(1, 4, 7, 7), (4, 8, 3, 3)], "8 channels"),
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(8), [(1, 4, 7, 7), (8,)], "8 channels"),
        (nn.Flatten(), nn.Linear(100, 10), [(1, 243), (10, 100)], "100 features"),
        (nn.ReLU(), nn.Conv2d(3, 4, 11), [(1, 3, 9, 9), (4, 3, 11, 11)], ""),
    ],
)
def test_layer_that_gets_the_wrong_input(first, second, shapes, built_for):
    error = failure(nn.Sequential(nn.Sequential(first, second)), (1, 3, 9, 9))
    assert error.module == "0.1"
    assert error.shapes == shapes
    gets, needs = ("×".join(map(str, shape)) for shape in shapes)
    says = f"0.1 ({type(second).__name__}) was built for {built_for}, but it gets {gets}"
    assert (says if built_for else f"cannot join {gets} and {needs}. ") in str(error)
    assert "PyTorch says: " in str(error)


def test_input_that_fits_is_not_blamed():
    """3 channels in, 3 channels wanted: what is wrong here is the size, not the channels."""
    assert "was built for" not in str(failure(nn.Conv2d(3, 4, 5), (1, 3, 4, 4)))
    assert "was built for" not in str(failure(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 4, 4).int()))
    assert "was built for" not in str(failure(nn.Conv2d(3, 4, 11), torch.zeros(3, 9, 9)))


@pytest.mark.parametrize("channels", [8, 9])
def test_the_channels_come_first_where_there_is_no_batch_axis(channels):
    says = f"was built for {channels} channels, but it gets 3×9×9"
    assert says in str(failure(nn.Conv2d(channels, 4, 3), torch.zeros(3, 9, 9)))


@pytest.mark.parametrize(
    ("function", "kind", "shapes"),
    [
        (lambda x: x + x[:, :, 1:], "add", [(1, 4, 7, 6), (1, 4, 6, 6)]),
        (lambda x: torch.cat([x, x[:, :, 1:]], dim=1), "cat", [(1, 4, 7, 6), (1, 4, 6, 6)]),
        (lambda x: x @ torch.zeros(3, 2), "matmul", [(1, 4, 7, 6), (3, 2)]),
        (lambda x: F.linear(x, torch.zeros(2, 5)), "linear", [(1, 4, 7, 6), (2, 5)]),
        (lambda x: x.mul_(x[..., 1:]), "mul", [(1, 4, 7, 6), (1, 4, 7, 5)]),
    ],
)
def test_function_that_joins_two_shapes(function, kind, shapes):
    error = failure(nn.Sequential(step(function)))
    assert error.module == "0"
    assert error.shapes == shapes
    first, second = ("×".join(map(str, shape)) for shape in shapes)
    assert f"0 (Net): {kind} cannot join {first} and {second}" in str(error)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x.wrong(), "AttributeError: 'Tensor' object has no attribute 'wrong'"),
        (lambda x: undefined, "NameError: name 'undefined' is not defined"),  # noqa: F821
        (lambda x: x.view(1, 4, 100), "RuntimeError: shape '[1, 4, 100]' is invalid"),
        (lambda x: x.flatten(7), "IndexError"),
    ],
)
def test_other_errors_name_module_input_and_kind(function, says):
    error = failure(nn.Sequential(nn.ReLU(), step(function)))
    assert error.module == "1"
    assert error.shapes == [(1, 3, 9, 8)]
    assert "1 (Net) fails on input 1×3×9×8. " + says in str(error)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x.mean() > 0 else -x,
        lambda x: x * x.max().item(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: float(x.mean()),
        lambda x: [x for _ in range(x.sum().int())],
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: f"{x.mean():.2f}",
        lambda x: torch.equal(x, x),
        lambda x: x.unique(),
    ],
)
def test_asking_for_numbers_is_explained(function):
    error = failure(nn.Sequential(step(function)))
    assert error.module == "0"
    assert error.shapes == [(1, 3, 9, 8)]
    assert "0 (Net) asks for the numbers in a tensor" in str(error)
    assert "Tracing has no numbers, only shapes" in str(error)
    assert "cannot join" not in str(error)


def fallback(own, x):
    """Try one layer and take another if that fails, as the author meant it to."""
    try:
        return own.first(x)
    except RuntimeError:
        return own.second(x)


def test_error_that_the_model_catches_is_no_error():
    net = Net(fallback, first=nn.Sequential(nn.Linear(3, 5)), second=nn.Linear(4, 2))
    for model in (net, nn.Sequential(net, nn.Identity())):
        row = trace(model, (1, 4))[0]
        assert row.kind == "Linear" and row.out_shape == (2,) and row.name.endswith("second")
        assert trace(model, (1, 3))[0].out_shape == (5,)
    # And the place in the model is right afterwards.
    careful = Net(fallback, first=nn.Conv2d(5, 3, 1), second=nn.Conv2d(3, 3, 1))
    whole = Net(lambda own, x: own.careful(x) + x, careful=careful)
    assert [row.name for row in trace(whole, (1, 3, 8, 8))] == ["careful.second", "careful", "add"]


class Uncopyable(nn.Module):
    def __deepcopy__(self, memo):
        raise RuntimeError("I am unique")


def test_model_that_cannot_be_copied():
    error = failure(Uncopyable())
    assert "Uncopyable cannot be copied for tracing: I am unique" in str(error)


WRONG_SHAPES = [
    *((), [], 224, None, "abc", (1, 3, 8, 0), (1, -3, 8, 8), (1, 3, 8.0, 8), (True, 3, 8, 8)),
    *((1, 3, "8", 8), [(1, 3, 8, 8), 5], [[]], {"x": (1, 3, 8)[:0]}, torch.Size([0, 3, 8, 8])),
]


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        *((BasicBlock(3, 3), shape, "must be positive integers such as") for shape in WRONG_SHAPES),
        *(
            (BasicBlock(3, 3), example, "needs a batch axis of 1 or more")
            for example in (torch.zeros(0, 3, 8, 8), torch.tensor(1.0))
        ),
        *(
            (model, (1, 3, 8, 8), "trace needs an nn.Module, got")
            for model in (None, nn.Linear, F.relu, "resnet18")
        ),
    ],
)
def test_wrong_arguments_are_named(model, shape, words):
    with pytest.raises(ValueError, match=words) as error:
        trace(model, shape)
    assert not isinstance(error.value, TraceError)


def test_numpy_integers_are_sizes():
    shape = tuple(np.array([1, 3, 8, 8]))
    assert trace(BasicBlock(3, 3), shape).rows == trace(BasicBlock(3, 3), (1, 3, 8, 8)).rows


@pytest.mark.parametrize("wrong", ["weight", "running_mean"])
def test_batch_norm_for_other_channels_is_still_an_error(wrong):
    options = {name: torch.ones(3) for name in ("weight", "running_mean", "running_var")}
    options[wrong] = torch.ones(4)
    with pytest.raises(TraceError):
        trace(Net(lambda own, x: F.batch_norm(x, **options)), (3, 8, 8))


class NotSetUp(nn.Module):
    def __init__(self):
        self.size = 3


def mixed(own, x):
    return x @ x.double().transpose(1, 2)


NO_RETURN = Net(lambda own, x: None)
ATTENTION = nn.MultiheadAttention(8, 2, batch_first=True)
FLOATS = (torch.float64, torch.float16, torch.int64, torch.uint8)


@pytest.mark.parametrize(
    ("model", "given", "where", "words"),
    [
        *(
            (layer, torch.zeros(shape, dtype=dtype), "0", "has float32 weights, but it gets")
            for layer, shape in (
                (nn.Conv2d(3, 4, 3), (1, 3, 8, 8)),
                (nn.ConvTranspose2d(3, 4, 3), (1, 3, 8, 8)),
                (nn.Linear(4, 2), (1, 4)),
            )
            for dtype in FLOATS
        ),
        (nn.BatchNorm2d(3), torch.zeros(1, 3, 8, 8).double(), "0", "pass x.float()."),
        (nn.LayerNorm(4), torch.zeros(1, 4).double(), "0", "pass x.float()."),
        (nn.Linear(4, 2).half(), torch.zeros(1, 4), "0", "has float16 weights, .* pass x.half()."),
        (nn.Linear(4, 2).double(), torch.zeros(1, 4), "0", "pass x.double()."),
        (nn.Linear(4, 2).bfloat16(), torch.zeros(1, 4), "0", r"pass x.to\(torch.bfloat16\)."),
        (nn.Embedding(4, 2), torch.zeros(1, 4), "0", "takes whole numbers .int64., .*float32"),
        (nn.Softmax(1), torch.zeros(1, 4).int(), "0", "takes decimal numbers"),
        (Net(mixed), torch.zeros(1, 4, 4), "0", "matmul joins float32 numbers and float64"),
        (
            Net(lambda own, x: own.attention(x, x, x)[0], attention=ATTENTION),
            torch.zeros(1, 4, 8).double(),
            "0.attention",
            "has float32 weights, but it gets float64 numbers: pass x.float().",
        ),
        (
            Net(lambda own, x: x @ own.w, w=nn.Parameter(torch.zeros(4, 2))),
            torch.zeros(1, 4).long(),
            "0",
            "matmul has float32 weights, but it gets int64",
        ),
    ],
)
def test_numbers_of_a_wrong_type_are_refused_where_pytorch_refuses_them(model, given, where, words):
    model = nn.Sequential(model)
    with pytest.raises((RuntimeError, IndexError)):
        model(given)
    error = failure(model, given)
    assert error.module == where
    assert re.search(words, str(error)) and "PyTorch says" not in str(error)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (nn.ReLU(), torch.zeros(1, 4).long()),
        (nn.Sigmoid(), torch.zeros(1, 4).long()),
        (nn.BatchNorm1d(4).eval(), torch.zeros(2, 4).half()),
        (nn.MaxPool2d(2), torch.zeros(1, 1, 4, 4).long()),
        (Net(lambda own, x: x + x.double()), torch.zeros(1, 4)),
        (Net(lambda own, x: torch.cat([x, x.double()], 1)), torch.zeros(1, 4)),
    ],
)
def test_types_that_pytorch_takes_are_taken(model, given):
    out = model(given)
    assert trace(nn.Sequential(model), given)[-1].out_shape == tuple(out.shape[1:])


@pytest.mark.parametrize(
    ("model", "given", "where", "words"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.Linear(2048, 10)),
            (2, 3, 8, 8),
            "1",
            r"for 2048 features, but it gets 2×32×8×8. 32·8·8 = 2048: is nn.Flatten\(\) missing "
            r"before it\? PyTorch says",
        ),
        (
            nn.Sequential(nn.ReLU(), NO_RETURN, nn.ReLU()),
            (1, 4),
            "2",
            r"1 \(Net\) gives nothing: its forward has no return. 2 \(ReLU\) then fails. TypeError",
        ),
        (
            nn.Sequential(Net(lambda own, x: x + own.inner(x), inner=NO_RETURN)),
            (1, 4),
            "0",
            r"0.inner \(Net\) gives nothing: its forward has no return. 0 \(Net\) then fails",
        ),
        (NO_RETURN, (1, 4), "Net", "Net gives nothing: its forward has no return"),
        (
            nn.Sequential(nn.LSTM(28, 5)),
            (1, 1, 28, 28),
            "0",
            r"reads a sequence, \(steps, batch, features\), but it gets the picture 1×1×28×28: .*"
            r"torch.zeros\(20, 1, 28\)",
        ),
        (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1),
            (1, 3, 8, 8),
            "layers.0.self_attn",
            r"\(batch, steps, features\), but it gets the picture .* torch.zeros\(1, 20, 8\)",
        ),
        (nn.GRU(4, 5), torch.zeros(7, 2, 6), "GRU", "was built for 4 features, but it gets 7×2×6"),
        (Net(lambda own, x: own(x)), (1, 4), "Net", "calls itself without end"),
        (
            Net(lambda own, x: x[x > 0]),
            (1, 4),
            "Net",
            "asks for the numbers in a tensor, .*decide by shapes instead",
        ),
    ],
    ids=[
        *("flatten", "no return", "no return in a sum", "no return at all", "LSTM", "transformer"),
        *("features", "recursion", "numbers"),
    ],
)
def test_the_sentence_names_the_cause(model, given, where, words):
    error = failure(model, given)
    assert error.module == where
    assert re.search(words, str(error)), str(error)
    assert "not your network" not in str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: torch.jit.script(net), "the model .* is scripted"),
        (lambda net: torch.jit.trace(net, torch.zeros(1, 4)), "the model .* is scripted"),
        (lambda net: nn.Sequential(nn.ReLU(), torch.jit.script(net)), "1 .* is scripted"),
        (
            lambda net: torch.ao.quantization.quantize_dynamic(net, {nn.Linear}),
            "0 .Linear. is quantized",
        ),
        (lambda net: NotSetUp(), r"NotSetUp is not set up: .* super\(\).__init__\(\) first"),
    ],
    ids=["script", "jit.trace", "scripted part", "quantized", "no super"],
)
def test_modules_that_no_one_can_look_into(make, words):
    with pytest.raises(ValueError, match=words) as error:
        trace(make(nn.Sequential(nn.Linear(4, 3))), (1, 4))
    assert not isinstance(error.value, TraceError)


def test_a_crash_of_the_tracer_is_not_blamed_on_the_network(monkeypatch):
    for name in ("Call", "geometry_of", "without_numbers", "plain_name"):
        with monkeypatch.context() as patch:
            patch.setattr(f"resnet_course.tracing.recorder.{name}", None)
            message = str(failure(nn.Sequential(nn.Linear(4, 3)), (1, 4)))
        assert "the trace failed, not your network" in message
        assert "PyTorch says" not in message
