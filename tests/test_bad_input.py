"""Bad input is answered at the door: what was expected, what came, and what to do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import Net
from helpers import network as net
from torch import nn
from torch.optim import LBFGS, SGD, AdamW

from resnet_course import (
    Augment,
    BasicBlock,
    History,
    ResNet,
    ResNetConfig,
    TensorBatches,
    Trace,
    TrainConfig,
    activation_stats,
    create_model,
    create_stack,
    drawn_garments,
    evaluate,
    find_learning_rate,
    fit,
    gradient_norms,
    hold_out,
    load_torchvision,
    measured_receptive_field,
    predict,
    topk_accuracy,
    trace,
    train_step,
)
from resnet_course.measure import Predictions, grad_cam, layer_outputs
from resnet_course.pictures import draw, plots
from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.overlays import boxes_with_names, masks_side_by_side
from resnet_course.train import EpochRow, inputs, recorded, trained_model
from resnet_course.widgets import (
    BlockBuilder,
    GradientFlowLab,
    GroupedConvExplorer,
    PredictionBrowser,
    ShapeExplorer,
)

SPLITS = drawn_garments(40, 20)
X, Y = torch.randn(4, 1, 28, 28), torch.tensor([0, 1, 2, 3])
ONE_HOT = F.one_hot(Y, 10)
CONFIG = TrainConfig(epochs=1, batch_size=20, bfloat16=False)
COLOUR = create_model("resnet8")
TITLE = {"title": "", "alt": ""}
FEW_WORDS = {**TITLE, "ylabel": ""}
NO_WORDS = {**FEW_WORDS, "xlabel": ""}
PIXELS, LABELS = SPLITS.train_images, SPLITS.train_labels


def switched_off(own, x):
    with torch.no_grad():
        maps = own.body(x)
    return own.head(maps)


HEAD = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
BODY = nn.Conv2d(1, 2, 3)
HEAD(BODY(X))
HALF = Net(switched_off, body=BODY, head=HEAD)
DROPPED = Net(lambda own, x: own.head(x + 0 * own.body(x).shape[0]), body=BODY, head=nn.Flatten())


class Viewing(nn.Sequential):
    """A network that flattens as many old ones do."""

    def forward(self, x):
        x = super().forward(x)
        return x.view(len(x), -1)


def batches(images=PIXELS, labels=LABELS, size=10, **options) -> TensorBatches:
    return TensorBatches(images, labels, size, **{"mean": 0, "std": 1, **options})


def try_fit(model, splits=SPLITS, config=CONFIG, **changes) -> None:
    fit(model, replace(splits, **changes) if changes else splits, config, progress=False)


def optimized(make) -> None:
    try_fit(net(), config=replace(CONFIG, optimizer=make))


def rate_test(**options) -> None:
    find_learning_rate(net(), SPLITS, progress=False, **options)


def step(model, y=Y, optimizer=None) -> None:
    train_step(model, X, y, optimizer or SGD(model.parameters(), lr=0.1))


def field(shape=(1, 1, 28, 28), layer="layer1", model=None) -> tuple[int, int]:
    return measured_receptive_field(model or net(), shape, layer)


def grid(images, labels) -> str:
    return plots.image_grid(images, labels, SPLITS.classes, "x")


OVERLAID = {"title": "", "source": ""}


def boxed(names=(["a", "b"], []), truth=None, images=PIXELS[:2]) -> None:
    boxes = [torch.zeros(2, 4), torch.zeros(0, 4)]
    boxes_with_names(images, boxes, names, truth=truth, **OVERLAID)


def masks(true, classes, images=PIXELS[:2]) -> None:
    masks_side_by_side(images, true, PIXELS[:2, 0], classes, **OVERLAID)


def in_inference_mode(call, *arguments) -> None:
    with torch.inference_mode():
        call(*arguments)


TRACE = trace(net(), (1, 1, 28, 28))
WEIGHTS = net().state_dict()
ZEROS = torch.zeros(2, 3)
OTHER = nn.Linear(1, 1)
NO_MAKER = (
    "optimizer must be a function that gets the model and returns its optimiser, such as lambda "
    'model: torch.optim.AdamW(model.parameters(), lr=1e-3), or "muon", got'
)

# What asks a network about grey pictures; `x` replaces the pictures.
DOORS = {
    "fit": lambda model: try_fit(model),
    "evaluate": lambda model: evaluate(model, batches()),
    "gradient_norms": lambda model, x=X: gradient_norms(model, x, Y),
    "activation_stats": lambda model, x=X: activation_stats(model, x),
    "measured_receptive_field": lambda model: field(model=model),
    "grad_cam": lambda model, x=X: grad_cam(model, x),
    "ShapeExplorer": lambda model: ShapeExplorer(model),
    "PredictionBrowser": lambda model: PredictionBrowser(model, SPLITS),
    "trace": lambda model: trace(model, (1, 1, 28, 28)),
}
FOR_NUMPY = ("gradient_norms", "activation_stats", "grad_cam")
FOR_COLOUR = (*FOR_NUMPY, "fit", "evaluate", "measured_receptive_field")

# What raises a ValueError.
CASES = [
    *((partial(door, ResNet), "the class ResNet: make a network") for door in DOORS.values()),
    *((partial(DOORS[name], COLOUR), "built for 3 channels") for name in FOR_COLOUR),
    *((partial(DOORS[name], net(), X.numpy()), "torch.from_numpy") for name in FOR_NUMPY),
    # Training and measuring.
    (lambda: try_fit(COLOUR), "built for 3 channels, but the pictures have 1"),
    (lambda: predict(COLOUR, [(X[:, 0], Y)]), "(4, 28, 28). One picture needs a batch axis"),
    (lambda: predict(net(), [(torch.rand(3, 28, 28), Y[:3])]), "but the pictures are (3, 28, 28)"),
    (lambda: try_fit(net(num_classes=5)), "hold 9, but the network has 5 classes"),
    (lambda: fit(net(), (X, Y), CONFIG), "splits must be Splits"),
    (lambda: fit(net(), SPLITS, {"epochs": 1}), "config must be a TrainConfig, got dict"),
    (lambda: try_fit(net().requires_grad_(False)), "all its parameters are frozen"),
    (
        lambda: try_fit(net(), train_labels=LABELS + 5),
        "labels hold 14, but classes has 10",
    ),
    (lambda: try_fit(nn.Flatten()), "it has no parameters"),
    (lambda: try_fit(Viewing(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3))), "x.flatten(1) or x.reshape"),
    (lambda: try_fit(nn.Conv2d(1, 2, 3)), "must give logits"),
    (lambda: try_fit(nn.Sequential(nn.Flatten(), nn.LazyLinear(10))), "run it once first"),
    (lambda: predict(nn.LazyConv2d(1, 3), [(X, Y)]), "run it once first"),
    (lambda: try_fit(net(), config=replace(CONFIG, device="gpu")), "device must be"),
    (
        lambda: try_fit(net(), config=replace(CONFIG, device="cuda:77")),
        "device is 'cuda:77', but there is none that works here",
    ),
    (lambda: try_fit(net(), drawn_garments(1, 20)), "are 1 training images: at least 2 are needed"),
    (lambda: optimized(AdamW), f"{NO_MAKER} the class AdamW"),
    (lambda: optimized(partial(AdamW, lr=1e-3)), f"{NO_MAKER} the class AdamW"),
    (lambda: optimized(SGD(OTHER.parameters(), lr=0.1)), f"{NO_MAKER} an object of type SGD"),
    (lambda: optimized("adamw"), f"{NO_MAKER} an object of type str"),
    (
        lambda: optimized(lambda model: None),
        "optimizer must return an optimiser of torch.optim, but returns a NoneType",
    ),
    (
        lambda: optimized(lambda model: AdamW(OTHER.parameters())),
        "2 of the 2 tensors in the optimiser are not parameters of the model",
    ),
    (
        lambda: optimized(lambda model: LBFGS(model.parameters())),
        "LBFGS asks for the loss many times",
    ),
    (lambda: rate_test(lowest=0), "0 < lowest < highest is needed, got 0 and 10.0"),
    (lambda: rate_test(lowest=1, highest=0.1), "0 < lowest < highest is needed, got 1 and 0.1"),
    (lambda: rate_test(highest=float("inf")), "0 < lowest < highest is needed, got 0.0001 and inf"),
    (lambda: rate_test(steps=9), "steps must be a whole number from 10 up, got 9"),
    (lambda: evaluate(net(num_classes=2), batches()), "hold 9, but the network has 2"),
    (lambda: evaluate(net(), []), "no images"),
    (lambda: evaluate(net(), SPLITS), "must give pairs"),
    (lambda: evaluate(net(), X), "must give pairs"),
    (lambda: evaluate(net(), [(X.numpy(), Y)]), "x must be a tensor, got ndarray"),
    (lambda: predict(net(), [(PIXELS, LABELS)]), "to_float"),
    (lambda: predict(net(), (X, Y)), "must give pairs"),
    (lambda: step(net(), Y.float()), "y.long()"),
    (lambda: step(net(), ONE_HOT), "is it one-hot?"),
    (lambda: step(net(), Y, SGD), "optimizer must be made for the model"),
    (lambda: step(net(num_classes=2)), "y hold 3"),
    (lambda: step(net().requires_grad_(False), Y), "frozen"),
    (lambda: topk_accuracy(torch.zeros(4, 10), ONE_HOT), "is it one-hot?"),
    (lambda: topk_accuracy(torch.zeros(4, 10), Y[:, None]), "labels.flatten()"),
    (lambda: topk_accuracy(torch.zeros(5), Y), "must be a tensor (batch, classes), got (5,)"),
    (lambda: topk_accuracy(np.zeros((5, 3)), np.zeros(5)), "logits must be a tensor"),
    (lambda: topk_accuracy(torch.zeros(5, 3), Y), "5 pictures, int64 (5,), got shape (4,)"),
    (lambda: topk_accuracy(ZEROS, torch.tensor([0, 7])), "labels hold 7"),
    (lambda: topk_accuracy(ZEROS, torch.tensor([0.0, 1.0])), "labels.long()"),
    *(
        (lambda k=k: topk_accuracy(ZEROS, Y[:2], k), f"1 to 3, the number of classes, got {k!r}")
        for k in ("2", 0, -1, 4)
    ),
    (lambda: gradient_norms(net(), X, Y.float()), "y.long()"),
    (lambda: gradient_norms(net(num_classes=2), X, Y), "y hold 3"),
    (lambda: gradient_norms(net(), X, Y[:2]), "got shape (2,)"),
    (lambda: field((1, 28, 28), model=COLOUR), "built for 3 channels, but the pictures have 1"),
    *(
        (lambda call=call: in_inference_mode(*call), "torch.inference_mode() is on")
        for call in ((grad_cam, net(), X), (gradient_norms, net(), X, Y), (field,))
    ),
    (lambda: layer_outputs(net(), X, "layer1"), "must be a list of names: ['layer1']"),
    (lambda: field((28, 28)), "needs a batch axis"),
    (lambda: field("28"), "whole numbers such as"),
    (lambda: field(layer="typo"), "no layer 'typo' in the model; there is conv1"),
    (
        lambda: field(layer=None, model=Net(lambda own, x: torch.zeros(1, 1, 4, 4))),
        "no pixel of (1, 1, 28, 28) has an influence on Net",
    ),
    (
        lambda: field(layer="a", model=Net(lambda own, x: x, a=nn.Conv2d(1, 1, 3))),
        "a passed on no tensor",
    ),
    (
        lambda: field(layer=None, model=nn.LazyConv2d(1, 3)),
        "LazyConv2d has lazy layers without weights: run it once first",
    ),
    (lambda: grad_cam(net(), X, 10), "target hold 10"),
    (lambda: grad_cam(net(), X, [0, 1, 2, -1]), "target hold -1"),
    (lambda: grad_cam(net(), X, ["a"] * 4), "target must be a tensor, got list"),
    (lambda: topk_accuracy(ZEROS, 1), "torch.full((2,), 1)"),
    (lambda: grad_cam(net(), X, Y + 9), "target hold 12"),
    (lambda: grad_cam(net(), X, Y.float()), "target.long()"),
    (lambda: grad_cam(net(), X, Y[:2]), "got shape (2,)"),
    (lambda: grad_cam(net(), X, layer="typo"), "'typo' in this ResNet: choose one of conv1"),
    (lambda: grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), X), "no module of this"),
    (lambda: Predictions(ZEROS, torch.zeros(3), ["a"]), "expected logits of shape"),
    (lambda: Predictions(ZEROS, torch.tensor([1, 3]), "abc"), "labels hold 3"),
    (lambda: Predictions(ZEROS / 0, Y[:2], "abc"), "2 of 2 pictures are not numbers (NaN)"),
    (lambda: trained_model("typo"), "choose one of drawn-garments"),
    (lambda: hold_out((X, Y)), "splits must be Splits"),
    *(
        (lambda count=count: hold_out(SPLITS, count), "from 1 to 39")
        for count in (0, 40, True, 1.0)
    ),
    # Settings of a run.
    (lambda: TrainConfig(epochs=0), "epochs must be a positive integer"),
    (lambda: TrainConfig(batch_size=-1), "batch_size must be a positive integer"),
    (lambda: TrainConfig(lr="a"), "lr must be a number"),
    (lambda: TrainConfig(lr=0.0), "lr must be more than 0"),
    (lambda: TrainConfig(lr=float("nan")), "lr must be more than 0"),
    (lambda: TrainConfig(warm_up=0.0), "warm_up must be between 0 and 1"),
    (lambda: TrainConfig(momentum=1.0), "momentum must be at least 0 and below 1"),
    (lambda: TrainConfig(label_smoothing=-0.1), "label_smoothing must be at least 0"),
    (lambda: TrainConfig(weight_decay=-1.0), "weight_decay must be at least 0"),
    (lambda: TrainConfig(augment=3), "augment must be an Augment"),
    # Networks and their weights.
    (lambda: load_torchvision(net(), None), "got NoneType"),
    (lambda: load_torchvision(net(), "weights.pth"), "weights.pth cannot be read: No such file"),
    (lambda: load_torchvision(net(), __file__), "test_bad_input.py is damaged, or holds more"),
    (lambda: load_torchvision(net(), net()), "model.state_dict()"),
    (lambda: load_torchvision(net(), {"a": WEIGHTS, "ema": WEIGHTS}), "choose one: 'a', 'ema'"),
    (lambda: load_torchvision(net(), {"epoch": 3}), "has no weights: 'epoch'"),
    (lambda: load_torchvision(nn.Linear(1, 1), WEIGHTS), "another architecture"),
    (lambda: ResNet({"depths": (1,)}), "config must be a ResNetConfig"),
    (lambda: ResNet("resnet18"), "create_model(name) builds"),
    (lambda: ResNetConfig(BasicBlock(1, 1), (1,)), "block must be a class"),
    (lambda: create_model("resnet19"), "Did you mean 'resnet18'?"),
    (lambda: create_stack(deph=3), "unknown option 'deph'"),
    (lambda: create_stack(activation="Relu"), "choose one of sigmoid, tanh, relu"),
    (lambda: create_stack(init="kaiming"), "choose one of pytorch, small, xavier, he"),
    (lambda: create_stack(width=2.5), "width must be a positive integer"),
    (lambda: create_stack(seed="a"), "seed must be a whole number"),
    (lambda: create_stack(depth=2)(X.repeat(1, 3, 1, 1)), "784 numbers per picture, got 2352"),
    # Pictures in batches.
    (lambda: Augment()(PIXELS.numpy()), "got ndarray"),
    (lambda: Augment()(PIXELS[0]), "got (1, 28, 28)"),
    (lambda: Augment(flip="yes"), "True or False, got 'yes'"),
    (lambda: Augment(cutout=-1), "from 0 up, got -1"),
    (lambda: Augment(brightness=1.5), "brightness must be a number from 0 to 1, got 1.5"),
    (lambda: Augment(brightness="a"), "brightness must be a number from 0 to 1, got 'a'"),
    (lambda: Augment(resized_crop=0), "resized_crop must be a number above 0, at most 1, got 0"),
    (
        lambda: Augment(resized_crop=float("nan")),
        "resized_crop must be a number above 0, at most 1, got nan",
    ),
    (lambda: Augment(each=3), "each must be a function of one picture, got 3"),
    *(
        (
            lambda size=size: batches(size=size),
            f"batch_size must be a whole number from 1 up, got {size!r}",
        )
        for size in (0, 2.0, True)
    ),
    (lambda: batches(seed=-1), "seed must be a whole number from 0 up, got -1"),
    (lambda: batches(labels=LABELS[:3]), "got (40, 1, 28, 28) and (3,)"),
    (lambda: batches(PIXELS[:, 0]), "got (40, 28, 28) and (40,)"),
    (lambda: batches(mean="a"), "mean must be a number"),
    (lambda: batches(std=0.0), "std must be more than 0, got 0.0"),
    (lambda: batches(transform=3), "transform must be a function"),
    *(
        (lambda part=part: batches(part=part), "part must be (k, n)")
        for part in (2, (3, 3), (-1, 2), (0, 0))
    ),
    # Tracing and drawing.
    (lambda: trace(net(), "a"), "got 'a'"),
    (lambda: TRACE.within("typo"), "no module 'typo': there is conv1"),
    (lambda: TRACE.grouped(0), "from 1 up, got 0"),
    (lambda: TRACE.grouped("a"), "got 'a'"),
    (lambda: draw.block(BasicBlock(1, 1), "t"), "trace(model, shape) makes one"),
    (lambda: draw.block(Trace((), 0, 0), "t"), "nothing to draw"),
    (lambda: draw.network(net(), "t"), "got ResNet"),
    (lambda: draw.network(trace(nn.ReLU(), (1, 4)), "t"), "nothing to draw"),
    (lambda: draw.windows(16, 0, 1, 0), "kernel must be a positive integer"),
    (lambda: draw.windows(8, 3, 0, 0), "stride must be a positive integer"),
    (lambda: draw.windows(17, 3, 1, 1), "up to 16 pixels and a window that fits"),
    (lambda: draw.windows(4, 7, 1, 1), "got size=4 and kernel=7"),
    (lambda: draw.paths("t", []), "blocks is empty"),
    (lambda: draw.paths("t", [draw.ParallelPaths("n", "a", [], "+", "b")]), "routes is empty"),
    (lambda: grid(PIXELS[:0], []), "images is empty"),
    (lambda: grid(PIXELS.numpy(), LABELS), "got ndarray"),
    (lambda: grid(X, Y), "got torch.float32"),
    (lambda: grid(PIXELS[:2], [0, 99]), "from 0 to 9, got [0, 99]"),
    (lambda: grid(PIXELS[:3], [0, 1]), "got 3 images, 2 labels"),
    (lambda: plots.lines([1, 2], {"a": [1]}, **NO_WORDS), "got 2 x, 1 values of 'a'"),
    (lambda: plots.lines([1, 2], {"x": [1]}, **NO_WORDS), "got 2 x, 1 values of 'x'"),
    (lambda: plots.lines([1, 2], {}, **NO_WORDS), "curves is empty"),
    (lambda: plots.bars(["a"], {"x": [1, 2]}, **FEW_WORDS), "got 1 names, 2 values of 'x'"),
    (lambda: plots.bars([], {}, **FEW_WORDS), "nothing to draw"),
    (lambda: plots.gradient_flow({}), "norms is empty"),
    (lambda: plots.gradient_flow({"a": []}), "'a' is empty"),
    (lambda: plots.learning_curves({"a": History("x")}, "loss"), "choose one of train_loss"),
    (lambda: plots.learning_curves({}), "nothing to draw"),
    (lambda: plots.learning_curves({"a": History("x")}), "'a' is empty"),
    (lambda: plots.learning_curves(History("x")), "must be a dict, label → History"),
    (
        lambda: plots.recorded_curves(recorded("frontier"), start=99),
        "start must be a whole number from 1 to 3, got 99",
    ),
    (
        lambda: plots.recorded_curves(recorded("frontier"), "typo"),
        "there is no column 'typo': choose one of train_loss",
    ),
    (lambda: panels([], [], **TITLE), "maps is empty"),
    (lambda: panels([X[0]], ["a"], **TITLE), "choose one channel"),
    (lambda: panels(X[:, 0], ["a"], **TITLE), "got 4 maps, 1 names"),
    (lambda: panels([X[0, 0]], ["a"], heat=[], **TITLE), "got 1 maps, 0 heat"),
    (lambda: boxed(images=X[:2]), "got torch.float32"),
    (lambda: masks(PIXELS[:2, 0], "a", X[:2]), "got torch.float32"),
    (lambda: boxed([["a"]]), "got 2 images, 2 boxes, 1 names"),
    (lambda: boxed([["a"], []]), "every picture needs as many names as boxes"),
    (lambda: boxed(truth=[["a", "b"], ["c"]]), "every picture needs as many names as boxes"),
    (lambda: masks(PIXELS[:2, 0, :9], "a"), "must have the same sizes"),
    (lambda: masks(PIXELS[:2, 0], "abcdefghijk"), "colours for 10 classes"),
    (lambda: masks(PIXELS[:2, 0] * 0 + 255, "abc"), "0 to 3, got 255"),
    (lambda: masks(PIXELS[:2, 0].int() * 0 - 1, "abc"), "0 to 3, got -1"),
    (lambda: grad_cam(HALF, X, layer="body"), "body runs without autograd"),
    (lambda: grad_cam(DROPPED, X, layer="body"), "the logits do not depend on what body gives"),
    (lambda: confusion(ZEROS.long(), ["a", "b"], source=""), "got a matrix of shape (2, 3)"),
    # Widgets.
    (lambda: ShapeExplorer("resnet19"), "no network 'resnet19'"),
    (lambda: ShapeExplorer(net(), "abc"), "got 'abc'"),
    (lambda: ShapeExplorer(net(), (1, 0, 28, 28)), "got (1, 0, 28, 28)"),
    (lambda: ShapeExplorer("resnet18", (64, 64)), "such as (3, 224, 224), got (64, 64)"),
    (lambda: ShapeExplorer("resnet18", X), "a name stands for a network without weights"),
    (lambda: ShapeExplorer(net(), (X * 255).byte()), "to_float(images, mean, std) makes them"),
    (lambda: ShapeExplorer(net(), X, classes=["a", "b"]), "classes has 2 names"),
    (lambda: ShapeExplorer(net(), X[:0]), "needs a batch axis of 1 or more"),
    (lambda: BlockBuilder("Typo"), "no block 'Typo'"),
    (lambda: BlockBuilder(stride=5), "no stride 5"),
    (lambda: BlockBuilder(size=0), "size must be a whole number from 2 up, got 0"),
    (lambda: BlockBuilder(shortcut="x"), "no shortcut 'x'"),
    (lambda: GroupedConvExplorer(8.5, 8, 1), "got 8.5"),
    (lambda: GroupedConvExplorer(8, 17), "out_channels must be from 1 to 16"),
    (lambda: GroupedConvExplorer(8, 8, 3), "must both be divisible by groups=3"),
    (lambda: GroupedConvExplorer(8, 8, 0), "groups must be a positive integer, got 0"),
    (lambda: GroupedConvExplorer(8, 8, 2.0), "groups must be a positive integer, got 2.0"),
    (lambda: GradientFlowLab(SPLITS, depth="a"), "depth must be a positive integer, got 'a'"),
    (lambda: GradientFlowLab((X, Y)), "splits must be Splits"),
    (lambda: PredictionBrowser(net(), (X, Y)), "splits must be Splits"),
    (lambda: PredictionBrowser(net(num_classes=3), SPLITS), "build it with 10 classes"),
]
# And what raises another error: tensors of another type, a name that a table does not have.
OF_TYPE = [
    (lambda: try_fit(net(), train_labels=LABELS.float()), "got torch.uint8, torch.float32"),
    (lambda: try_fit(net(), train_images=PIXELS.numpy()), "torch.from_numpy"),
    (lambda: batches(PIXELS.numpy()), "torch.from_numpy"),
    (lambda: batches(PIXELS.float()), "expected uint8 images and int64 labels, got torch.float32"),
    (lambda: batches(labels=LABELS.float()), "int64 labels, got torch.uint8, torch.float32"),
    (lambda: batches([1], [2]), "got list"),
]
OF_NAME = [(lambda: TRACE["typo"], "no layer 'typo': there is conv1")]
ALL = [
    (call, words, kind)
    for kind, cases in ((ValueError, CASES), (TypeError, OF_TYPE), (KeyError, OF_NAME))
    for call, words in cases
]


@pytest.mark.parametrize(("call", "words", "kind"), ALL, ids=[words for _, words, _ in ALL])
def test_bad_input_is_answered_at_the_door(call, words, kind):
    with pytest.raises(kind) as error:
        call()
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((nn.Conv2d(1, 16, 3), nn.Conv2d(32, 32, 3)), "to have 32 channels, but got 16 channels"),
        ((nn.Flatten(), nn.BatchNorm2d(784)), "expected 4D input (got 2D input)"),
        ((Net(lambda own, x: x.double()), nn.Conv2d(1, 1, 3)), "double"),
        ((Net(lambda own, x: x.flatten(1) @ torch.ones(9, 2)),), "cannot be multiplied"),
        ((Net(lambda own, x: x[:1].mean((2, 3))), nn.BatchNorm1d(1)), "more than 1 value"),
    ],
)
def test_a_fault_inside_the_network_is_not_told_as_one_of_the_pictures(layers, words):
    with pytest.raises((RuntimeError, ValueError)) as error:
        inputs.run(nn.Sequential(*layers), X)
    assert words in str(error.value) and error.value.__cause__ is None


def test_a_network_for_other_numbers_is_not_told_to_take_those_of_pictures():
    wide = Net(lambda own, x: x.flatten(1) @ torch.ones(784, 9), last=nn.Linear(9, 9).double())
    for layer, x, words in (
        (nn.Conv3d(1, 1, 3), X[0], "5D"),
        (nn.BatchNorm1d(4), X[0, 0, 0], "2D or 3D"),
        (wide, X.double(), "[Dd]ouble.*[Ff]loat"),
    ):
        with pytest.raises((RuntimeError, ValueError), match=words) as error:
            inputs.run(layer, x)
        assert error.value.__cause__ is None, words


def test_a_linear_layer_that_does_not_fit_leaves_open_why():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 9), nn.Linear(20, 10))
    for x, words in ((X, "20 numbers, but gets 9"), (X[:, :, :9], "784 numbers, but gets 252")):
        with pytest.raises(ValueError, match=f"{words} from .* or the layer before it"):
            inputs.run(model, x)


@pytest.mark.parametrize("label", [0.1, "x", "names", "norms", "histories"])
def test_every_label_is_drawn(label):
    """Numbers, and words that are names of the functions' own arguments."""
    for figure in (
        plots.lines([1, 2], {label: [3, 4]}, **NO_WORDS),
        plots.bars(["a"], {label: [1]}, **FEW_WORDS),
        plots.gradient_flow({label: [1, 2]}),
        plots.learning_curves({label: History("x", [EpochRow(1, 0.5, 0.8, 0.7, 3.0)])}),
    ):
        (text,) = figure.axes[0].get_legend().get_texts()
        assert text.get_text() == str(label)


def test_good_input_in_other_clothes_passes():
    """NumPy's whole numbers, lists in place of tuples, one picture, a frozen layer."""
    model = net()
    model.conv1.requires_grad_(False)
    history = fit(model, SPLITS, replace(CONFIG, epochs=np.int64(1)), progress=False)
    assert len(history) == 1
    assert ResNetConfig(BasicBlock, [1], [np.int64(4)]).depths == (1,)
    assert topk_accuracy(torch.eye(3), torch.tensor([0, 1, 0]), np.int64(1)) == 2 / 3
    assert len(list(batches(seed=np.int64(3)))) == 4
    assert draw.windows(np.int64(8), 3, 1, 0)
