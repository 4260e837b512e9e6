"""The checkers of stages and networks: right ways pass, each wrong one is told why."""

from __future__ import annotations

import re
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet34 as their_resnet34

from resnet_course import create_model
from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers, networks
from resnet_course.checks.compare import Subject
from resnet_course.checks.diagnosis import IN_NUMBERS, IN_SIZES
from resnet_course.checks.exercise import EXERCISES
from resnet_course.checks.networks import PARAMETERS, WithoutStartingNumbers
from resnet_course.checks.variants import NETWORK, compiled, edited, made
from resnet_course.resnet import ResNetConfig
from resnet_course.resnet import make_stage as package_stage


def assert_says(result, message):
    assert result.attempted and not result.passed
    assert re.search(message, result.message), result.message


# A stage.


def with_keywords(block, i, c, depth, stride):
    stage = nn.Sequential()
    for n in range(depth):
        first = n == 0
        stage.append(
            block(
                in_channels=i if first else c * block.expansion,
                channels=c,
                stride=stride if first else 1,
            )
        )
    return stage


def by_remembering(block, i, c, depth, stride):
    blocks = OrderedDict()
    for n in range(depth):
        blocks[f"block{n}"] = block(i, c, stride)
        i, stride = c * block.expansion, 1
    return nn.Sequential(blocks)


def nested(block, i, c, depth, stride):
    rest = nn.Sequential(*(block(c * block.expansion, c) for _ in range(1, depth)))
    return nn.Sequential(block(i, c, stride), rest, nn.Identity())


class Stage(nn.Sequential):
    def __init__(self, block, i, c, depth, stride):
        strides = [stride] + [1] * (depth - 1)
        channels = [i] + [block.expansion * c] * (depth - 1)
        super().__init__(*map(lambda a, s: block(a, c, s), channels, strides))


def from_the_package(block, i, c, depth, stride):
    config = ResNetConfig(block, depths=(depth,), widths=(c,))
    return package_stage(config, i, c, depth, stride)


RIGHT_STAGES = [
    answers.make_stage, with_keywords, by_remembering, nested, Stage, from_the_package
]  # fmt: skip


@pytest.mark.parametrize("answer", RIGHT_STAGES, ids=lambda a: a.__name__)
def test_a_right_stage_passes(answer):
    result = networks.make_stage(answer)
    assert result, result.message


def stage(first=None, rest=None, wrap=None, count=None):
    """Return f(block, i, c, depth, stride); `first` and `rest` give the arguments of a block."""
    first = first or (lambda b, i, c, d, s: (i, c, s))
    rest = rest or (lambda b, i, c, d, s: (c * b.expansion, c, 1))
    wrap = wrap or (lambda blocks: nn.Sequential(*blocks))

    def make_stage(b, i, c, d, s):
        blocks = [b(*first(b, i, c, d, s))]
        for _ in range((count or (lambda n: n - 1))(d)):
            blocks.append(b(*rest(b, i, c, d, s)))
        return wrap(blocks)

    return make_stage


def stride_at_the_end(b, i, c, d, s):
    strides = [1] * (d - 1) + [s]
    channels = [i] + [c * b.expansion] * (d - 1)
    return nn.Sequential(*map(lambda a, s: b(a, c, s), channels, strides))


def one_block_many_times(b, i, c, d, s):
    return nn.Sequential(b(i, c, s), *[b(c * b.expansion, c)] * (d - 1))


def always_basic(b, i, c, d, s):
    return answers.make_stage(BasicBlock, i, c, d, s)


def expansion_by_class(b, i, c, d, s):
    thick = 4 * c if b is Bottleneck else c
    return nn.Sequential(b(i, c, s), *(b(thick, c) for _ in range(d - 1)))


def backwards(b, i, c, d, s):
    return nn.Sequential(*reversed(answers.make_stage(b, i, c, d, s)))


class Repeats(nn.Sequential):
    """Runs its last block twice."""

    def forward(self, x):
        return self[-1](super().forward(x))


class Net(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(x)


WRONG_STAGES = {
    "stride everywhere": (
        stage(rest=lambda b, i, c, d, s: (c * b.expansion, c, s)),
        "BasicBlock, 8, 16, depth 3, stride 2: Block 2 of 3: expected stride=1, got 2. Only the",
    ),
    "stride at the end": (
        stride_at_the_end, "expected stride=2, got 1. The stride belongs to the first block"
    ),
    "stride ignored": (stage(first=lambda b, i, c, d, s: (i, c)), "argument stride used"),
    "stride always 2": (
        stage(first=lambda b, i, c, d, s: (i, c, 2)), "expected stride=1, got 2.*stride used"
    ),
    "in_channels not updated": (
        stage(rest=lambda b, i, c, d, s: (i, c)),
        "Block 2 of 3: expected in_channels=16, got 8. It takes what the block before it gives",
    ),
    "expansion ignored": (
        stage(rest=lambda b, i, c, d, s: (c, c)),
        r"Bottleneck.*expected in_channels=32, got 8. Bottleneck gives 8 · 4 channels.*expansion",
    ),
    "expansion by class": (
        expansion_by_class, r"Expansion2, 8, 8, depth 3, stride 2: .*expected in_channels=16.*8 · 2"
    ),
    "expansion always 4": (
        stage(rest=lambda b, i, c, d, s: (4 * c, c)), "expected in_channels=16, got 64"
    ),
    "expansion twice": (
        stage(rest=lambda b, i, c, d, s: (c * b.expansion, c * b.expansion)),
        "expected channels=8, got 32. The expansion is made inside the block",
    ),
    "first block expanded": (
        stage(first=lambda b, i, c, d, s: (i, c * b.expansion, s)), "expected channels=8, got 32"
    ),
    "one too many": (stage(count=lambda n: n), "Expected 3 blocks, got 4. Does depth count the fi"),
    "one too few": (stage(count=lambda n: n - 2), "Expected 3 blocks, got 2. How often"),
    "one block many times": (one_block_many_times, "same block object stands in several places"),
    "a list": (stage(wrap=list), "Expected nn.Sequential, got list"),
    "a module list": (stage(wrap=nn.ModuleList), "Expected nn.Sequential, got ModuleList"),
    "a module": (stage(wrap=Net), "Expected nn.Sequential, got Net"),
    "a list in it": (stage(wrap=nn.Sequential), "list is not a Module.*one by one"),
    "always basic": (always_basic, "class Bottleneck and nothing else, got a BasicBlock"),
    "another kind of shortcut": (
        lambda b, i, c, d, s: nn.Sequential(b(i, c, s, shortcut="zero_pad"), *(
            b(c * b.expansion, c) for _ in range(d - 1))),
        "the blocks are right, but together they compute something else",
    ),
    "backwards": (backwards, "Block 1 of 3: expected stride=2, got 1"),
    "runs one twice": (stage(wrap=lambda blocks: Repeats(*blocks)), "together they compute"),
    "sigmoid behind": (
        stage(wrap=lambda blocks: nn.Sequential(*blocks, nn.Sigmoid())),
        "together they compute something else in evaluation mode",
    ),
    "convolution behind": (
        stage(wrap=lambda blocks: nn.Sequential(*blocks, nn.LazyConv2d(8, 1))), "got a LazyConv2d"
    ),
    "none": (lambda *a: print(end=""), "returned None"),
    "raises": (lambda *a: a[9], "stopped with IndexError"),
    "a number": (lambda *a: 3, "Expected an nn.Module, got a value of type int"),
    "meta": (lambda *a: answers.make_stage(*a).to("meta"), "on the device meta"),
    "double": (lambda *a: answers.make_stage(*a).double(), "torch.float64"),
    "frozen": (lambda *a: answers.make_stage(*a).requires_grad_(False), "is frozen"),
    "an object": (answers.make_stage(BasicBlock, 8, 8, 1, 1), "stopped with TypeError"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_STAGES)
def test_a_wrong_stage_is_told_why(name):
    answer, message = WRONG_STAGES[name]
    assert_says(networks.make_stage(answer), message)


# The whole network.


class ByHand(nn.Module):
    """Other names, functions for what has no weights, the shortcut first."""

    def __init__(self, num_classes):
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.blocks = nn.ModuleList()
        i = 64
        for depth, c in zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True):
            for n in range(depth):
                self.blocks.append(HandBlock(i, c, 2 if n == 0 and c > 64 else 1))
                i = c
        self.last = nn.Linear(512, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first_norm(self.first(x)), inplace=True), 3, 2, 1)
        for block in self.blocks:
            x = block(x)
        return self.last(x.mean(dim=(-1, -2)))


class HandBlock(nn.Module):
    def __init__(self, i, c, s):
        super().__init__()
        self.b, self.d = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.a, self.e = nn.Conv2d(i, c, 3, s, 1, bias=False), nn.BatchNorm2d(c)
        self.p = None
        if i != c:
            self.p = nn.Sequential(nn.Conv2d(i, c, 1, s, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        y = x if self.p is None else self.p(x)
        y = y + self.e(self.d(F.relu(self.b(self.a(x)))))
        return y.relu_()


def lazy(n):
    model = answers.resnet34(n)
    model[-1] = nn.LazyLinear(n)
    return model


def convolution_for_a_head(n):
    """A linear layer on a map of one pixel is a 1×1 convolution."""
    model = answers.resnet34(n)
    return nn.Sequential(*model[:-2], nn.Conv2d(512, n, 1), nn.Flatten())


def fixed_pooling(n):
    """Takes only 224×224."""
    model = create_model("resnet34", num_classes=n)
    model.avgpool = nn.AvgPool2d(7)
    return model


def seven_by_seven(n):
    """The head of torchvision's VGG, then a mean: right where the last map is 7×7."""
    model = create_model("resnet34", num_classes=n)
    model.avgpool = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.AvgPool2d(7))
    return model


def from_torchvision(n=1000):
    return their_resnet34(num_classes=n)


def from_the_config(n):
    return create_model("resnet34", num_classes=n, zero_init_residual=True)


def tried_out(n):
    model = answers.resnet34(n)
    with torch.no_grad():
        assert model(torch.zeros(2, 3, 64, 64)).shape == (2, n)
    return model


RIGHT_NETWORKS = [
    tried_out,
    answers.resnet34, ByHand, lazy, convolution_for_a_head, fixed_pooling, seven_by_seven,
    from_torchvision, from_the_config,
]  # fmt: skip


@pytest.mark.parametrize("answer", RIGHT_NETWORKS, ids=lambda a: a.__name__)
def test_a_right_network_passes(answer):
    result = networks.resnet34(answer)
    assert result, result.message


def network(change=None, name="resnet34", **options):
    """Return f(num_classes): a network of the package, changed."""

    def resnet34(n):
        model = create_model(name, **({"num_classes": n} | options))
        return (change and change(model)) or model

    return resnet34


def put(**parts):
    """Return f(num_classes) that gives ResNet-34 other parts."""
    return network(lambda m: [setattr(m, k, v()) for k, v in parts.items()] and None)


def behind(function):
    class Wrapped(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.net = create_model("resnet34", num_classes=n)

        def forward(self, x):
            return function(self.net(x))

    return Wrapped


def rows(**strides):
    """Return f(num_classes) with other strides of the first blocks."""

    def change(model):
        channels = {"layer1": (64, 64), "layer2": (64, 128), "layer3": (128, 256)}
        for name, stride in strides.items():
            getattr(model, name)[0] = BasicBlock(*channels[name], stride)

    return network(change)


def every_block_strided(model):
    for block in list(model.layer2)[1:]:
        block.conv1.stride = (2, 2)
        block.downsample = nn.MaxPool2d(1, 2)


def blocks_of(forward):
    """Return f(num_classes) whose blocks have another forward."""
    kind = type("MyBlock", (BasicBlock,), {"forward": forward})
    return network(block=kind)


def branch(b, x):
    return b.bn2(b.conv2(F.relu(b.bn1(b.conv1(x)))))


def identity(b, x):
    return x if b.downsample is None else b.downsample(x)


def without_flatten(n):
    model = answers.resnet34(n)
    return nn.Sequential(*model[:-2], model[-1])


def without_pooling(n):
    model = answers.resnet34(n)
    return nn.Sequential(*model[:-3], *model[-2:])


def frozen(model):
    model.conv1.weight.requires_grad_(False)


def bare_projections(model):
    for layer in (model.layer2, model.layer3, model.layer4):
        layer[0].downsample = layer[0].downsample[0]


def wide_projections(model):
    for layer in (model.layer2, model.layer3, model.layer4):
        conv = layer[0].downsample[0]
        layer[0].downsample[0] = nn.Conv2d(conv.in_channels, conv.out_channels, 3, 2, 1, bias=False)


def late_stride(model):
    for layer in (model.layer2, model.layer3, model.layer4):
        layer[0].conv1.stride, layer[0].conv2.stride = (1, 1), (2, 2)


class Rows(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).reshape(-1, 512)


def biased(model):
    for conv in [m for m in model.modules() if isinstance(m, nn.Conv2d)]:
        conv.bias = nn.Parameter(torch.zeros(conv.out_channels))


def hidden(n):
    model = create_model("resnet34", num_classes=n)
    stages = [model.layer1, model.layer2]
    model.layer1 = model.layer2 = nn.Identity()
    model.maxpool = nn.MaxPool2d(3, 2, 1)
    pool = model.maxpool.forward
    model.maxpool.forward = lambda x: stages[1](stages[0](pool(x)))
    return model


def change_norms(**attributes):
    """Return f(num_classes) that gives every batch norm other attributes."""

    def change(model):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                for name, value in attributes.items():
                    setattr(module, name, value)

    return network(change)


def squeezed(n):
    class Squeeze(nn.Module):
        def forward(self, x):
            return x.squeeze()

    return nn.Sequential(*answers.resnet34(n)[:-2], Squeeze(), nn.Linear(512, n))


WRONG_NETWORKS = {
    "norms without averages": (
        change_norms(running_mean=None, running_var=None, track_running_stats=False),
        "differ in evaluation mode",
    ),
    "momentum of SGD": (change_norms(momentum=0.9), "evaluation mode after a step"),
    "squeeze": (squeezed, "1 picture went in, but the output has shape 7. Does flatten"),
    "detached shortcuts": (
        blocks_of(lambda b, x: F.relu(branch(b, x) + identity(b, x).detach())),
        "logits are right, but the gradients are not. Is the input of a shortcut detached",
    ),
    "no max pooling": (put(maxpool=nn.Identity), "differ.*max pooling of the stem is missing"),
    "pooling 2×2": (put(maxpool=lambda: nn.MaxPool2d(2)), "3×3 windows, stride 2 and padding 1"),
    "average in the stem": (
        put(maxpool=lambda: nn.AvgPool2d(3, 2, 1)), "average of each window, not its maximum"
    ),
    "pooling with stride 1": (
        put(maxpool=lambda: nn.MaxPool2d(3, 1, 1)), "Stage 1: .*expected 64×9×9, got 64×17×17. Is"
    ),
    "no relu in the stem": (put(relu=nn.Identity), "no ReLU in the stem"),
    "no batch norm in the stem": (put(bn1=nn.Identity), "got 21,288,135. There is no batch norm"),
    "bias in the stem": (
        put(conv1=lambda: nn.Conv2d(3, 64, 7, 2, 3)), "The first convolution has a bias"
    ),
    "stem without padding": (
        put(conv1=lambda: nn.Conv2d(3, 64, 7, 2, bias=False)),
        "first convolution: .*expected 64×17×17, got 64×14×14. It should have stride 2 and p",
    ),
    "small stem": (
        network(stem="cifar"), "weights of 64×3×7×7, yours has 64×3×3×3"
    ),
    "resnet18": (network(name="resnet18"), "got 4, 4, 4, 4. That is ResNet-18"),
    "resnet50": (network(name="resnet50"), "3, 4, 6, 3. Are these bottlenecks"),
    "depths": (network(depths=(3, 4, 6, 4)), "got 6, 8, 12, 8"),
    "stride in stage 1": (rows(layer1=2), "the first one here does too"),
    "no stride in stage 3": (
        rows(layer3=1), "Stage 3: .*expected 256×3×3, got 256×5×5. Its first block should halve"
    ),
    "stride in every block": (
        network(every_block_strided), "Stage 2: .*Only the first block of a stage halves"
    ),
    "softmax": (behind(lambda y: y.softmax(1)), "logits. Softmax belongs to the loss"),
    "log-softmax": (behind(lambda y: y.log_softmax(1)), "Log-softmax belongs"),
    "sigmoid": (behind(torch.sigmoid), "A sigmoid belongs"),
    "relu behind": (behind(F.relu), "ReLU behind the last layer"),
    "maximum in the head": (
        put(avgpool=lambda: nn.AdaptiveMaxPool2d(1)), "maximum of each channel, not its average"
    ),
    "no flatten": (
        without_flatten, r"224×224.*RuntimeError.*gets 1×512×1×1\. Is the last map averaged"
    ),
    "no average": (without_pooling, "224×224.*built for 512 features.*averaged"),
    "flattened map": (
        lambda n: nn.Sequential(*answers.resnet34(n)[:-3], nn.Flatten(), nn.Linear(512 * 49, n)),
        "got 21,460,295. The linear layer takes 25,088 features, expected 512",
    ),
    "no last layer": (lambda n: answers.resnet34(n)[:-1], "expected 7 logits.* got 512 features"),
    "map of logits": (
        lambda n: nn.Sequential(*answers.resnet34(n)[:-3], nn.Conv2d(512, n, 1)),
        "got 7×2×2. Is there a flatten",
    ),
    "1000 classes always": (
        lambda n: answers.resnet34(1000), "expected 7 logits.*got 2×1000.*use num_classes"
    ),
    "7 classes always": (
        lambda n: answers.resnet34(7), "num_classes=1000: expected 21,797,672 par"
    ),
    "relu before the addition": (
        blocks_of(lambda b, x: F.relu(branch(b, x)) + identity(b, x)), "ReLU before the addition"
    ),
    "no relu after it": (blocks_of(lambda b, x: branch(b, x) + identity(b, x)), "no ReLU after"),
    "no relu inside": (
        blocks_of(lambda b, x: F.relu(
            b.bn2(b.conv2(b.bn1(b.conv1(x)))) + identity(b, x))), "no ReLU inside"),
    "relu on the shortcut": (
        blocks_of(lambda b, x: F.relu(branch(b, x) + F.relu(identity(b, x)))), "its own check"
    ),
    "3×3 projections": (network(wide_projections), "got 6, 9, 13, 7. Have the projections 3×3"),
    "batch lost": (
        lambda n: nn.Sequential(*answers.resnet34(n)[:-3], Rows(), nn.Linear(512, n)),
        "2 pictures went in, but the output has shape 8×7. Does flatten .* leave the batch",
    ),
    "late stride": (network(late_stride), "stride is in the second convolution of the blocks"),
    "plain": (network(name="plain34"), "got 21,114,439. Nothing is added"),
    "zero-padding": (network(shortcut="zero_pad"), "padded with zeros"),
    "bare projections": (network(bare_projections), "projections have no batch norm"),
    "biased": (network(biased), "convolutions have a bias"),
    "one channel": (network(in_channels=1), "RuntimeError.*expected input.*to have 1 channels"),
    "hidden in a list": (hidden, "does not list"),
    "frozen": (network(frozen), "conv1.weight is frozen"),
    "none": (lambda n: print(end=""), "returned None"),
    "a tuple": (behind(lambda y: (y, y)), "got a value of type tuple"),
    "nan": (behind(lambda y: y / 0 * 0), "NaN"),
    "double": (behind(lambda y: y.double()), "torch.float64"),
    "meta": (lambda n: made(n), "on the device meta"),
    "input changed": (
        lambda n: nn.Sequential(nn.ReLU(inplace=True), *answers.resnet34(n)), "changes its input"
    ),
    "raises": (lambda n: [][n], "stopped with IndexError"),
    "already made": (answers.resnet34(7), "already made"),
    "a string": (lambda n: "resnet34", "got a value of type str"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_NETWORKS)
def test_a_wrong_network_is_told_why(name):
    answer, message = WRONG_NETWORKS[name]
    assert_says(networks.resnet34(answer), message)


# What the checkers stand on.


@pytest.mark.parametrize("mistake", [*IN_SIZES, *IN_NUMBERS], ids=lambda m: m[0][:50])
def test_every_known_mistake_is_recognised(mistake):
    """Each one, given as an answer, gets its own words; so none is the right network."""
    message, *edits = mistake
    assert edited(NETWORK, edits) != NETWORK
    assert_says(networks.resnet34(compiled(edited(NETWORK, edits))), re.escape(message))


def test_the_text_of_the_network_is_that_of_the_course():
    subject = Subject(answers.resnet34(7), torch.randn(2, 3, 33, 33))
    assert subject.difference(made(7)) == ""


def test_without_starting_numbers_nothing_is_drawn_and_nothing_else_changes():
    torch.manual_seed(3)
    with WithoutStartingNumbers():
        conv, norm, linear = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)
        for init in (nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.normal_):
            assert init(linear.weight) is linear.weight
        noise = torch.randn(2)
    torch.manual_seed(3)
    assert torch.equal(noise, torch.randn(2))  # the layers have drawn nothing
    assert conv.weight.shape == (4, 3, 3, 3) and torch.equal(norm.weight, torch.ones(4))


def test_parameters_are_those_of_torchvision():
    with torch.device("meta"):
        assert sum(p.numel() for p in their_resnet34().parameters()) == PARAMETERS


@pytest.mark.parametrize("name", ["make_stage", "resnet34"])
def test_exercises_have_an_answer_that_passes_and_hints_that_do_not_tell_it(name):
    about, checker = EXERCISES[name], getattr(networks, name)
    assert checker(about.answers[0])
    assert about.chapter == 3 and len(about.hints) == 3
    assert not any(word in hint for hint in about.hints for word in ("def ", "Conv2d(", "= "))


@pytest.mark.parametrize("checker", [networks.make_stage, networks.resnet34])
def test_random_numbers_are_left_as_they_were(checker):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    checker(EXERCISES[checker.__name__].answers[0])
    assert torch.equal(torch.rand(3), expected)
