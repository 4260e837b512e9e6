"""ResNet-34 as text, and the mistakes that people make in it."""

from __future__ import annotations

from resnet_course.checks.mistakes import BASIC
from resnet_course.checks.variants import table

NETWORK = f"""{BASIC}

def stage(in_channels, channels, depth, stride):
    rest = [Block(channels, channels) for _ in range(depth - 1)]
    return nn.Sequential(Block(in_channels, channels, stride), *rest)

class Network(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.stem_bn = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage1 = stage(64, 64, depth=3, stride=1)
        self.stage2 = stage(64, 128, depth=4, stride=2)
        self.stage3 = stage(128, 256, depth=6, stride=2)
        self.stage4 = stage(256, 512, depth=3, stride=2)
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x):
        out = F.relu(self.stem_bn(self.stem(x)))
        out = self.pool(out)
        out = self.stage4(self.stage3(self.stage2(self.stage1(out))))
        out = out.mean(dim=(2, 3))
        return self.fc(out)
"""

# After these a map has another size, and the size alone does not say why.
IN_SIZES = table("""
The max pooling of the stem is missing.
    self.pool(out) → out
The max pooling of the stem should have 3×3 windows, stride 2 and padding 1.
    pool: 3, stride=2, padding=1 → 2
    or
    pool: padding=1 → padding=0
Each stage but the first halves the map, but the first one here does too.
    stage1: stride=1 → stride=2
The stride is in the second convolution of the blocks: it belongs in the first.
    conv1: stride=stride → stride=1
    conv2: stride=1 → stride=stride
""")

# No shape shows these.
IN_NUMBERS = table("""
There is no ReLU in the stem, between batch norm and pooling.
    F.relu(self.stem_bn(self.stem(x))) → self.stem_bn(self.stem(x))
There is no batch norm behind the first convolution.
    stem_bn: BatchNorm2d → Identity
    or
    stem_bn: BatchNorm2d → Identity
    F.relu(self.stem_bn(self.stem(x))) → self.stem_bn(self.stem(x))
The first convolution has a bias; batch norm behind it takes it away.
    stem: bias=False → bias=True
The stem takes the average of each window, not its maximum.
    pool: MaxPool → AvgPool
The network should return logits. Softmax belongs to the loss, or to whoever reads them.
    self.fc(out) → self.fc(out).softmax(1)
The network should return logits. Log-softmax belongs to the loss, or to whoever reads them.
    self.fc(out) → self.fc(out).log_softmax(1)
The network should return logits. A sigmoid belongs to the loss, or to whoever reads them.
    self.fc(out) → self.fc(out).sigmoid()
There is a ReLU behind the last layer: logits may be negative.
    self.fc(out) → F.relu(self.fc(out))
The head takes the maximum of each channel, not its average.
    out.mean( → out.amax(
The blocks have their last ReLU before the addition, not after it.
    F.relu(out + shortcut) → F.relu(out) + shortcut
The blocks have no ReLU after the addition.
    F.relu(out + shortcut) → out + shortcut
The blocks have no ReLU inside their branch.
    F.relu(self.bn1( → (self.bn1(
Nothing is added in the blocks: without shortcuts this is the plain network.
    F.relu(out + shortcut) → F.relu(out)
    {condition} → False
The shortcuts are padded with zeros. Here they are projections: 1×1 and batch norm.
    self.project_bn(self.project(x)) → x[:, :, :: self.stride, :: self.stride]
    out + shortcut → out + F.pad(shortcut, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
    {condition} → False
The projections have no batch norm.
    project_bn: BatchNorm2d → Identity
The convolutions have a bias; batch norm behind each takes it away.
    bias=False → bias=True
""")
