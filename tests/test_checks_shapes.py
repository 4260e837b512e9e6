"""The exercises about shapes and counts, of chapters 02 to 04, and the one about the addition."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from answer_tools import must_fail as fails
from answer_tools import must_pass as passes
from torch import nn

from resnet_course import CONFIGS, checks, create_model, trace
from resnet_course.blocks import BasicBlock
from resnet_course.checks import addition, answers, shapes, values
from resnet_course.checks.exercise import EXERCISES
from resnet_course.checks.guard import AnswerError

CHAPTERS = {
    "residual_forward": 2,
    "conv_output_size": 2,
    "needs_projection": 2,
    "count_layers": 3,
    "stage_shapes": 3,
    "conv_params": 4,
}


def table(*rows):
    """(name, answer, message or nothing) as parameters with readable ids."""
    names = ("answer", "message")[: len(rows[0]) - 1]
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


def raises(*_):
    raise KeyError("stride")


def nothing(*_):
    print(end="")


# ReLU(branch(x) + x).


def forward_in_steps(x, branch):
    out = branch(x)
    out = out + x
    return F.relu(out, inplace=True)


def forward_keeping_identity(picture, f, *, scale=1):
    identity = picture
    out = f(picture.clone())
    return nn.ReLU()(torch.add(out, identity, alpha=scale))


class Residual:
    def __call__(self, x, branch):
        return (x + branch(x)).clamp(min=0)


@table(
    ("one line", lambda x, branch: torch.relu(branch(x) + x)),
    ("in steps, ReLU in place", forward_in_steps),
    ("keeps the identity", forward_keeping_identity),
    ("an object", Residual()),
    ("maximum with 0", lambda x, f: torch.maximum(f(x) + x, torch.zeros_like(x))),
    ("where", lambda x, f: torch.where((s := f(x) + x) > 0, s, 0.0)),
    ("copies first", lambda x, f: f(x.clone()).clone().add_(x).relu_()),
    ("sum of a stack", lambda x, f: torch.stack([f(x), x]).sum(dim=0).relu()),
)
def test_a_right_addition_passes(answer):
    passes(checks.residual_forward, answer)


def adds_into_x(x, branch):
    x += branch(x)
    return torch.relu(x)


def adds_into_the_branch(x, branch):
    out = branch(x)
    out += x
    return torch.relu(out)


def relu_in_place_first(x, branch):
    return branch(x) + x.relu_()


def throws_the_sum_away(x, branch):
    out = branch(x)
    torch.add(out, x)
    return torch.relu(out)


def calls_twice(x, branch):
    assert branch(x).shape == x.shape
    return torch.relu(branch(x) + x)


def without_gradient(x, branch):
    with torch.no_grad():
        return torch.relu(branch(x) + x)


@table(
    ("ReLU too early", lambda x, f: torch.relu(f(x)) + x, "The ReLU comes before the addition"),
    ("two ReLUs", lambda x, f: torch.relu(torch.relu(f(x)) + x), "one ReLU too many"),
    ("no ReLU", lambda x, f: f(x) + x, "Negative numbers are left"),
    ("plain", lambda x, f: torch.relu(f(x)), "The branch alone comes out. Where is x added"),
    ("subtracts", lambda x, f: torch.relu(f(x) - x), "x is subtracted"),
    ("multiplies", lambda x, f: torch.relu(f(x) * x), "The two are multiplied"),
    ("ReLU on the shortcut", lambda x, f: (f(x) + x.relu()).relu(), "The shortcut carries x as it"),
    ("ReLU on both", lambda x, f: f(x).relu() + x.relu(), "on both terms, before the addition"),
    ("x twice", lambda x, f: torch.relu(f(x) + 2 * x), "x is added twice"),
    ("x again", lambda x, f: torch.relu(f(x) + x) + x, "x is added twice: .* again after it"),
    ("ReLU in the branch", lambda x, f: torch.relu(f(torch.relu(x)) + x), "branch gets relu.x."),
    ("ReLU of x only", lambda x, f: f(x) + torch.relu(x), "works on the shortcut alone"),
    ("a layer, not called", lambda x, f: nn.ReLU(f(x) + x), "First make the layer, then call it"),
    ("sum thrown away", throws_the_sum_away, "A sum that gets no name is lost"),
    ("a mean", lambda x, f: torch.relu((f(x) + x) / 2), "It is the mean of the two"),
    (
        "sigmoid",
        lambda x, f: torch.sigmoid(f(x) + x),
        "With a convolution and .* at one place. In w",
    ),
    ("leaky", lambda x, f: F.leaky_relu(f(x) + x), "In which order do branch, addition and ReLU"),
    ("into x", adds_into_x, "With a convolution and batch norm .* your function has changed x"),
    ("into the branch", adds_into_the_branch, "With a branch that returns x itself: your function"),
    ("ReLU in x", relu_in_place_first, "changed x. An operation in place"),
    ("no branch", lambda x, f: torch.relu(x + x), "the branch is never called"),
    ("twice", calls_twice, "the branch is called 2 times"),
    ("nested", lambda x, f: torch.relu(f(f(x)) + x), "the branch is called 2 times"),
    (
        "side by side",
        lambda x, f: torch.cat([f(x), x], 1).relu(),
        r"got \(2, 8, 5, 6\). Adding keeps",
    ),
    ("summed up", lambda x, f: (f(x) + x).sum(), r"shape of x, \(2, 4, 5, 6\), got \(\)"),
    ("detached x", lambda x, f: torch.relu(f(x) + x.detach()), "the wrong gradient comes back"),
    ("no_grad", without_gradient, "the wrong gradient comes back"),
    ("nothing", lambda x, f: nothing(f(x)), "Expected a tensor, got None .NoneType.. Does your"),
    ("a number", lambda x, f: 0.5, "Expected a tensor, got 0.5 .float."),
    ("nan", lambda x, f: torch.relu(f(x) + x) / 0, "there is NaN or infinity"),
    (
        "on meta",
        lambda x, f: (f(x) + x).to("meta"),
        "torch.float32 on cpu, as x is, got .* on meta",
    ),
    ("another type", lambda x, f: (f(x) + x).double(), "as x is, got torch.float64 on cpu"),
    (
        "no module",
        lambda x, f: f.weight,
        "Called with .a tensor of shape .*, a Branch.* Attribute",
    ),
    ("raises", raises, "stopped with KeyError"),
)
def test_a_wrong_addition_gets_its_message(answer, message):
    fails(checks.residual_forward, answer, message)


def test_the_addition_agrees_with_a_basic_block():
    block = BasicBlock(4, 4).eval()
    x = torch.randn(2, 4, 6, 6)
    branch = nn.Sequential(block.conv1, block.bn1, nn.ReLU(), block.conv2, block.bn2)
    assert torch.equal(answers.residual_forward(x, branch), block(x))


# ⌊(n + 2p − k) / s⌋ + 1.


def size_by_walking(size, kernel, stride, padding):
    windows, end = 0, kernel
    while end <= size + 2 * padding:
        windows, end = windows + 1, end + stride
    return windows


def size_by_torch(n, k, s, p):
    return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]


@table(
    ("the formula", lambda n, k, s, p: (n + 2 * p - k) // s + 1),
    ("math.floor", lambda n, k, s, p: math.floor((n + 2 * p - k) / s + 1)),
    ("int", lambda n, k, s=1, p=0: int((n - k + 2 * p) / s) + 1),
    ("one fraction", lambda n, k, s, p: (n + 2 * p - k + s) // s),
    ("rounded up", lambda n, k, s, p: math.ceil((n + 2 * p - k + 1) / s)),
    ("windows one by one", size_by_walking),
    ("a range", lambda n, k, s, p: len(range(0, n + 2 * p - k + 1, s))),
    ("torch", size_by_torch),
    ("a NumPy integer", lambda n, k, s, p: np.int64(n + 2 * p - k) // s + 1),
    ("a tensor without axes", lambda n, k, s, p: torch.tensor(n + 2 * p - k) // s + 1),
    ("an array without axes", lambda n, k, s, p: np.array((n + 2 * p - k) // s + 1)),
    ("divmod", lambda n, k, s, p: divmod(n + 2 * p - k, s)[0] + 1),
)
def test_a_right_size_passes(answer):
    passes(checks.conv_output_size, answer)


@table(
    (
        "first window",
        lambda n, k, s, p: (n + 2 * p - k) // s,
        "padding 1, as in nn.Conv2d: expected 56, got 55. Is the first window counted",
    ),
    ("one side", lambda n, k, s, p: (n + p - k) // s + 1, "The padding is on both sides"),
    ("no padding", lambda n, k, s, p: (n - k) // s + 1, "Where is the padding"),
    (
        "up",
        lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1,
        "stride 2.* expected 28, got 29. .* round down.$",
    ),
    ("nearest", lambda n, k, s, p: round((n + 2 * p - k) / s) + 1, "not to the nearest number"),
    ("no window", lambda n, k, s, p: (n + 2 * p) // s, "How much room does the window itself"),
    ("no stride", lambda n, k, s, p: n + 2 * p - k + 1, "Does the window move by `stride`"),
    ("one too early", lambda n, k, s, p: (n + 2 * p - k + 1) // s, "counted before the division"),
    ("halves", lambda n, k, s, p: n // s, "right only if the padding suits the kernel"),
    ("exchanged", lambda n, s, k, p: (n + 2 * p - k) // s + 1, "Are kernel and stride exchanged"),
    (
        "other order",
        lambda n, k, p, s: (n + 2 * p - k) // max(s, 1) + 1,
        "move the window along it",
    ),
    (
        "a float",
        lambda n, k, s, p: (n + 2 * p - k) / s + 1,
        "int., got 56 .float.. A count is an int.*// rounds down",
    ),
    (
        "a float, rounded",
        lambda n, k, s, p: (n + 2 * p - k) // s + 1.0,
        "whole number .int., got 56 .float.",
    ),
    ("nothing", nothing, "got None .NoneType.. Does your function reach a `return` in every case"),
    (
        "not always",
        lambda n, k, s, p: n if s == 1 else None,
        "got None .NoneType.. Does your function reach",
    ),
    (
        "text",
        lambda *case: "56",
        "Expected a whole number .int., got '56' .str.. A count is an int",
    ),
    ("nan", lambda *case: float("nan"), "Expected a whole number .int., got nan"),
    ("true", lambda *case: True, "Expected a whole number .int., got True"),
    ("a shape", lambda n, k, s, p: (n, n), r"got \(56, 56\) .tuple."),
    ("axes", lambda n, k, s, p: torch.tensor([n]), "got a tensor of shape .1. "),
    ("on meta", lambda *case: torch.tensor(56, device="meta"), "which holds no numbers"),
    ("raises", raises, r"Called with \(56, 3, 1, 1\), your code stopped with KeyError"),
)
def test_a_wrong_size_gets_its_message(answer, message):
    fails(checks.conv_output_size, answer, message)


# A projection where the shape changes.


def by_branches(in_channels, out_channels, stride):
    if stride > 1:
        return True
    return bool(in_channels - out_channels)


def by_the_package(in_channels, out_channels, stride):
    with torch.device("meta"):
        return BasicBlock(in_channels, out_channels, stride).downsample is not None


def by_shapes(in_channels, out_channels, stride):
    x = torch.zeros(1, in_channels, 8, 8)
    out = nn.Conv2d(in_channels, out_channels, 3, stride, 1)(x)
    return out.shape != x.shape


@table(
    ("or", lambda c, d, s: s != 1 or c != d),
    ("not and", lambda c, d, s: not (s == 1 and c == d)),
    ("branches", by_branches),
    ("tuples", lambda c, d, s: (c, 1) != (d, s)),
    ("the package", by_the_package),
    ("shapes", by_shapes),
    ("NumPy", lambda c, d, s: np.not_equal(c, d) | np.not_equal(s, 1)),
    ("tensor", lambda c, d, s: torch.tensor([c, s]).ne(torch.tensor([d, 1])).any()),
    ("1 and 0", lambda c, d, s: int(c != d or s > 1)),
)
def test_a_right_decision_passes(answer):
    passes(checks.needs_projection, answer)


def only_yes(in_channels, out_channels, stride):
    answer = None
    if stride != 1 or in_channels != out_channels:
        answer = True
    return answer


@table(
    (
        "only channels",
        lambda c, d, s: c != d,
        "64 → 64 channels, stride 2: expected True, got False. The channels agree, but",
    ),
    (
        "only stride",
        lambda c, d, s: s != 1,
        "64 → 128 channels, stride 1: expected True, got False. The map stays, but",
    ),
    ("both", lambda c, d, s: c != d and s != 1, "64 → 64 channels, stride 2: expected True"),
    (
        "inverted",
        lambda c, d, s: c == d and s == 1,
        "64 → 64 channels, stride 1: expected False, got True. Both shapes are equal",
    ),
    ("more only", lambda c, d, s: d > c or s > 1, "256 → 64 channels, stride 1: .* get fewer"),
    ("stride 2 only", lambda c, d, s: c != d or s == 2, "stride 3: .* Every stride but 1"),
    (
        "broadcast",
        lambda c, d, s: s > 1 or c != d and c != 1,
        "1 → 16 channels, .* repeat the single channel",
    ),
    (
        "only 64",
        lambda c, d, s: not (c == d == 64 and s == 1),
        "512 → 512 channels.* expected False",
    ),
    ("always", lambda c, d, s: True, "expected False, got True"),
    (
        "never",
        lambda c, d, s: False,
        "64 → 128 channels, stride 2: .* Channels and map both change",
    ),
    (
        "no else",
        only_yes,
        "stride 1: expected True or False, got None .NoneType.. Does your function reach",
    ),
    ("a difference", lambda c, d, s: d - c, "expected True or False, got 64 .int.. A comparison"),
    ("a ratio", lambda c, d, s: d / c - 1 or s - 1.0, "expected True or False, got 0 .float."),
    ("text", lambda c, d, s: "yes", "expected True or False, got 'yes'"),
    ("nan", lambda c, d, s: float("nan"), "expected True or False, got nan"),
    ("on meta", lambda c, d, s: torch.tensor(True, device="meta"), "which holds no numbers"),
    ("many", lambda c, d, s: np.array([c != d, s != 1]), r"got an array of shape \(2,\)"),
    ("raises", raises, r"Called with \(64, 64, 1\), your code stopped with KeyError"),
)
def test_a_wrong_decision_gets_its_message(answer, message):
    fails(checks.needs_projection, answer, message)


# 18 = 1 + 16 + 1.


def layers_by_loop(depths, convs):
    layers = ["conv"]
    for depth in depths:
        layers += ["conv"] * convs * depth
    return len([*layers, "fc"])


@table(
    ("the formula", lambda depths, convs: 1 + convs * sum(depths) + 1),
    ("a loop", layers_by_loop),
    ("a sum of products", lambda d, c: 2 + sum(c * blocks for blocks in d)),
    ("NumPy", lambda d, c: np.sum(d) * c + 2),
    ("torch", lambda d, c: torch.tensor(d).sum() * c + 2),
    ("reduce", lambda d, c: functools.reduce(lambda n, blocks: n + c * blocks, d, 2)),
)
def test_a_right_count_of_layers_passes(answer):
    passes(checks.count_layers, answer)


def pops(depths, convs):
    depths, layers = list(depths) if isinstance(depths, tuple) else depths, 2
    while depths:
        layers += convs * depths.pop()
    return layers


def first_stage(depths, convs):
    layers = 1
    for blocks in depths:
        layers += convs * blocks
        return layers + 1
    return layers


@table(
    (
        "no ends",
        lambda d, c: c * sum(d),
        r"depths \(2, 2, 2, 2\), 2 convolution.* expected 18, got 16. Two layers are missing",
    ),
    ("one end", lambda d, c: c * sum(d) + 1, "expected 18, got 17. One layer is missing"),
    ("pooling", lambda d, c: c * sum(d) + 3, "pooling has no weights"),
    (
        "three projections",
        lambda d, c: c * sum(d) + 2 + len(d) - 1,
        "expected 18, got 21. Projections are beside",
    ),
    ("always three", lambda d, c: c * sum(d) + 2 + 3, "got 21. Projections are beside"),
    ("always four", lambda d, c: c * sum(d) + 2 + 4, "got 22. Projections are beside"),
    (
        "four projections",
        lambda d, c: c * sum(d) + 2 + len(d),
        "expected 18, got 22. Projections are beside",
    ),
    ("in every block", lambda d, c: (c + 1) * sum(d) + 2, "A projection in every block"),
    ("one per block", lambda d, c: sum(d) + 2, "How many convolutions has each block"),
    ("always two", lambda d, c: 2 * sum(d) + 2, "expected 50, got 34. Is that always two"),
    ("stages", lambda d, c: c * len(d) + 2, "counts the stages, not the blocks"),
    ("product", lambda d, c: c * math.prod(d) + 2, "added up, not multiplied"),
    ("first stage", first_stage, "the first stage alone"),
    ("batch norm", lambda d, c: 2 * (c * sum(d) + 1) + 1, "Batch norm is not counted"),
    ("ends in each stage", lambda d, c: sum(c * n + 2 for n in d), "not for each stage"),
    ("other", lambda d, c: c * sum(d) + 9, "layers of the smallest network one by one"),
    ("changes the list", pops, r"Your function has changed \[3, 4, 6, 3\], which it was given"),
    (
        "a float",
        lambda d, c: 2 + c * np.mean(d) * len(d),
        "Expected a whole number .int., got 18 .float",
    ),
    ("nothing", nothing, "got None"),
    ("nan", lambda d, c: float("nan"), "whole number .int., got nan"),
    ("on meta", lambda d, c: torch.tensor(18, device="meta"), "holds no numbers"),
    ("raises", raises, r"Called with \(\(2, 2, 2, 2\), 2\), your code stopped with KeyError"),
)
def test_a_wrong_count_of_layers_gets_its_message(answer, message):
    fails(checks.count_layers, answer, message)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_names_of_networks_are_counts(name):
    config = CONFIGS[name]
    convs = 2 if config.block is BasicBlock else 3
    assert name == f"resnet{answers.count_layers(config.depths, convs)}"


# The shapes of ResNet-34.


def up(n):
    return (n + 1) // 2


def halved(*halvings, half=up, channels=(64, 64, 128, 256, 512)):
    def shapes(size):
        found = []
        for times, count in zip(halvings, channels, strict=True):
            for _ in range(times):
                size = half(size)
            found.append((count, size, size))
        return found

    return shapes


def down(n):
    return n // 2


RIGHT = (2, 0, 1, 1, 1)


def shapes_by_trace(size):
    with torch.device("meta"):
        model = create_model("resnet34")
    rows = trace(model, (1, 3, size, size)).grouped(1)
    return [rows[n].out_shape for n in ("maxpool", "layer1", "layer2", "layer3", "layer4")]


def shapes_by_running(size):
    x, found = torch.zeros(1, 3, size, size), []
    model = create_model("resnet34").eval()
    with torch.no_grad():
        x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        for stage in (nn.Identity(), model.layer1, model.layer2, model.layer3, model.layer4):
            x = stage(x)
            found.append(x.shape[1:])
    return found


def shapes_by_torchvision(size):
    model, x, found = torchvision.models.resnet34(), torch.zeros(1, 3, size, size), []
    for name in ("maxpool", "layer1", "layer2", "layer3", "layer4"):
        layer = getattr(model, name)
        layer.register_forward_hook(lambda *given: found.append(tuple(given[-1].shape[1:])))
    model(x)  # in training mode, in which it comes
    return found


def shapes_by_division(size):
    stem = math.ceil(size / 4)
    found = [[64, stem, stem]]
    for i in range(4):
        found += [[64 * 2**i, math.ceil(stem / 2**i), math.ceil(stem / 2**i)]]
    return found


def shapes_of_numpy(size):
    return np.array(halved(*RIGHT)(size))


@table(
    ("halves, rounded up", halved(*RIGHT)),
    ("the formula", answers.stage_shapes),
    ("one division each", shapes_by_division),
    ("a trace", shapes_by_trace),
    ("a network that runs", shapes_by_running),
    ("torchvision's network that runs", shapes_by_torchvision),
    ("a tuple of torch.Size", lambda n: tuple(map(torch.Size, halved(*RIGHT)(n)))),
    ("an array", shapes_of_numpy),
    ("a tensor", lambda n: torch.tensor(halved(*RIGHT)(n))),
    ("NumPy integers", lambda n: [tuple(row) for row in shapes_of_numpy(n)]),
    ("tensors inside", lambda n: [[c, torch.tensor(h), w] for c, h, w in halved(*RIGHT)(n)]),
)
def test_right_shapes_pass(answer):
    passes(checks.stage_shapes, answer)


def with_batch(size):
    return [(1, *shape) for shape in halved(*RIGHT)(size)]


def with_steps_of_the_stem(size):
    return [(64, up(size), up(size)), *halved(*RIGHT)(size)]


@table(
    (
        "no max pool",
        halved(1, 0, 1, 1, 1),
        "224×224: expected 64×56×56 after the stem, got 64×112×112. The stem halves twice",
    ),
    (
        "rounded down",
        halved(*RIGHT, half=down),
        "Picture of 225×225: expected 64×57×57 after the stem, got 64×56×56. Half of an odd size",
    ),
    (
        "stage 1 halves",
        halved(2, 1, 1, 1, 1),
        "expected 64×56×56 after stage 1, got 64×28×28. Stage 1 does not halve",
    ),
    (
        "stage 1 in place of the pool",
        halved(1, 1, 1, 1, 1),
        "The stem halves twice. Stage 1 does not",
    ),
    (
        "pool missing, down",
        halved(1, 0, 1, 1, 1, half=down),
        "first convolution and stage 1. And odd",
    ),
    (
        "last stage keeps",
        halved(2, 0, 1, 1, 0),
        "expected 512×7×7 after stage 4, got 512×14×14. Only stages",
    ),
    ("no steps", halved(2, 0, 0, 0, 0), "Where is the stride of stages 2, 3 and 4"),
    ("stem keeps", halved(0, 0, 1, 1, 1), "which stride has its first convolution"),
    ("ResNet-50", halved(*RIGHT, channels=(64, 256, 512, 1024, 2048)), "channels of ResNet-50"),
    (
        "doubled at once",
        halved(*RIGHT, channels=(64, 128, 256, 512, 1024)),
        "after stage 1, got 128×56×56. The sizes are right. How many channels",
    ),
    (
        "channels last",
        lambda n: [(h, w, c) for c, h, w in halved(*RIGHT)(n)],
        "Channels come first",
    ),
    ("nearest", halved(*RIGHT, half=lambda n: round(n / 2)), "through the formula, step by step"),
    (
        "one number wrong",
        lambda n: [*halved(*RIGHT)(n)[:4], (512, 7, 7)],
        "Picture of 225×225: expected 512×8×8 after stage 4",
    ),
    (
        "the stem left out",
        lambda n: halved(*RIGHT)(n)[1:],
        "expected five shapes, got 4. One for the stem",
    ),
    ("both steps of the stem", with_steps_of_the_stem, "expected five shapes, got 6"),
    ("empty", lambda n: [], "expected five shapes, got 0"),
    ("with the batch", with_batch, "without the batch"),
    ("only sizes", lambda n: [h for _, h, _ in halved(*RIGHT)(n)], "but in it there is 56 .int."),
    (
        "floats",
        halved(*RIGHT, half=lambda n: n / 2),
        r"\(64, 56.0, 56.0\) .tuple.. Sizes are whole numbers",
    ),
    (
        "a dict",
        lambda n: dict(enumerate(halved(*RIGHT)(n))),
        "Expected a list of five shapes .*dict",
    ),
    (
        "a generator",
        lambda n: (s for s in halved(*RIGHT)(n)),
        "Expected a list of five shapes .*generator",
    ),
    ("nothing", nothing, "got None. Does your function reach a `return`"),
    (
        "rounded up, as floats",
        halved(*RIGHT, half=lambda n: float(np.ceil(n / 2))),
        "of type int: int.* makes one of a float.$",
    ),
    ("nan", lambda n: [(64, float("nan"), 56)] * 5, "Sizes are whole numbers"),
    ("true", lambda n: [(64, True, 56)] * 5, "Sizes are whole numbers"),
    ("on meta", lambda n: torch.zeros(5, 3, device="meta"), "which holds no numbers"),
    ("float array", lambda n: shapes_of_numpy(n) / 1, "Sizes are whole numbers"),
    ("one number", lambda n: torch.tensor(n), "Expected a list of five shapes"),
    ("raises", raises, r"Called with \(224\), your code stopped with KeyError"),
)
def test_wrong_shapes_get_their_message(answer, message):
    fails(checks.stage_shapes, answer, message)


@pytest.mark.parametrize("size", [224, 225, 97, 64, 33])
def test_the_oracle_of_shapes_is_the_network(size):
    assert shapes_by_trace(size) == answers.stage_shapes(size)


# The weights of a convolution.


def params_by_torch(in_channels, out_channels, kernel, groups=1):
    conv = nn.Conv2d(in_channels, out_channels, kernel, groups=groups, bias=False)
    return sum(p.numel() for p in conv.parameters())


def params_group_by_group(c, d, k, g=1):
    return sum(k**2 * (c // g) * (d // g) for _ in range(g))


@table(
    ("one group of inputs", lambda c, d, k, groups=1: k * k * (c // groups) * d),
    ("torch", params_by_torch),
    ("group by group", params_group_by_group),
    ("divided last", lambda c, d, k, g=1: c * d * k**2 // g),
    ("prod", lambda c, d, k, g=1: math.prod((d, c // g, k, k))),
    ("int of a quotient", lambda c, d, k, g=1: int(c / g) * d * k * k),
    ("NumPy", lambda c, d, k, g=1: np.prod([d, c // g, k, k])),
    ("the shape of the weight", lambda c, d, k, g=1: torch.Size([d, c // g, k, k]).numel()),
    ("more arguments", lambda c, d, k, g=1, bias=False: c // g * d * k * k + bias * d),
)
def test_a_right_count_of_weights_passes(answer):
    passes(checks.conv_params, answer)


@table(
    (
        "groups ignored",
        lambda c, d, k, g=1: c * d * k * k,
        "64 → 64 channels, window 3×3, 4 groups: expected 9,216, got 36,864. What do",
    ),
    (
        "bias",
        lambda c, d, k, g=1: c // g * d * k * k + d,
        "64 → 128 channels, window 3×3: expected 73,728, got 73,856. There is no bias",
    ),
    ("line", lambda c, d, k, g=1: c // g * d * k, "The window has two sides"),
    (
        "channels per group",
        lambda c, d, k, g=1: k * k * d * (c if g == 1 else g),
        "not the channels in each of them",
    ),
    (
        "one group",
        lambda c, d, k, g=1: k * k * (c // g) * (d // g),
        "expected 9,216, got 2,304. That is one group alone",
    ),
    ("times", lambda c, d, k, g=1: k * k * c * d * g, "More groups mean fewer"),
    ("one filter", lambda c, d, k, g=1: k * k * c // g, "That is one filter"),
    ("no input channels", lambda c, d, k, g=1: k * k * d, "How many input channels does a filter"),
    ("added", lambda c, d, k, g=1: k * k * (c + d) // g, "are multiplied, not added"),
    ("always 3", lambda c, d, k, g=1: 9 * (c // g) * d, "always a window of 3×3"),
    ("other", lambda c, d, k, g=1: c * d * k * k // g + 1, "Print the shape of the weight"),
    (
        "a float",
        lambda c, d, k, g=1: c / g * d * k * k,
        "Expected a whole number .int., got 73728 .float.. A count is an int",
    ),
    (
        "no default",
        lambda c, d, k, g: c // g * d * k * k,
        r"Called with \(64, 128, 3\), your code stopped with TypeError: .*'g'",
    ),
    ("no groups", lambda c, d, k: c * d * k * k, "takes 3 positional arguments but 4 were given"),
    ("nothing", nothing, "got None"),
    ("nan", lambda c, d, k, g=1: float("nan"), "whole number .int., got nan"),
    (
        "the weight",
        lambda c, d, k, g=1: nn.Conv2d(c, d, k, groups=g).weight,
        "got a tensor of shape .128, 64, 3, 3. ",
    ),
    ("on meta", lambda c, d, k, g=1: torch.tensor(9, device="meta"), "holds no numbers"),
    (
        "depthwise apart",
        lambda c, d, k, g=1: k * k if g == c else c // g * d * k * k,
        "64 groups: expected 576, got 9. Print the shape of the weight",
    ),
    ("raises", raises, "stopped with KeyError"),
)
def test_a_wrong_count_of_weights_gets_its_message(answer, message):
    fails(checks.conv_params, answer, message)


def test_the_oracle_of_weights_is_torch():
    for case in ((64, 128, 3), (12, 8, 5, 2), (64, 64, 3, 64), (3, 64, 7, 1)):
        assert answers.conv_params(*case) == params_by_torch(*case)


# What holds for all.


@pytest.mark.parametrize(
    ("check", "mistakes"),
    [
        (checks.conv_output_size, shapes.SIZE),
        (checks.count_layers, shapes.LAYERS),
        (checks.stage_shapes, shapes.SHAPES),
        (checks.conv_params, shapes.PARAMS),
        (checks.residual_forward, addition.MISTAKES),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_known_mistake_is_wrong_and_gets_its_own_words(check, mistakes):
    for words, wrong_answer in mistakes:
        result = check(wrong_answer)
        assert not result and result.message.endswith(words), (words, result.message)


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_solution_is_a_right_answer(name):
    answer, *_ = EXERCISES[name].answers
    passes(getattr(checks, name), answer)
    assert f"def {name}(" in checks.solution(name).data
    assert EXERCISES[name].chapter == CHAPTERS[name]


def test_what_is_no_whole_number_is_refused():
    assert values.whole(np.int32(7)) == values.whole(torch.tensor(7)) == 7
    for got in (7.0, True, None, "7", torch.tensor([7]), torch.tensor(7.0), np.bool_(True)):
        with pytest.raises(AnswerError, match=r"Expected a whole number \(int\), got "):
            values.whole(got)
