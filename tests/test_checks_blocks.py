"""The checkers of blocks: every right way to write one passes, every usual mistake is named."""

from __future__ import annotations

from answer_tools import all_told, cell, must_say, told

CONV = """
from torchvision.models import resnet as theirs
from resnet_course.blocks import BasicBlock, Bottleneck

def conv(i, o, kernel=3, stride=1, **options):
    return nn.Conv2d(i, o, kernel, stride, **{"padding": kernel // 2, "bias": False} | options)
"""
BASIC = f"""{CONV}
class Right(nn.Module):
    def __init__(self, i, o, s=1):
        super().__init__()
        self.conv1 = conv(i, o, 3, s)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = conv(o, o)
        self.bn2 = nn.BatchNorm2d(o)
        self.skip = nn.Identity()
        if s != 1 or i != o:
            self.skip = nn.Sequential(conv(i, o, 1, s), nn.BatchNorm2d(o))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.skip(x))
"""
BY_HAND = """
from answer_tools import Norm

def norm_with(out, channels):
    norm = Norm(channels)
    norm.out = functools.partial(out, norm)
    return norm

class ByHand(nn.Module):
    # Convolution as a matrix product of windows, projection as a linear layer.
    norm = Norm

    def __init__(self, i, o, s=1):
        super().__init__()
        self.stride = s
        self.w1 = nn.Parameter(0.1 * torch.randn(o, 9 * i))
        self.w2 = nn.Parameter(0.1 * torch.randn(o, o, 3, 3))
        self.n1, self.n2, self.linear = self.norm(o), self.norm(o), None
        if s != 1 or i != o:
            self.linear, self.n3 = nn.Linear(i, o, bias=False), self.norm(o)

    def conv(self, x, weight, stride):
        windows = F.unfold(x, 3, padding=1, stride=stride)
        return (weight.flatten(1) @ windows).unflatten(2, ((x.shape[2] - 1) // stride + 1, -1))

    def forward(self, x):
        out = self.n1(self.conv(x, self.w1, self.stride)).relu()
        out = self.n2(self.conv(out, self.w2, 1))
        if self.linear is not None:
            x = x[:, :, :: self.stride, :: self.stride]
            x = self.n3(self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return (x + out).relu()

class Parts(Right):
    # Its parts can be exchanged: Parts.made(conv2=...) for any i, o and s.
    @classmethod
    def made(cls, **parts):
        def make(i, o, s=1):
            block = cls(i, o, s)
            for name, part in parts.items():
                setattr(block, name, part(block, i, o, s))
            return block
        return make

def branch(block, x):
    return block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
"""
BASIC_BLOCKS = r"""
right
    Right(i, o, s)
    functools.partial(BasicBlock, shortcut="projection")(i, o, s)
    answer = functools.partial(BasicBlock, shortcut="projection")
    ByHand(i, o, s)
    answer = type("BlockMaker", (), {"__call__": lambda self, *sizes: Right(*sizes)})()
    def from_torchvision(i, o, s=1):
        skip = None
        if s != 1 or i != o:
            skip = nn.Sequential(theirs.conv1x1(i, o, s), nn.BatchNorm2d(o))
        return theirs.BasicBlock(i, o, s, skip)
    class OneSequential(nn.Module):
        def __init__(self, i, o, s=1, dilation=1):
            super().__init__()
            norm, relu = nn.BatchNorm2d, nn.ReLU(inplace=True)
            self.branch = nn.Sequential(conv(i, o, 3, s), norm(o), relu, conv(o, o), norm(o))
            self.proj = nn.Sequential(conv(i, o, 1, s), norm(o)) if s > 1 or i != o else None
        def forward(self, x):
            shortcut = x if self.proj is None else self.proj(x)
            out = self.branch(x)
            out += shortcut
            return out.relu_()
    class ShortcutFirst(Right):
        def forward(self, x):
            total = self.skip(x)
            out = self.conv2(self.bn1(self.conv1(x)).clamp(min=0))
            total = total + self.bn2(out)
            return torch.maximum(total, torch.zeros(()))
    class Lazy(nn.Module):
        def __init__(self, i, o, s=1):
            super().__init__()
            self.layers = nn.ModuleDict({
                "b": nn.LazyBatchNorm2d(),
                "c": nn.LazyConv2d(o, 3, padding=1, bias=False),
                "a": nn.LazyConv2d(o, 3, s, padding=1, bias=False),
                "z": nn.LazyBatchNorm2d(),
            })
            self.project = (s, i) != (1, o)
            if self.project:
                self.p = nn.LazyConv2d(o, 1, s, bias=False)
                self.n = nn.LazyBatchNorm2d()
        def forward(self, x):
            la = self.layers
            y = la["b"](la["c"](la["z"](la["a"](x)).relu()))
            return (y + (self.n(self.p(x)) if self.project else x)).relu()
    class NoLayersAtAll(nn.Module):
        def __init__(self, i, o, s=1):
            super().__init__()
            self.stride = s
            shapes = [(o, i, 3, 3), (o, o, 3, 3)] + [(o, i, 1, 1)] * (s != 1 or i != o)
            self.weights = nn.ParameterList(nn.Parameter(0.1 * torch.randn(s)) for s in shapes)
            self.norms = nn.ParameterList()
            for n in range(len(shapes)):
                self.norms.extend([nn.Parameter(torch.zeros(o)), nn.Parameter(torch.ones(o))])
                self.register_buffer(f"mean{n}", torch.zeros(o))
                self.register_buffer(f"var{n}", torch.ones(o))
        def norm(self, n, x):
            mean, var = getattr(self, f"mean{n}"), getattr(self, f"var{n}")
            bias, weight = self.norms[2 * n], self.norms[2 * n + 1]
            return F.batch_norm(x, mean, var, bias=bias, weight=weight, training=self.training)
        def forward(self, x):
            s = self.stride
            out = F.relu(self.norm(0, F.conv2d(x, self.weights[0], stride=s, padding=1)))
            out = self.norm(1, F.conv2d(out, self.weights[1], padding=1))
            if len(self.weights) == 3:
                x = self.norm(2, F.conv2d(x, self.weights[2], stride=s))
            return F.relu(out + x)
    class BiasBeforeWeight(ByHand):
        def norm(self, o):
            return norm_with(lambda n, x: torch.addcmul(n.beta, x, n.gamma), o)
    class OwnStartAndNamesInAList(Right):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            for part in self.modules():
                if isinstance(part, nn.Conv2d):
                    nn.init.orthogonal_(part.weight)
            nn.init.zeros_(self.bn2.weight)
        def forward(self, x):
            out = x
            for name in ("conv1", "bn1", "relu", "conv2", "bn2"):
                out = torch.relu(out) if name == "relu" else getattr(self, name)(out)
            return torch.relu(torch.add(out, self.skip(x)))
ReLU at the end of the branch, before the addition.*comes after the addition
    F.relu(out + self.skip(x)) → F.relu(out) + self.skip(x)
parameters are never used in forward, for example bn2.weight of shape \(16,\). Make only the layers
    out = self.bn2 → out = self.bn1
expected 4,672 parameters, got 4,640. One batch norm is used in two places
    self.bn2 = nn.BatchNorm2d(o) → self.bn2 = self.bn1
One convolution is used twice
    Parts.made(conv2=lambda b, i, o, s: b.conv1 if i == o and s == 1 else b.conv2)(i, o, s)
channels=32, stride=2, input 16×14×10: expected .* parameters, got .* The projection has no batch
    conv(i, o, 1, s), nn.BatchNorm2d(o) → conv(i, o, 1, s)
The projection is never added to the branch
    out + self.skip(x) → out + (x if isinstance(self.skip, nn.Identity) else 0 * self.skip(x).sum())
stride=2.*right, but the block differs in evaluation mode.*The stride is in the second
    conv1: conv(i, o, 3, s) → conv(i, o)
        conv2: conv(o, o) → conv(o, o, 3, s)
expected 32×7×5, got 32×14×10. The stride is ignored
    lambda i, o, s=1: Right(i, o)
expected 4,672 parameters, got 4,704. Each convolution of
    conv1: 3, s) → 3, s, bias=True)
        conv2: o) → o, bias=True)
Two things. \(1\) .*no batch norm.*\(2\) .*bias
    conv1: 3, s) → 3, s, bias=True)
        conv2: o) → o, bias=True)
        bn2: nn.BatchNorm2d(o) → nn.Identity()
Two things. \(1\) The projection has no batch norm.*\(2\) The stride is in the second convolution
    conv1: conv(i, o, 3, s) → conv(i, o)
        conv2: conv(o, o) → conv(o, o, 3, s)
        conv(i, o, 1, s), nn.BatchNorm2d(o) → conv(i, o, 1, s, bias=True)
The first convolution has a bias|Each convolution of the branch has a bias
    class D2L(nn.Module):
        def __init__(self, i, o, s=1):
            super().__init__()
            self.conv1 = nn.LazyConv2d(o, 3, padding=1, stride=s)
            self.conv2 = nn.LazyConv2d(o, 3, padding=1)
            self.conv3 = nn.LazyConv2d(o, 1, stride=s) if s > 1 or i != o else None
            self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()
        def forward(self, x):
            return F.relu(branch(self, x) + (self.conv3(x) if self.conv3 else x))
in_channels=16, channels=16, stride=2.*no projection here
    if s != 1 or i != o → if i != o
channels=24, stride=1.*shortcut has no projection
    if s != 1 or i != o → if s != 1
size of tensor.*shortcut has no projection
    if s != 1 or i != o → if False
channels=8, stride=3.*shortcut has no projection
    if s != 1 or i != o → if s == 2 or i != o
channels of zeros.*projection
    answer = functools.partial(BasicBlock, shortcut="zero_pad")
after a step in training mode. A step in training mode should move batch norm's running mean and
    bn2: nn.BatchNorm2d(o) → nn.BatchNorm2d(o, momentum=0.0)
right, but the block differs in evaluation mode. Draw the block and follow x through forward: after
    Parts.made(bn1=lambda b, i, o, s: norm_with(lambda n, x: n.gamma * (x + n.beta), o))(i, o, s)
differs in its gradients. No gradient comes back through the shortcut
    self.skip(x) → self.skip(x.detach())
weights of shape \(16, 16, 3, 3\) that parameters.. does not list.*in a plain Python list or dict
    conv2: self.conv2 = conv(o, o) → self.list = [conv(o, o)]
        self.conv2(out) → self.list[0](out)
\(16, 16, 3, 3\).*made in forward. Make them in __init__
    self.conv2(out) → conv(out.shape[1], out.shape[1])(out)
        self.conv2 = conv(o, o) → pass
weights of shape \(16, 16, 3, 3\) that parameters.. does not list
    self.conv2(out) → F.conv2d(out, torch.zeros(out.shape[1], out.shape[1], 3, 3), padding=1)
        self.conv2 = conv(o, o) → pass
conv1.weight is frozen: its requires_grad is False. Let it learn
    conv1: s) → s).requires_grad_(False)
conv1.*was built for 64 channels, but it gets 3×16×14×10
    Right(64, 64, s)
pre-activation
    class PreActivation(Right):
        def forward(self, x):
            return x + self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
never used in forward, for example extra.weight
    super().__init__() → super().__init__(); self.extra = conv(i, o, 1, s)
changes its input x in place, with .= or an in-place ReLU perhaps. .* make a new tensor instead
    F.relu(out + → F.relu(x.add_(out) if out.shape == x.shape else out +
    F.relu(out + self.skip(x)) → F.relu_(self.skip(x)) + out
forward returned None: is there a return at its end
    return F → F
forward must return one tensor, got a value of type tuple. Return the output alone
    F.relu(out + self.skip(x)) → F.relu(out + self.skip(x)), x
output is empty.*\(3, 0, 14, 10
    F.relu(out + self.skip(x)) → F.relu(out + self.skip(x))[:, :0]
The output contains NaN or infinity. Is there a division by 0
    F.relu(out + self.skip(x)) → F.relu(out + self.skip(x)) / 0 * 0
The output has type torch.float64, the input torch.float32
    F.relu(out + self.skip(x)) → F.relu(out + self.skip(x)).double()
The output is on the device meta, the input on cpu
    F.relu(out + self.skip(x)) → F.relu(out + self.skip(x)).to("meta")
Its parameters are on the device meta. .* on the CPU: whoever uses the module moves it
    Right(i, o, s).to("meta")
Its parameters are torch.float64: expected torch.float32
    Right(i, o, s).double()
No gradient comes back from the output: is no_grad or detach used
    return F.relu(out + self.skip(x)) → return F.relu(out + self.skip(x)).detach()
The backward pass fails: .* Does your code change a tensor in place
    F.relu(out + self.skip(x)) → (y := torch.exp(out + self.skip(x))).mul_(2)
stopped with TypeError
    F.relu(out + self.skip(x)) → x / {}
call super\(\).__init__\(\) first
    super().__init__() → pass
    class PlainAttributes(nn.Module):
        def __init__(self, i, o, s=1):
            self.stride = s
    super().__init__() → self.add_module("conv1", conv(i, o, 3, s))
got a value of type Plain. A class needs .* behind its name; a function must return a module
    answer = type("Plain", (), {"__init__": lambda self, i, o, s=1: setattr(self, "stride", s)})
Expected your function or class, got a Right that is already made. Leave out the brackets
    answer = Right(64, 64)
Your function returned None: is there a return
    lambda i, o, s=1: print(end="")
Expected your function or class, got . .int.. Give its name alone
    answer = 7
differs in training mode.*Is there anything random in it
    bn2: nn.BatchNorm2d(o) → nn.Sequential(nn.BatchNorm2d(o), nn.Dropout(0.5))
on a line of its own, is thrown away: give it a name, or return it
    return F.relu(out + self.skip(x)) → torch.add(out, self.skip(x)); return F.relu(out)
takes averages of pixels.*has the stride itself
    conv(i, o, 1, s), nn.B → nn.AvgPool2d(s), conv(i, o, 1), nn.B
channels=16, stride=2.*takes averages of pixels
    Parts.made(skip=lambda b, i, o, s: nn.AvgPool2d(s) if i == o and s > 1 else b.skip)(i, o, s)
two different outputs for the same input.*random.*training=self.training
    F.relu(out + → F.relu(F.dropout(out) +
forward returned a layer. .*must first be made.*self.layer\(x\)
    return F.relu( → return nn.ReLU(
(?s)stopped with TypeError.*ReLU.*must first be made
    out = F.relu( → out = nn.ReLU(
nn.ReLU\(x\) makes a layer and does not apply it
    F.relu(out + self.skip(x)) → nn.ReLU(out) + self.skip(x)
Expected weights of 16×16×3×3, 16×16×3×3; yours are 16×16×5×5, 16×16×3×3
    conv1: 3, s) → 5, s)
"""
THIN = f"""{CONV}
class Thin(nn.Module):
    def __init__(self, i, c, s=1, g=1, b=64):
        super().__init__()
        d, out = int(c * b / 64) * g, 4 * c
        self.conv1, self.bn1 = conv(i, d, 1), nn.BatchNorm2d(d)
        self.conv2, self.bn2 = conv(d, d, 3, s, groups=g), nn.BatchNorm2d(d)
        self.conv3, self.bn3 = conv(d, out, 1), nn.BatchNorm2d(out)
        self.skip = nn.Sequential()
        if s != 1 or i != out:
            self.skip = nn.Sequential(conv(i, out, 1, s), nn.BatchNorm2d(out))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.skip(x))
"""
NEXT = THIN.replace("g=1, b=64", "g=32, b=4").replace("Thin", "Next")
TORCHVISIONS = """
def torchvisions(i, c, s=1, g=1, width=64):
    skip = None
    if s != 1 or i != 4 * c:
        skip = nn.Sequential(theirs.conv1x1(i, 4 * c, s), nn.BatchNorm2d(4 * c))
    return theirs.Bottleneck(i, c, s, skip, g, width)
"""
BOTTLENECKS = r"""
right
    Thin(i, c, s)
    torchvisions(i, c, s)
    class Lazy(nn.Module):
        def __init__(self, i, c, s=1):
            super().__init__()
            def unit(out, kernel, stride=1):
                layer = nn.LazyConv2d(out, kernel, stride, kernel // 2, bias=False)
                return nn.Sequential(layer, nn.LazyBatchNorm2d())
            self.branch = nn.Sequential(
                unit(c, 1), nn.ReLU(), unit(c, 3, s), nn.ReLU(True), unit(4 * c, 1)
            )
            skip = unit(4 * c, 1, s) if (s, i) != (1, 4 * c) else nn.Identity()
            self.add_module("shortcut", skip)
        def forward(self, x):
            return torch.relu(self.shortcut(x) + self.branch(x))
    class LinearMapsOverTheChannels(Thin):
        def __init__(self, i, c, s=1):
            super().__init__(i, c, s)
            self.conv1, self.conv3 = nn.Linear(i, c, bias=False), nn.Linear(c, 4 * c, bias=False)
        def forward(self, x):
            out = F.relu(self.bn1(self.conv1(x.movedim(1, -1)).movedim(-1, 1)))
            out = F.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
            return F.relu(self.skip(x) + out)
channels=4, stride=3
    if s != 1 or i != out → if s == 2 or i != out
stride=2.*The stride is in the first 1×1.*paper of 2016.*v1.*in the 3×3.*v1.5
    conv1: i, d, 1) → i, d, 1, s)
        conv2: 3, s, → 3, 1,
expected 32×9×8, got 8×9×8. The block gives 8 channels.*4 · 8 = 32. Is the expansion forgotten
    , 4 * c → , c
channels=8 is read as the number of output channels.* the output has 4 · 8 = 32
    Thin(i, c // 4, s)
basic block with two 3×3
    lambda i, c, s=1: BasicBlock(i, c, s)
    lambda i, c, s=1: BasicBlock(i, 4 * c, s)
in_channels=8, channels=8, stride=1.*The shortcut has no projection
    i != out → i not in (c, out)
expected 32×9×8, got 64×9×8|size of tensor
    Thin(i, 16, s)
"""
RESNEXT_BLOCKS = r"""
right
    lambda i, c, s=1, g=32, b=4: Next(i, c, s, g, b)
    lambda i, c, s=1, g=32, b=4: torchvisions(i, c, s, g, b)
    class Paths(nn.Module):
        # Form (b) of chapter 04: thin paths side by side, concatenated.
        def __init__(self, i, c, s=1, g=32, b=4):
            super().__init__()
            d = c * b // 64
            def layer(i, o, kernel, stride=1):
                return nn.Sequential(conv(i, o, kernel, stride), nn.BatchNorm2d(o), nn.ReLU())
            self.paths = nn.ModuleList(
                nn.Sequential(layer(i, d, 1), layer(d, d, 3, s)) for _ in range(g)
            )
            self.last = nn.Sequential(conv(d * g, 4 * c, 1), nn.BatchNorm2d(4 * c))
            self.skip = layer(i, 4 * c, 1, s)[:2] if s != 1 or i != 4 * c else nn.Identity()
        def forward(self, x):
            together = torch.cat([path(x) for path in self.paths], dim=1)
            return F.relu(self.last(together) + self.skip(x))
    class AddedPaths(Next):
        # Form (a): every path returns to the full number of channels, then add.
        def __init__(self, i, c, s=1, g=32, b=4):
            super().__init__(i, c, s, g, b)
            d, norm = int(c * b / 64), nn.BatchNorm2d
            for name in ("conv1", "bn1", "conv2", "bn2", "conv3"):
                delattr(self, name)
            self.paths = nn.ModuleList(
                nn.Sequential(
                    conv(i, d, 1), norm(d), nn.ReLU(), conv(d, d, 3, s), norm(d), nn.ReLU(),
                    conv(d, 4 * c, 1),
                )
                for _ in range(g)
            )
        def forward(self, x):
            return F.relu(self.bn3(sum(path(x) for path in self.paths)) + self.skip(x))
    class OneWeightManyCalls(Next):
        def forward(self, x):
            out = F.relu(self.bn1(self.conv1(x)))
            g, stride = self.conv2.groups, self.conv2.stride
            parts = zip(out.chunk(g, 1), self.conv2.weight.chunk(g), strict=True)
            parts = [F.conv2d(p, w, stride=stride, padding=1) for p, w in parts]
            out = F.relu(self.bn2(torch.cat(parts, 1)))
            return F.relu(self.bn3(self.conv3(out)) + self.skip(x))
groups=8 is read as the number of channels in each group.*8 groups of 4
    conv2: groups=g → groups=d // g
should have int.64 · 4 / 64. · 8 = 32.*yours has 64.*plain
    d, out = int(c * b / 64) * g → d, out = c
must be divisible.*Round down for one group
    int(c * b / 64) * g → int(c * b / 64 * g)
groups|divisible
    int(c * b / 64) * g → int(c * g / 64) * b
        conv2: groups=g → groups=b
channels=4, stride=3
    if s != 1 or i != out → if s == 2 or i != out
expected 256×7×6, got 128×7×6
    , 4 * c → , 2 * c
has the groups and the width of 32×4d. Does it use its arguments groups and base_width
    lambda i, c, s=1, g=32, b=4: Next(i, c, s)
in_channels=64, channels=64, input.*which defaults
    g=32, b=4 → g=1, b=64
"""
ZERO = """
from resnet_course.blocks import BasicBlock

@torch.no_grad()
def norm2(block, value):
    return block.bn2.weight.fill_(value)
"""
ZERO_INITS = r"""
right
    BasicBlock.zero_init_branch(block)
    nn.init.zeros_(block.bn2.weight)
    block.bn2.weight.data.zero_()
    block.conv2.weight.data.zero_()
    norm2(block, 0)
    block.bn2.weight.data.mul_(0)
    (block.bn2.weight.data.zero_(), block.bn2.bias.data.zero_())
    setattr(block.bn2, "weight", nn.Parameter(torch.zeros(block.bn2.num_features)))
    block.load_state_dict({**block.state_dict(), "bn2.weight": 0 * block.bn2.weight})
    (norm2(block, 0), nn.init.orthogonal_(block.conv1.weight))
    def by_type_and_returns_the_block(block):
        last = [m for m in block.children() if isinstance(m, nn.BatchNorm2d)][-1]
        nn.init.constant_(last.weight, 0.0)
        return block
dead: .*no gradient has reached conv1.weight.*inside the branch. What is the last thing
    block.bn1.weight.data.zero_()
    block.conv1.weight.data.zero_()
dead: .*no gradient has reached conv1.weight.* If two factors in a row are 0, neither learns
    [m.weight.data.zero_() for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
    (block.bn1.weight.data.zero_(), norm2(block, 0))
    [p.data.zero_() for p in block.parameters()]
dead.* no gradient has reached .*set only the last one to 0
    (block.conv2.weight.data.zero_(), norm2(block, 0))
BasicBlock\(8, 16, 2\): The shortcut has changed too. .* the one in downsample belongs to the short
    (norm2(block, 0), block.downsample and block.downsample[1].weight.data.zero_())
'BatchNorm2d' object has no attribute 'zero_'\.$
    nn.init.zeros_(block.bn2)
    block.bn2.zero_()
Nearly silent is not silent: set exactly 0
    norm2(block, 1e-3)
differs from ReLU.x. by up to.*should multiply by 0
    norm2(block, 2)
by up to 0.5: expected 0. The weight of the last batch norm is 0, but its bias is not: the bias is
    (norm2(block, 0), block.bn2.bias.data.fill_(0.5))
Nothing in the block has changed. Does your code write into one of its parameters, in place
    block.bn2.bias.data.zero_()
    block.bn2.weight * 0
differs from ReLU.* The last thing that happens in the branch should multiply by 0
    block.bn2.weight.data[:4].zero_()
In training mode block\(x\) differs
    block.bn2.running_var.fill_(1e20)
bn2.weight is frozen: its requires_grad is False, .* Start at 0, and let it learn
    (norm2(block, 0), block.bn2.weight.requires_grad_(False))
bn2.weight is gone. The branch must stay, so that it can learn later
    setattr(block, "bn2", nn.Identity())
alpha is new in the block. Change numbers only, no layers
    setattr(block, "alpha", nn.Parameter(torch.zeros(1)))
no longer computes what a BasicBlock does
    setattr(block, "forward", lambda x: F.relu(x))
a layer or a hook is new. Change numbers only
    block.bn2.register_forward_hook(lambda m, i, o: 0 * o)
The block is left in evaluation mode. Training begins now
    (norm2(block, 0), block.eval())[0]
BasicBlock\(16, 16\): bn2.weight was .*\(16,\).*now it is .*\(8,\), on cpu. Change its numbers only
    setattr(block.bn2, "weight", nn.Parameter(torch.zeros(8)))
now it is torch.float64
    setattr(block.bn2, "weight", nn.Parameter(torch.zeros(8).double()))
bn2.weight was a torch.float32 tensor of shape .* on cpu, now it is .* on meta
    block.bn2.to("meta") and None
bn2.weight contains NaN or infinity
    norm2(block, float("nan"))
return another block, and .* in place: whoever calls the function keeps using that block
    BasicBlock(8, 8)
TypeError.*a number cannot take its place. Keep the parameter and fill it with 0, .*nn.init
    setattr(block.bn2, "weight", 0)
RuntimeError.*leaf.* To set a parameter is no step of the computation: .*no_grad
    block.bn2.weight.zero_()
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("basic_block", "i, o, s=1", BASIC_BLOCKS, BASIC, BY_HAND),
    *told("bottleneck", "i, c, s=1", BOTTLENECKS, THIN, TORCHVISIONS),
    *told("resnext_block", "i, c, s=1, g=32, b=4", RESNEXT_BLOCKS, NEXT, TORCHVISIONS),
    *told("zero_init", "block", ZERO_INITS, ZERO),
)


def test_a_right_bottleneck_is_told_about_its_expansion():
    praise = must_say("bottleneck", cell(THIN + "    expansion = 4\n"), "right")
    assert "With its class attribute expansion = 4 a stage can be built" in praise
    assert "Give the class an attribute expansion = 4" in must_say(
        "bottleneck", cell(THIN), "right"
    )
