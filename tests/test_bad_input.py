"""Bad input is answered at the door: what was expected, what came, and what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

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
from resnet_course.measure import Predictions, grad_cam
from resnet_course.pictures import draw, plots
from resnet_course.pictures.grids import confusion, panels
from resnet_course.train import trained_model
from resnet_course.widgets import (
    BlockBuilder,
    GradientFlowLab,
    GroupedConvExplorer,
    PredictionBrowser,
    ShapeExplorer,
)

SPLITS = drawn_garments(40, 20)
X, Y = torch.randn(4, 1, 28, 28), torch.tensor([0, 1, 2, 3])
CONFIG = TrainConfig(epochs=1, batch_size=20, bfloat16=False)
COLOUR = create_model("resnet8")
TITLE = {"title": "", "alt": ""}
FEW_WORDS = {**TITLE, "ylabel": ""}
NO_WORDS = {**FEW_WORDS, "xlabel": ""}
PIXELS, LABELS = SPLITS.train_images, SPLITS.train_labels


def net(**options) -> ResNet:
    return create_model("resnet8", in_channels=1, **options)


def batches(images=PIXELS, **options) -> TensorBatches:
    return TensorBatches(images, LABELS, 10, **{"mean": 0, "std": 1, **options})


def try_fit(model, splits=SPLITS, config=CONFIG, **changes) -> None:
    fit(model, replace(splits, **changes) if changes else splits, config, progress=False)


def step(model, y=Y, optimizer=None) -> None:
    train_step(model, X, y, optimizer or torch.optim.SGD(model.parameters(), lr=0.1))


TRACE = trace(net(), (1, 1, 28, 28))
WEIGHTS = net().state_dict()
CASES = [
    ("fit channels", lambda: try_fit(COLOUR), "built for 3 channels, but the pictures have 1"),
    ("fit classes", lambda: try_fit(net(num_classes=5)), "hold 9, but the network has 5 classes"),
    ("fit class", lambda: fit(ResNet, SPLITS, CONFIG), "is the class ResNet: make a network"),
    ("fit no splits", lambda: fit(net(), (X, Y), CONFIG), "splits must be Splits"),
    (
        "fit dict",
        lambda: fit(net(), SPLITS, {"epochs": 1}),
        "config must be a TrainConfig, got dict",
    ),
    ("fit frozen", lambda: try_fit(net().requires_grad_(False)), "all its parameters are frozen"),
    (
        "fit labels float",
        lambda: try_fit(net(), train_labels=LABELS.float()),
        "int64 labels, got torch.uint8, torch.float32",
    ),
    (
        "fit labels range",
        lambda: try_fit(net(), train_labels=LABELS + 5),
        "hold 14, but the network has 10",
    ),
    ("fit numpy", lambda: try_fit(net(), train_images=PIXELS.numpy()), "torch.from_numpy"),
    ("fit no params", lambda: try_fit(nn.Flatten()), "it has no parameters"),
    ("fit out not logits", lambda: try_fit(nn.Conv2d(1, 2, 3)), "must give logits"),
    ("evaluate channels", lambda: evaluate(COLOUR, batches()), "built for 3 channels"),
    ("evaluate class", lambda: evaluate(ResNet, batches()), "is the class ResNet"),
    (
        "evaluate labels range",
        lambda: evaluate(net(num_classes=2), batches()),
        "hold 9, but the network has 2",
    ),
    ("evaluate empty", lambda: evaluate(net(), []), "no images"),
    ("evaluate splits", lambda: evaluate(net(), SPLITS), "must give pairs"),
    ("evaluate tensor", lambda: evaluate(net(), X), "must give pairs"),
    (
        "evaluate numpy",
        lambda: evaluate(net(), [(X.numpy(), Y.numpy())]),
        "x must be a tensor, got ndarray",
    ),
    ("predict uint8", lambda: predict(net(), [(PIXELS, LABELS)]), "to_float"),
    ("predict pair not list", lambda: predict(net(), (X, Y)), "must give pairs"),
    ("train_step y float", lambda: step(net(), Y.float()), "y.long()"),
    ("train_step y one-hot", lambda: step(net(), F.one_hot(Y, 10)), "is it one-hot?"),
    (
        "train_step class opt",
        lambda: step(net(), Y, torch.optim.SGD),
        "optimizer must be made for the model",
    ),
    ("train_step range", lambda: step(net(num_classes=2)), "y hold 3"),
    ("train_step frozen", lambda: step(net().requires_grad_(False), Y), "frozen"),
    (
        "topk one-hot",
        lambda: topk_accuracy(torch.zeros(5, 3), F.one_hot(torch.tensor([0, 1, 2, 0, 1]), 3)),
        "is it one-hot?",
    ),
    (
        "topk 1d",
        lambda: topk_accuracy(torch.zeros(5), Y),
        "logits must be a tensor (batch, classes), got (5,)",
    ),
    ("topk numpy", lambda: topk_accuracy(np.zeros((5, 3)), np.zeros(5)), "logits must be a tensor"),
    (
        "topk len",
        lambda: topk_accuracy(torch.zeros(5, 3), torch.zeros(4, dtype=torch.int64)),
        "each of 5 pictures, int64 (5,), got shape (4,)",
    ),
    ("topk range", lambda: topk_accuracy(torch.zeros(2, 3), torch.tensor([0, 7])), "labels hold 7"),
    (
        "topk float labels",
        lambda: topk_accuracy(torch.zeros(2, 3), torch.tensor([0.0, 1.0])),
        "labels.long()",
    ),
    (
        "topk k",
        lambda: topk_accuracy(torch.zeros(2, 3), torch.tensor([0, 1]), "2"),
        "from 1 to 3, the number of classes, got '2'",
    ),
    ("gradnorm channels", lambda: gradient_norms(COLOUR, X, Y), "built for 3 channels"),
    ("gradnorm class", lambda: gradient_norms(ResNet, X, Y), "is the class ResNet"),
    ("gradnorm y", lambda: gradient_norms(net(), X, Y.float()), "y.long()"),
    ("gradnorm range", lambda: gradient_norms(net(num_classes=2), X, Y), "y hold 3"),
    ("gradnorm numpy", lambda: gradient_norms(net(), X.numpy(), Y), "torch.from_numpy"),
    ("gradnorm batch", lambda: gradient_norms(net(), X, Y[:2]), "got shape (2,)"),
    ("act channels", lambda: activation_stats(COLOUR, X), "built for 3 channels"),
    ("act class", lambda: activation_stats(ResNet, X), "is the class ResNet"),
    ("act numpy", lambda: activation_stats(net(), X.numpy()), "torch.from_numpy"),
    (
        "mrf channels",
        lambda: measured_receptive_field(COLOUR, (1, 1, 28, 28), "layer1"),
        "built for 3 channels",
    ),
    ("mrf class", lambda: measured_receptive_field(ResNet, (1, 1, 28, 28)), "is the class ResNet"),
    (
        "mrf shape",
        lambda: measured_receptive_field(net(), (28, 28), "layer1"),
        "needs a batch axis",
    ),
    (
        "mrf shape2",
        lambda: measured_receptive_field(net(), "28", "layer1"),
        "whole numbers such as",
    ),
    (
        "mrf layer",
        lambda: measured_receptive_field(net(), (1, 1, 28, 28), "typo"),
        "no layer 'typo'",
    ),
    ("gradcam int", lambda: grad_cam(net(), X, 3), "torch.full((4,), 3)"),
    ("gradcam range", lambda: grad_cam(net(), X, Y + 9), "target hold 12"),
    ("gradcam float", lambda: grad_cam(net(), X, Y.float()), "target.long()"),
    ("gradcam len", lambda: grad_cam(net(), X, Y[:2]), "got shape (2,)"),
    ("gradcam channels", lambda: grad_cam(COLOUR, X), "built for 3 channels"),
    ("gradcam class", lambda: grad_cam(ResNet, X), "is the class ResNet"),
    ("gradcam numpy", lambda: grad_cam(net(), X.numpy()), "torch.from_numpy"),
    (
        "gradcam layer",
        lambda: grad_cam(net(), X, layer="typo"),
        "no module 'typo' in this ResNet: choose one of conv1",
    ),
    (
        "gradcam no layer",
        lambda: grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), X),
        "choose one of 0, 1",
    ),
    ("loadtv none", lambda: load_torchvision(net(), None), "got NoneType"),
    (
        "loadtv path",
        lambda: load_torchvision(net(), "weights.pth"),
        "torch.load(path, weights_only=True)",
    ),
    ("loadtv model", lambda: load_torchvision(net(), net()), "model.state_dict()"),
    (
        "loadtv prefix",
        lambda: load_torchvision(net(), {f"module.{k}": v for k, v in net().state_dict().items()}),
        "k.removeprefix('module.')",
    ),
    (
        "loadtv ckpt",
        lambda: load_torchvision(net(), {"model": net().state_dict()}),
        "load its entry 'model'",
    ),
    (
        "loadtv other model",
        lambda: load_torchvision(nn.Linear(1, 1), net().state_dict()),
        "another architecture",
    ),
    ("ResNet dict", lambda: ResNet({"depths": (1,)}), "config must be a ResNetConfig"),
    ("ResNet name", lambda: ResNet("resnet18"), "create_model(name) builds"),
    (
        "ResNet block instance",
        lambda: ResNetConfig(BasicBlock(1, 1), (1,)),
        "block must be a class",
    ),
    ("create typo", lambda: create_model("resnet19"), "Did you mean 'resnet18'?"),
    ("stack typo", lambda: create_stack(deph=3), "unknown option 'deph'"),
    ("stack act", lambda: create_stack(activation="Relu"), "choose one of sigmoid, tanh, relu"),
    ("stack seed", lambda: create_stack(seed="a"), "seed must be a whole number"),
    (
        "stack input",
        lambda: create_stack(depth=2)(torch.randn(2, 3, 28, 28)),
        "built for in_features=784 numbers per picture, got 2352",
    ),
    ("augment numpy", lambda: Augment()(PIXELS.numpy()), "got ndarray"),
    ("augment 3d", lambda: Augment()(PIXELS[0]), "got (1, 28, 28)"),
    ("augment flip", lambda: Augment(flip="yes"), "True or False, got 'yes'"),
    ("augment cutout", lambda: Augment(cutout=-1), "from 0 up, got -1"),
    ("tb numpy", lambda: batches(PIXELS.numpy()), "torch.from_numpy"),
    ("tb float", lambda: batches(PIXELS.float()), "expected uint8 images"),
    ("tb list", lambda: TensorBatches([1], [2], 10, mean=0, std=1), "got list"),
    (
        "tb std str",
        lambda: TensorBatches(PIXELS, LABELS, 10, mean="a", std=1),
        "mean must be a number",
    ),
    ("tb transform", lambda: batches(transform=3), "transform must be a function"),
    ("tb part", lambda: batches(part=2), "part must be (k, n)"),
    ("within typo", lambda: TRACE.within("typo"), "no module 'typo': there is conv1"),
    ("grouped 0", lambda: TRACE.grouped(0), "from 1 up, got 0"),
    ("grouped str", lambda: TRACE.grouped("a"), "got 'a'"),
    (
        "draw.block model",
        lambda: draw.block(BasicBlock(1, 1), "t"),
        "trace(model, shape) makes one",
    ),
    ("draw.block empty", lambda: draw.block(Trace((), 0, 0), "t"), "nothing to draw"),
    ("draw.network model", lambda: draw.network(net(), "t"), "got ResNet"),
    ("draw.windows", lambda: draw.windows(16, 0, 1, 0), "kernel must be a positive integer"),
    ("draw.windows stride", lambda: draw.windows(8, 3, 0, 0), "stride must be a positive integer"),
    ("draw.paths", lambda: draw.paths("t", "a", [], "+", "b"), "routes is empty"),
    ("draw.network rows", lambda: draw.network(trace(nn.ReLU(), (1, 4)), "t"), "nothing to draw"),
    (
        "plots.grid empty",
        lambda: plots.image_grid(PIXELS[:0], [], SPLITS.classes, "x"),
        "images is empty",
    ),
    (
        "plots.grid numpy",
        lambda: plots.image_grid(PIXELS.numpy(), LABELS, SPLITS.classes, "x"),
        "got ndarray",
    ),
    ("plots.grid float", lambda: plots.image_grid(X, Y, SPLITS.classes, "x"), "got torch.float32"),
    (
        "plots.grid range",
        lambda: plots.image_grid(PIXELS[:2], [0, 99], SPLITS.classes, "x"),
        "from 0 to 9, got [0, 99]",
    ),
    (
        "plots.grid len",
        lambda: plots.image_grid(PIXELS[:3], [0, 1], SPLITS.classes, "x"),
        "got 3 images, 2 labels",
    ),
    ("plots.lines len", lambda: plots.lines([1, 2], {"a": [1]}, **NO_WORDS), "got 2 x, 1 a"),
    ("plots.lines empty", lambda: plots.lines([1, 2], {}, **NO_WORDS), "curves is empty"),
    ("plots.bars", lambda: plots.bars(["a"], {"x": [1, 2]}, **FEW_WORDS), "got 1 names, 2 x"),
    ("plots.bars empty", lambda: plots.bars([], {}, **FEW_WORDS), "nothing to draw"),
    ("plots.gflow empty", lambda: plots.gradient_flow({}), "norms is empty"),
    (
        "plots.lc column",
        lambda: plots.learning_curves({"a": History("x")}, "loss"),
        "choose one of train_loss",
    ),
    ("plots.lc empty", lambda: plots.learning_curves({}), "nothing to draw"),
    ("plots.lc noepoch", lambda: plots.learning_curves({"a": History("x")}), "a is empty"),
    (
        "plots.lc not dict",
        lambda: plots.learning_curves(History("x")),
        "must be a dict, label → History",
    ),
    ("panels empty", lambda: panels([], [], **TITLE), "maps is empty"),
    ("panels 3d", lambda: panels([X[0]], ["a"], **TITLE), "choose one channel"),
    (
        "confusion",
        lambda: confusion(torch.zeros(2, 3, dtype=torch.int64), ["a", "b"], source=""),
        "each of 2 classes, got a matrix of shape (2, 3)",
    ),
    ("w ShapeExplorer class", lambda: ShapeExplorer(ResNet), "is the class ResNet"),
    ("w ShapeExplorer typo", lambda: ShapeExplorer("resnet19"), "no network 'resnet19'"),
    ("w ShapeExplorer shape", lambda: ShapeExplorer(net(), "abc"), "got 'abc'"),
    ("w ShapeExplorer ints", lambda: ShapeExplorer(net(), (1, 0, 28, 28)), "got (1, 0, 28, 28)"),
    ("w BlockBuilder", lambda: BlockBuilder("Typo"), "no block 'Typo'"),
    ("w BlockBuilder stride", lambda: BlockBuilder(stride=5), "no stride 5"),
    ("w BlockBuilder size", lambda: BlockBuilder(size=0), "size must be a positive integer"),
    ("w BlockBuilder shortcut", lambda: BlockBuilder(shortcut="x"), "no shortcut 'x'"),
    ("w Grouped", lambda: GroupedConvExplorer(8, 8, 3), "divisible by groups=3"),
    ("w Grouped float", lambda: GroupedConvExplorer(8.5, 8, 1), "got 8.5"),
    (
        "w GFL",
        lambda: GradientFlowLab(SPLITS, depth="a"),
        "depth must be a positive integer, got 'a'",
    ),
    ("w GFL splits", lambda: GradientFlowLab((X, Y)), "splits must be Splits"),
    ("w PB", lambda: PredictionBrowser(ResNet, SPLITS), "is the class ResNet"),
    ("w PB splits", lambda: PredictionBrowser(net(), (X, Y)), "splits must be Splits"),
    (
        "w PB classes",
        lambda: PredictionBrowser(net(num_classes=3), SPLITS),
        "build it with 10 classes",
    ),
    ("trace class", lambda: trace(ResNet, (1, 1, 28, 28)), "got the class ResNet: make a network"),
    ("trace shape", lambda: trace(net(), "a"), "got 'a'"),
    ("trained typo", lambda: trained_model("typo"), "choose one of drawn-garments"),
    (
        "Predictions",
        lambda: Predictions(torch.zeros(2, 3), torch.zeros(3), ["a"]),
        "expected logits of shape",
    ),
    ("hold_out", lambda: hold_out((X, Y)), "splits must be Splits"),
    ("TrainConfig lr", lambda: TrainConfig(lr="a"), "lr must be a number"),
    ("TrainConfig augment", lambda: TrainConfig(augment=3), "augment must be an Augment"),
    (
        "TrainConfig device",
        lambda: fit(net(), SPLITS, TrainConfig(epochs=1, device="gpu", bfloat16=False)),
        "device must be",
    ),
]


@pytest.mark.parametrize(("call", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_bad_input_is_answered_at_the_door(call, words):
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert words in str(error.value)


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
