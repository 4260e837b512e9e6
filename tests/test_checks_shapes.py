"""The exercises about shapes and counts, of chapters 02 to 04, and the one about the addition."""

from __future__ import annotations

import pytest
import torch
from answer_tools import all_told, told
from helpers import meta
from torch import nn

from resnet_course import CONFIGS, trace
from resnet_course.blocks import BasicBlock
from resnet_course.checks.exercise import EXERCISES

NO_BRANCH = """
class Adder:
    def __call__(self, x, branch):
        return (x + branch(x)).clamp(min=0)
"""
ADDITIONS = r"""
right
    torch.relu(f(x) + x)
    torch.maximum(f(x) + x, torch.zeros_like(x))
    torch.where((s := f(x) + x) > 0, s, 0.0)
    f(x.clone()).clone().add_(x).relu_()
    torch.stack([f(x), x]).sum(dim=0).relu()
    answer = Adder()
    def in_steps(x, branch):
        out = branch(x)
        out = out + x
        return F.relu(out, inplace=True)
    def keeps_the_identity(picture, f, *, scale=1):
        identity = picture
        out = f(picture.clone())
        return nn.ReLU()(torch.add(out, identity, alpha=scale))
With a convolution and batch norm as branch: the output at .*: expected .*, got .* In which order
    torch.sigmoid(f(x) + x)
In which order do branch, addition and ReLU
    F.leaky_relu(f(x) + x)
With a convolution and batch norm .* your function has changed x. An operation in place
    def adds_into_x(x, branch):
        x += branch(x)
        return torch.relu(x)
    f(x) + x.relu_()
With a branch that returns x itself: your function has changed x
    def adds_into_the_branch(x, branch):
        out = branch(x)
        out += x
        return torch.relu(out)
The backward pass fails: .* Does your code change a tensor in place
    def adds_to_what_relu_keeps(x, branch):
        out = torch.relu(branch(x))
        out += x
        return out
the branch is never called. Call it once: it is the costly part
    torch.relu(x + x)
the branch is called 2 times
    torch.relu(f(f(x)) + x)
    def calls_twice(x, branch):
        assert branch(x).shape == x.shape
        return torch.relu(branch(x) + x)
expected the shape of x, .*, got \(2, 8, 5, 6\). Adding keeps the shape: are the two laid side by
    torch.cat([f(x), x], 1).relu()
shape of x, \(2, 4, 5, 6\), got \(\)
    (f(x) + x).sum()
the gradient of x at .* The output is right. .* is there a detach, a no_grad or .data
    torch.relu(f(x) + x.detach())
    torch.no_grad()(lambda: torch.relu(f(x) + x))()
there is NaN or infinity in the result
    torch.relu(f(x) + x) / 0
torch.float32 on cpu, as x is, got .* on meta
    (f(x) + x).to("meta")
Called with .a tensor of shape .*, a Branch.* Attribute
    f.weight
"""
WHOLE = r"""
got None .NoneType.. Does your function reach a `return` in every case
    print(end="")
Expected a whole number .int., got '56' .str.. A count is an int
    "56"
Expected a whole number .int., got nan
    float("nan")
Expected a whole number .int., got True
    True
got \(5, 5\) .tuple.. A count is an int.$
    (5, 5)
got a tensor of shape .1.
    torch.tensor([1])
got 56 .float.. A count is an int, not a float. If there is a division: // rounds down
    56.0
got a tensor with the number 56 .Tensor.. A count is an int, not a float
    torch.tensor(56.0)
got .*True_? .bool_?.. A count is an int
    np.bool_(True)
a tensor on the device "meta", which holds no numbers
    torch.tensor(56, device="meta")
Called with .*, your code stopped with KeyError
    {}["stride"]
"""
OUTPUT_SIZES = r"""
right
    (n + 2 * p - k) // s + 1
    math.floor((n + 2 * p - k) / s + 1)
    lambda n, k, s=1, p=0: int((n - k + 2 * p) / s) + 1
    (n + 2 * p - k + s) // s
    math.ceil((n + 2 * p - k + 1) / s)
    len(range(0, n + 2 * p - k + 1, s))
    F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]
    np.int64(n + 2 * p - k) // s + 1
    np.int32((n + 2 * p - k) // s + 1)
    torch.tensor(n + 2 * p - k) // s + 1
    np.array((n + 2 * p - k) // s + 1)
    divmod(n + 2 * p - k, s)[0] + 1
    def window_by_window(size, kernel, stride, padding):
        windows, end = 0, kernel
        while end <= size + 2 * padding:
            windows, end = windows + 1, end + stride
        return windows
size 56, kernel 3, stride 1, padding 1, as in nn.Conv2d: expected 56, got 55. Is the first window
    (n + 2 * p - k) // s
Draw a row of pixels and move the window along it
    lambda n, k, p, s: (n + 2 * p - k) // max(s, 1) + 1
got 56 .float.. A count is an int, not a float
    (n + 2 * p - k) / s + 1
    (n + 2 * p - k) // s + 1.0
got None .NoneType.. Does your function reach
    n if s == 1 else None
"""
PROJECTIONS = r"""
right
    s != 1 or c != d
    not (s == 1 and c == d)
    (c, 1) != (d, s)
    np.not_equal(c, d) | np.not_equal(s, 1)
    torch.tensor([c, s]).ne(torch.tensor([d, 1])).any()
    int(c != d or s > 1)
    nn.Conv2d(c, d, 3, s, 1)(torch.zeros(1, c, 8, 8)).shape != (1, c, 8, 8)
    def branches(in_channels, out_channels, stride):
        if stride > 1:
            return True
        return bool(in_channels - out_channels)
64 → 64 .* 2: expected True, got False. The channels .* smaller: 56×56 and 28×28 do not fit
    c != d
64 → 128 channels, stride 1: expected True, got False. The map stays, but 64 and 128 channels do
    s != 1
64 → 64 channels, stride 2: expected True
    c != d and s != 1
64 → 64 channels, stride 1: expected False, got True. Both shapes are equal: x can be added as it is
    c == d and s == 1
    True
256 → 64 channels, stride 1: .* The channels get fewer, and 256 and 64 do not fit
    d > c or s > 1
32 → 32 channels, stride 3: .* Every stride but 1 makes the map smaller
    c != d or s == 2
1 → 16 channels, .* PyTorch would repeat the single channel without an error, but it is wrong
    s > 1 or c != d and c != 1
512 → 512 channels.* expected False, .* Both shapes are equal, however many channels there are
    not (c == d == 64 and s == 1)
64 → 128 channels, stride 2: .* Channels and map both change
    False
stride 1: expected True or False, got None .NoneType.. Does your function reach a `return`
    True if s != 1 or c != d else None
expected True or False, got 64 .int.. A comparison gives True or False
    d - c
expected True or False, got 0 .float.
    d / c - 1 or s - 1.0
expected True or False, got 'yes'
    "yes"
expected True or False, got nan
    float("nan")
which holds no numbers
    torch.tensor(True, device="meta")
got an array of shape \(2,\)
    np.array([c != d, s != 1])
Called with \(64, 64, 1\), your code stopped with KeyError
    {}["stride"]
"""
LAYERS = r"""
right
    1 + convs * sum(depths) + 1
    2 + sum(convs * blocks for blocks in depths)
    np.sum(depths) * convs + 2
    torch.tensor(depths).sum() * convs + 2
    functools.reduce(lambda n, blocks: n + convs * blocks, depths, 2)
    def one_by_one(depths, convs):
        layers = ["conv"]
        for depth in depths:
            layers += ["conv"] * convs * depth
        return len([*layers, "fc"])
depths \(2, 2, 2, 2\), 2 convolution.* expected 18, got 16. Two layers are missing
    convs * sum(depths)
Write down the layers of the smallest network one by one
    convs * sum(depths) + 9
Your function has changed \[3, 4, 6, 3\], which it was given
    def pops(depths, convs):
        depths, layers = list(depths) if isinstance(depths, tuple) else depths, 2
        while depths:
            layers += convs * depths.pop()
        return layers
"""
SHAPES = """
def up(n):
    return (n + 1) // 2

def shapes(size, *halvings, half=up, channels=(64, 64, 128, 256, 512)):
    found = []
    for times, count in zip(halvings or (2, 0, 1, 1, 1), channels):
        for _ in range(times):
            size = half(size)
        found.append((count, size, size))
    return found
"""
STAGES = r"""
right
    shapes(n)
    tuple(map(torch.Size, shapes(n)))
    np.array(shapes(n))
    torch.tensor(shapes(n))
    [tuple(row) for row in np.array(shapes(n))]
    [[c, torch.tensor(h), w] for c, h, w in shapes(n)]
    [[64, *[-(-n // 4)] * 2]] + [[64 * 2**i, *[-(-n // (4 * 2**i))] * 2] for i in range(4)]
    def by_running(size):
        import torchvision
        model, found = torchvision.models.resnet34(), []
        for name in ("maxpool", "layer1", "layer2", "layer3", "layer4"):
            note = lambda *given: found.append(tuple(given[-1].shape[1:]))
            getattr(model, name).register_forward_hook(note)
        model(torch.zeros(1, 3, size, size))  # in training mode, in which it comes
        return found
224×224: expected 64×56×56 after the stem, got 64×112×112. The stem halves twice
    shapes(n, 1, 0, 1, 1, 1)
Picture of 225×225: expected 64×57×57 after the stem, got 64×56×56. Half of an odd size
    shapes(n, half=lambda size: size // 2)
after stage 1, got 128×56×56. The sizes are right. How many channels come out of the stem, and out
    shapes(n, channels=(64, 128, 256, 512, 1024))
through the formula, step by step
    shapes(n, half=lambda size: round(size / 2))
Picture of 225×225: expected 512×8×8 after stage 4
    [*shapes(n)[:4], (512, 7, 7)]
expected five shapes, got 4. One for the stem, after its pooling, .*; none for the head
    shapes(n)[1:]
expected five shapes, got 6
    [(64, up(n), up(n)), *shapes(n)]
expected five shapes, got 0
    []
in it there is \(1, 64, 56, 56\) .tuple.. A shape here is .*: three numbers, without the batch
    [(1, *shape) for shape in shapes(n)]
Expected a list of five shapes such as .*, but in it there is 56 .int.
    [h for _, h, _ in shapes(n)]
\(64, 56.0, 56.0\) .tuple.. Sizes are whole numbers of type int: int.* makes one of a float.$
    shapes(n, half=lambda size: size / 2)
    shapes(n, half=lambda size: float(np.ceil(size / 2)))
Expected a list of five shapes .*dict
    dict(enumerate(shapes(n)))
Expected a list of five shapes .*generator
    (shape for shape in shapes(n))
got None. Does your function reach a `return`
    print(end="")
Sizes are whole numbers
    [(64, float("nan"), 56)] * 5
    [(64, True, 56)] * 5
    np.array(shapes(n)) / 1
which holds no numbers
    torch.zeros(5, 3, device="meta")
Expected a list of five shapes
    torch.tensor(n)
Called with \(224\), your code stopped with KeyError
    {}["stride"]
"""
WEIGHTS = r"""
right
    lambda c, d, k, groups=1: k * k * (c // groups) * d
    sum(p.numel() for p in nn.Conv2d(c, d, k, groups=g, bias=False).parameters())
    sum(k**2 * (c // g) * (d // g) for _ in range(g))
    c * d * k**2 // g
    math.prod((d, c // g, k, k))
    int(c / g) * d * k * k
    np.prod([d, c // g, k, k])
    torch.Size([d, c // g, k, k]).numel()
    lambda c, d, k, g=1, bias=False: c // g * d * k * k + bias * d
64 → 64 channels, window 3×3, 4 groups: expected 9,216, got 36,864. What do
    c * d * k * k
Print the shape of the weight of a small nn.Conv2d and multiply its numbers
    c * d * k * k // g + 1
Expected a whole number .int., got 73728 .float.. A count is an int
    c / g * d * k * k
Called with \(64, 128, 3\), your code stopped with TypeError: .*'g'
    lambda c, d, k, g: c // g * d * k * k
takes 3 positional arguments but 4 were given
    lambda c, d, k: c * d * k * k
got a tensor of shape .128, 64, 3, 3.
    nn.Conv2d(c, d, k, groups=g).weight
64 groups: expected 576, got 9. Print the shape of the weight
    k * k if g == c else c // g * d * k * k
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("residual_forward", "x, f", ADDITIONS, more=NO_BRANCH),
    *told("conv_output_size", "n, k, s, p", OUTPUT_SIZES + WHOLE),
    *told("needs_projection", "c, d, s", PROJECTIONS),
    *told("count_layers", "depths, convs", LAYERS + WHOLE),
    *told("stage_shapes", "n", STAGES, more=SHAPES),
    *told("conv_params", "c, d, k, g=1", WEIGHTS + WHOLE),
)


# The package's own answers agree with the package's own networks.


def packages(name, *arguments):
    return EXERCISES[name].answers[0](*arguments)


def test_the_addition_agrees_with_a_basic_block():
    block, x = BasicBlock(4, 4).eval(), torch.randn(2, 4, 6, 6)
    branch = nn.Sequential(block.conv1, block.bn1, nn.ReLU(), block.conv2, block.bn2)
    assert torch.equal(packages("residual_forward", x, branch), block(x))


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_names_of_networks_are_counts(name):
    config = CONFIGS[name]
    convs = 2 if config.block is BasicBlock else 3
    assert name == f"resnet{packages('count_layers', config.depths, convs)}"


@pytest.mark.parametrize("size", [224, 225, 97, 64, 33])
def test_the_shapes_of_resnet34_are_those_of_the_network(size):
    rows = trace(meta("resnet34"), (1, 3, size, size)).grouped(1)
    names = ("maxpool", "layer1", "layer2", "layer3", "layer4")
    assert packages("stage_shapes", size) == [rows[name].out_shape for name in names]
