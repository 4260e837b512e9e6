"""The basic block as text, and the mistakes that people make in any residual block.

Every mistake is what to say about it, and below, indented, the edits that turn the right text into
the wrong one. `or` begins another way to make the same mistake. The most frequent ones come first.
"""

from __future__ import annotations

from resnet_course.checks.variants import table

BASIC = """
class Block(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.stride, out_channels = stride, channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.project = self.project_bn = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        shortcut = self.project_bn(self.project(x))
        return F.relu(out + shortcut)
"""
BASIC_NAMES = ("the first convolution", "the second convolution")

WHERE_THE_PATHS_MEET = table("""
Is there a ReLU at the end of the branch, before the addition? Then the branch can only make
numbers larger. The last ReLU comes after the addition.
    F.relu(out + shortcut) → F.relu(out) + shortcut
There is one ReLU too many, at the end of the branch, before the addition: the branch could never
take anything away.
    F.relu(out + shortcut) → F.relu(F.relu(out) + shortcut)
The last ReLU is missing: it comes after the addition.
    F.relu(out + shortcut) → out + shortcut
The branch alone comes out. Where is its input added to it? (A sum that is only computed, on a
line of its own, is thrown away: give it a name, or return it.)
    F.relu(out + shortcut) → F.relu(out)
    {condition} → False
The projection is never added to the branch.
    F.relu(out + shortcut) → F.relu(out)
Batch norm comes after the addition and normalises the sum. It belongs at the end of the branch:
the shortcut is left as it is.
    = self.bn{last}(self.conv{last}(out)) → = self.conv{last}(out)
    out + shortcut → self.bn{last}(out + shortcut)
Batch norm and ReLU come before each convolution: that is a pre-activation block. The order here
is convolution, batch norm, ReLU.
    F.relu(self.bn1(self.conv1( → self.conv1(F.relu(self.bn1(
    F.relu(self.bn2(self.conv2( → self.conv2(F.relu(self.bn2(
    = self.bn{last}(self.conv{last}(out)) → = self.conv{last}(F.relu(self.bn{last}(out)))
    bn1: BatchNorm2d(channels) → BatchNorm2d(in_channels)
    bn1: BatchNorm2d(width) → BatchNorm2d(in_channels)
    bn3: BatchNorm2d(out_channels) → BatchNorm2d(width)
    F.relu(out + shortcut) → out + shortcut
    or
    F.relu(self.bn1(self.conv1( → self.conv1(F.relu(self.bn1(
    F.relu(self.bn2(self.conv2( → self.conv2(F.relu(self.bn2(
    = self.bn{last}(self.conv{last}(out)) → = self.conv{last}(F.relu(self.bn{last}(out)))
    bn1: BatchNorm2d(channels) → BatchNorm2d(in_channels)
    bn1: BatchNorm2d(width) → BatchNorm2d(in_channels)
    bn3: BatchNorm2d(out_channels) → BatchNorm2d(width)
The shortcut is added twice: the sum is F(x) + 2x. Once is enough.
    out + shortcut → out + shortcut + shortcut
There is a ReLU between {last_conv} and its batch norm: none belongs there.
    = self.bn{last}(self.conv{last}(out)) → = self.bn{last}(F.relu(self.conv{last}(out)))
The branch begins with a ReLU. {Conv} should get x itself, with its negative numbers.
    self.conv1(x) → self.conv1(F.relu(x))
A ReLU is applied to x before the block begins. Branch and shortcut get x itself, with its
negative numbers.
    self.conv1(x) → self.conv1(F.relu(x))
    self.project(x) → self.project(F.relu(x))
""")

ON_THE_SHORTCUT = table("""
There is a ReLU on the shortcut. The input goes to the addition without one.
    self.project_bn(self.project(x)) → F.relu(self.project_bn(self.project(x)))
The shortcut has no projection here. Which two shapes meet at the addition? A 1×1 convolution
must bring the input to the shape of the branch whenever the stride is not 1 or the channels
change.
    {condition} → False
The projection has no batch norm. Without one the two terms of the sum do not have the same
scale.
    project_bn: BatchNorm2d → Identity
    or
    project_bn: BatchNorm2d → Identity
    project: bias=False → bias=True
There is a projection where none is needed. The shape stays the same here, so the shortcut is the
input itself: when exactly does the shape change?
    {condition} → True
    or
    {condition} → True
    project_bn: BatchNorm2d → Identity
What is added to the branch comes from inside the branch. Keep the input x itself.
    out = F.relu(self.bn1( → middle = out = F.relu(self.bn1(
    out + shortcut → out + middle
    {condition} → False
The projection has a 3×3 kernel. It should change the shape and nothing else: 1×1.
    project: , 1, → , 3, padding=1,
The projection keeps height and width: the stride belongs there too.
    project: stride=stride → stride=1
The shortcut takes averages of pixels (average pooling). Here it is to be a projection: a 1×1
convolution that has the stride itself, and batch norm.
    self.project(x) → self.project(F.avg_pool2d(x, self.stride))
    project: stride=stride → stride=1
    or
    self.project(x) → F.avg_pool2d(x, self.stride)
    {condition} → False
The shortcut skips pixels and appends channels of zeros. Here it is to be a projection: a 1×1
convolution and batch norm.
    self.project_bn(self.project(x)) → x[:, :, :: self.stride, :: self.stride]
    out + shortcut → out + F.pad(shortcut, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
    {condition} → False
No gradient comes back through the shortcut: is there a detach, .data or no_grad?
    self.project(x) → self.project(x.detach())
""")

BASIC_STRIDES = table("""
The stride is in the second convolution. It belongs in the first convolution: there it makes the
map small from the start.
    conv1: stride=stride → stride=1
    conv2: stride=1 → stride=stride
Only the first convolution has the stride; the other convolutions have stride 1.
    conv2: stride=1 → stride=stride
Is the stride used in the first convolution? It is only in the projection.
    conv1: stride=stride → stride=1
The stride is ignored. It belongs in the first convolution and in the projection.
    stride=stride → stride=1
    or
    stride=stride → stride=1
    {condition} → False
""")

BATCH_NORMS = table("""
There is no batch norm behind {conv}.
    bn{i}: BatchNorm2d → Identity
There is no batch norm: one belongs behind every convolution.
    bn: BatchNorm2d → Identity
    or
    BatchNorm2d → Identity
ReLU comes before batch norm. The order is convolution, batch norm, ReLU.
    F.relu(self.bn1( → self.bn1(F.relu(
    F.relu(self.bn2( → self.bn2(F.relu(
One batch norm is used in two places. Each place has numbers of its own, so each needs its own
batch norm, with its own mean and variance.
    bn2: nn.BatchNorm2d(channels) → self.bn1
    bn2: nn.BatchNorm2d(width) → self.bn1
    or
    project_bn: nn.BatchNorm2d(out_channels) → self.bn{i}
In evaluation mode batch norm still uses the mean of the batch. It should use its running mean
and variance then: does it get the mode of the block, and does it track them?
    BatchNorm2d( → BatchNorm2d(track_running_stats=False, num_features=
In training mode batch norm uses its running mean. It should use the mean of the batch: does it
get the mode of the block?
    out = F.relu(self.bn1( → self.eval(); out = F.relu(self.bn1(
""")

SMALL_THINGS = table("""
Each convolution of the branch has a bias. Batch norm behind it subtracts the mean, and the bias
with it: parameters without any effect.
    conv: bias=False → bias=True
Every convolution has a bias. Batch norm behind it subtracts the mean, and the bias with it:
parameters without any effect.
    bias=False → bias=True
The projection has a bias. Batch norm behind it subtracts the mean, and the bias with it:
parameters without any effect.
    project: bias=False → bias=True
{Conv} has a bias. Batch norm behind it subtracts the mean, and the bias with it: parameters
without any effect.
    conv{i}: bias=False → bias=True
There is no ReLU behind {conv}.
    F.relu(self.bn{i}( → (self.bn{i}(
The padding is missing in {conv}: a 3×3 window needs one ring of zeros to keep height and width.
    conv{i}: padding=1 → padding=0
{Conv} has a 1×1 kernel: expected 3×3.
    conv{i}: , 3, → , 1,
    conv{i}: padding=1 → padding=0
{Conv} has a 3×3 kernel: expected 1×1.
    conv{i}: , 1, → , 3, padding=1,
There is no ReLU inside the branch: without one its layers are one linear map.
    F.relu(self.bn → (self.bn
The padding is missing: a 3×3 window needs one ring of zeros to keep its size.
    conv: padding=1 → padding=0
One convolution is used twice. Each of the two needs weights of its own.
    conv2: nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False) → self.conv1
    or
    conv2: nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False) → self.conv1
    bn2: nn.BatchNorm2d(channels) → self.bn1
""")

IN_BASIC_BLOCKS = [
    *(*WHERE_THE_PATHS_MEET, *ON_THE_SHORTCUT),
    *(*BASIC_STRIDES, *BATCH_NORMS, *SMALL_THINGS),
]
