"""The checkers of stages and networks: right ways pass, each wrong one is told why."""

from __future__ import annotations

import torch
from answer_tools import all_told, must_say, told
from helpers import count
from torchvision.models import resnet34

STAGE = """
from collections import OrderedDict
from resnet_course.blocks import BasicBlock, Bottleneck

def stage(b, i, c, d, s):
    first = b(i, c, s)
    rest = [b(c * b.expansion, c) for _ in range(d - 1)]
    return nn.Sequential(first, *rest)
"""
NETS = """
class Net(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = blocks

    def forward(self, x):
        return self.blocks(x)

class Repeats(nn.Sequential):
    def forward(self, x):
        return self[-1](super().forward(x))

def in_a_row(b, c, channels, strides):
    return nn.Sequential(*[b(i, c, s) for i, s in zip(channels, strides)])
"""
STAGES = r"""
right
    stage(b, i, c, d, s)
    in_a_row(b, c, [i] + [b.expansion * c] * (d - 1), [s] + [1] * (d - 1))
    nn.Sequential(*stage(b, i, c, 1, s), stage(b, 4, c, d, 1)[1:], nn.Identity())
    def with_keywords(block, i, c, depth, stride):
        found = nn.Sequential()
        for n in range(depth):
            wide = c * block.expansion if n else i
            found.append(block(in_channels=wide, channels=c, stride=1 if n else stride))
        return found
    def by_remembering(block, i, c, depth, stride):
        blocks = OrderedDict()
        for n in range(depth):
            blocks[f"block{n}"] = block(i, c, stride)
            i, stride = c * block.expansion, 1
        return nn.Sequential(blocks)
    class Stage(nn.Sequential):
        def __init__(self, *arguments):
            super().__init__(*stage(*arguments))
    def the_packages(block, i, c, depth, stride):
        from resnet_course.resnet import ResNetConfig, make_stage
        return make_stage(ResNetConfig(block, depths=(depth,), widths=(c,)), i, c, depth, stride)
BasicBlock, 8, 16, depth 3, stride 2: Block 2 of 3: .* got 2. Only .* would halve the map again
    expansion, c) → expansion, c, s)
expected stride=2, got 1. The stride belongs to the first block, not to a later one
    in_a_row(b, c, [i] + [b.expansion * c] * (d - 1), [1] * (d - 1) + [s])
Is the argument stride used
    i, c, s) → i, c)
expected stride=1, got 2. Is the argument stride used
    first = b(i, c, s) → first = b(i, c, 2)
Block 2 of 3: expected in_channels=16, got 8. It takes what the block before it gives, not what
    c * b.expansion → i
Bottleneck.*expected in_channels=32, got 8. Bottleneck gives 8 · 4 channels: its class says so in
    c * b.expansion → c
Expansion2, 8, 8, depth 3, stride 2: .*expected in_channels=16.*8 · 2
    c * b.expansion → (4 * c if b is Bottleneck else c)
expected in_channels=16, got 64. The block before it gives channels · block.expansion, here 16
    c * b.expansion → 4 * c
Block 1 of 3: expected in_channels=8, got 16. The first block takes what comes into the stage
    b(i, c, s) → b(c, c, s)
expected channels=8, got 32. The expansion is made inside the block: hand it channels as they are
    expansion, c) → expansion, c * b.expansion)
    first = b(i, c, s) → first = b(i, c * b.expansion, s)
expected channels=16, got 8. All blocks of a stage have the same channels
    expansion, c) → expansion, i)
Expected 3 blocks, got 4. Does depth count the first block too
    d - 1 → d
Expected 3 blocks, got 2. How often does the loop run
    d - 1 → d - 2
The same block object stands .* share one set of weights. .* place: call block.* every time
    [b(c * b.expansion, c) for _ in range(d - 1)] → [b(c * b.expansion, c)] * (d - 1)
Expected nn.Sequential, got list: nothing there says that one block comes after the other
    nn.Sequential(first, *rest) → [first, *rest]
Expected nn.Sequential, got ModuleList
    nn.Sequential(first, *rest) → nn.ModuleList([first, *rest])
Expected nn.Sequential, got Net. A stage is nothing but blocks in a row
    Net(stage(b, i, c, d, s))
list is not a Module.* nn.Sequential takes the blocks one by one, not in a list
    first, *rest) → [first, *rest])
the class Bottleneck and nothing else, got a BasicBlock. Is every block made by calling the argument
    stage(BasicBlock, i, c, d, s)
got a LazyConv2d
    *rest) → *rest, nn.LazyConv2d(8, 1))
the blocks are right, but together they compute something else
    first = b(i, c, s) → first = b(i, c, s, shortcut="zero_pad")
together they compute something else in evaluation mode. Does each block take what the one before
    *rest) → *rest, nn.Sigmoid())
together they compute
    Repeats(*stage(b, i, c, d, s))
Block 1 of 3: expected stride=2, got 1
    nn.Sequential(*reversed(stage(b, i, c, d, s)))
returned None
    print(end="")
"""
NETWORK = """
from torchvision.models import resnet34 as theirs
from answer_tools import Norm
from resnet_course import create_model
from resnet_course.blocks import BasicBlock
from resnet_course.checks.exercise import EXERCISES

course = EXERCISES["resnet34"].answers[0]

def network(n, **parts):
    # The package's network with other parts.
    model = create_model("resnet34", num_classes=n)
    for name, part in parts.items():
        setattr(model, name, part)
    return model

def each(kind, change, model):
    for module in model.modules():
        if isinstance(module, kind):
            change(module)
    return model

def by_hand(module):
    for name, part in module.named_children():
        isnorm = isinstance(part, nn.BatchNorm2d)
        setattr(module, name, Norm(part.num_features) if isnorm else by_hand(part))
    return module

def each_first(change, model):
    for layer in (model.layer2, model.layer3, model.layer4):
        change(layer[0])
    return model

def with_blocks(forward, n):
    kind = type("MyBlock", (BasicBlock,), {"forward": forward})
    return create_model("resnet34", block=kind, num_classes=n)

def narrow(layer, channels):
    # The stage with so many channels keeps the size.
    if getattr(layer[0], "conv2", layer[0]).out_channels == channels and len(layer) > 2:
        layer[0].conv1.stride = layer[0].downsample[0].stride = (1, 1)

def branch(b, x):
    return b.bn2(b.conv2(F.relu(b.bn1(b.conv1(x)))))

def shortcut(b, x):
    return x if b.downsample is None else b.downsample(x)

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

class Then(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
"""
NETWORKS = r"""
right
    network(n)
    theirs(num_classes=n)
    create_model("resnet34", num_classes=n, zero_init_residual=True)
    nn.Sequential(*course(n)[:-1], nn.LazyLinear(n))
    nn.Sequential(*course(n)[:-2], nn.Conv2d(512, n, 1), nn.Flatten())
    network(n, avgpool=nn.AvgPool2d(7))
    by_hand(network(n))
    network(n, avgpool=nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.AvgPool2d(7)))
    def tried_out(n):
        model = course(n)
        with torch.no_grad():
            assert model(torch.zeros(2, 3, 64, 64)).shape == (2, n)
        return model
    class ByHand(nn.Module):
        def __init__(self, num_classes):
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.blocks, i = nn.ModuleList(), 64
            for depth, c in zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True):
                for n in range(depth):
                    self.blocks.append(HandBlock(i, c, 2 if n == 0 and c > 64 else 1))
                    i = c
            self.last = nn.Linear(512, num_classes)
        def forward(self, x):
            x = F.max_pool2d(F.relu(self.norm(self.first(x)), inplace=True), 3, 2, 1)
            for block in self.blocks:
                x = block(x)
            return self.last(x.mean(dim=(-1, -2)))
differ in evaluation mode
    each(nn.BatchNorm2d, lambda m: m.__init__(len(m.weight), track_running_stats=False), network(n))
the logits differ in evaluation mode after a step in training mode. If you wrote the block yourself
    each(nn.BatchNorm2d, lambda m: setattr(m, "momentum", 0.9), network(n))
1 picture went in, but the output has shape 7. Does flatten \(or squeeze\) leave the batch axis
    nn.Sequential(*course(n)[:-2], Then(torch.squeeze), nn.Linear(512, n))
2 pictures went in, but the output has shape 8×7. Does flatten .* leave the batch
    nn.Sequential(*course(n)[:-3], Then(lambda x: x.mT.reshape(-1, 512)), nn.Linear(512, n))
logits are right, but the gradients .* shortcut detached .* no gradient comes back through it
    with_blocks(lambda b, x: F.relu(branch(b, x) + shortcut(b, x).detach()), n)
the number of parameters is right, but the logits differ in .*max pooling of the stem is missing
    network(n, maxpool=nn.Identity())
Stage 1: for a picture of 33×33 expected 64×9×9, got 64×17×17. Is the max pooling before it missing
    network(n, maxpool=nn.MaxPool2d(3, 1, 1))
Stage 1: .* The stem has halved the map twice already: this stage keeps the size
    network(n, maxpool=nn.MaxPool2d(3, 4, 1))
num_classes=7: expected .* parameters, got 21,288,135. There is no batch norm
    network(n, bn1=nn.Identity())
first convolution: .*expected 64×17×17, got 64×14×14. It should have stride 2 and padding 3
    network(n, conv1=nn.Conv2d(3, 64, 7, 2, bias=False))
The first convolution should have weights of 64×3×7×7, yours has 64×3×3×3
    create_model("resnet34", stem="cifar", num_classes=n)
3×3 convolutions with 64.* channels: expected 6, 8, 12 and 6 .*, got 4, 4, 4, 4. That is ResNet-18
    create_model("resnet18", num_classes=n)
3, 4, 6, 3. Are these bottlenecks
    create_model("resnet50", num_classes=n)
got 6, 8, 12, 8.$
    create_model("resnet34", depths=(3, 4, 6, 4), num_classes=n)
Stage 3: .*expected 256×3×3, got 256×5×5. Its first block should halve the map: stride 2
    each(nn.Sequential, lambda m: narrow(m, 256), network(n))
Stage 2: .*Only the first block of a stage halves the map, and only in stages 2, 3 and 4
    def every_block_strided(n):
        model = network(n)
        for block in list(model.layer2)[1:]:
            block.conv1.stride, block.downsample = (2, 2), nn.MaxPool2d(1, 2)
        return model
logits. Softmax belongs to the loss
    nn.Sequential(*course(n), nn.Softmax(1))
A picture of 3×224×224: .*RuntimeError.*gets 1×512×1×1\. Is the last map averaged and flattened
    nn.Sequential(*course(n)[:-2], nn.Linear(512, n))
224×224.*built for 512 features.*averaged
    nn.Sequential(*course(n)[:-3], *course(n)[-2:])
got 21,460,295. The linear layer takes 25,088 features, expected 512: the head averages each channel
    nn.Sequential(*course(n)[:-3], nn.Flatten(), nn.Linear(512 * 49, n))
expected 7 logits.* got 512 features. The linear layer at the end is missing
    course(n)[:-1]
got 7×2×2. Is there a flatten before the last layer
    nn.Sequential(*course(n)[:-3], nn.Conv2d(512, n, 1))
expected 7 logits.*got 2×1000 for 2 pictures. Does the last layer use num_classes
    course(1000)
num_classes=1000: expected 21,797,672 .* though .* only one that depends on num_classes
    course(7)
If you wrote the block yourself: does it pass its own check
    with_blocks(lambda b, x: F.relu(branch(b, x) + F.relu(shortcut(b, x))), n)
got 6, 9, 13, 7. Have the projections 3×3 kernels. They should be 1×1
    each_first(lambda b: b.downsample[0].__init__(
        b.conv1.in_channels, b.conv1.out_channels, 3, 2, 1, bias=False), network(n))
stride is in the second convolution of the blocks
    each_first(lambda b: [setattr(b.conv1, "stride", 1), setattr(b.conv2, "stride", 2)], network(n))
got 21,114,439. Nothing is added
    create_model("plain34", num_classes=n)
padded with zeros
    create_model("resnet34", shortcut="zero_pad", num_classes=n)
RuntimeError.*expected input.*to have 1 channels
    create_model("resnet34", in_channels=1, num_classes=n)
does not list
    nn.Sequential(Then(lambda x, hidden=course(n)[:5]: hidden(x)), *course(n)[5:])
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("make_stage", "b, i, c, d, s", STAGES, STAGE, NETS),
    *told("resnet34", "n", NETWORKS, more=NETWORK),
)


def test_parameters_are_those_of_torchvision():
    with torch.device("meta"):
        parameters = count(resnet34())
    praise = must_say("resnet34", lambda n: resnet34(num_classes=n), "right")
    assert f"{parameters:,} parameters" in praise
