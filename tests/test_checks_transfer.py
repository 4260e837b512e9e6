"""The exercises of chapter 06: every right way passes, every mistake gets its own words."""

from __future__ import annotations

import pytest
from answer_tools import cell, must_say, told

FREEZE = """
def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]

def freeze(model):
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    model.eval()
"""
FREEZES = r"""
right
    freeze(model)
    freeze(model) or model.zero_grad()
    freeze(model) or [setattr(m, "track_running_stats", False) for m in norms(model)]
    def by_name(net):
        for name, parameter in net.named_parameters():
            parameter.requires_grad = name.startswith("fc")
        for module in norms(net):
            module.eval()
        return net
    def children(model):
        for name, child in model.named_children():
            if name != "fc":
                child.eval().requires_grad_(False)
    def all_but_ids(model):
        head = set(map(id, model.fc.parameters()))
        for parameter in model.parameters():
            if id(parameter) not in head:
                parameter.requires_grad_(False)
        model.train(False)
        model.fc.train()
        return [p for p in model.parameters() if p.requires_grad]
    def trunk_and_head(model):
        trunk = [m for m in model.children() if m is not model.fc]
        nn.ModuleList(trunk).requires_grad_(False).eval()
All 27 parameters of the trunk still have requires_grad=True. Evaluation mode, gradients of zero or
    model.eval()
    [setattr(p, "grad", None) for p in model.parameters()] and model.eval()
    [p.register_hook(torch.zeros_like) for p in model.parameters()] and model.eval()
All 27 .* an optimiser without them do not freeze parameters. \(Is `requires_grad` spelled right\?\)
    [setattr(p, "require_grad", False) for p in model.parameters()] and model.eval()
All 27 parameters of the trunk
    None if model else 0
One batch .* moved 18 stored means and variances in batch norm layers: bn1.running_mean
    model.eval() → pass
moved 18 .* They are buffers, so requires_grad does not stop them. What does\?
    freeze(model) or model.train() and None
moved 16 stored means and variances in batch norm layers: layer1.0.bn1
    model.eval() → model.bn1.eval()
They are buffers
    def wakes_in_forward(model):
        freeze(model)
        forward = model.forward
        model.forward = lambda x: (model.train(), forward(x))[1]
Two training steps have changed the trunk: bn1.running_mean, .* and 24 more
    freeze(model) or model.register_forward_hook(lambda *_: model.train() and None)
Two training steps did not change `fc`. Does a gradient reach it
    freeze(model) or [p.register_hook(torch.zeros_like) for p in model.fc.parameters()]
fc.weight and fc.bias cannot learn any more. `fc` must still learn
    model.fc.requires_grad_(True) → pass
If your code compares names: the parameters are called "fc.weight" and .* never "fc"
    def all_but_a_name_that_none_has(model):
        for name, parameter in model.named_parameters():
            if name != "fc":
                parameter.requires_grad = False
        model.eval()
^fc.bias cannot learn any more
    freeze(model) or model.fc.bias.requires_grad_(False)
18 of 27 .* bn1.bias, .* 15 more. Batch norm has a weight and a bias too, and they are parameters
    [m.requires_grad_(False) for m in model.modules() if isinstance(m, nn.Conv2d)] and model.eval()
9 of 27 .*: conv1.weight.* Every convolution before `fc` belongs to the trunk
    [m.eval().requires_grad_(False) for m in norms(model)]
3 of 27 .*: conv1.weight, bn1.weight, bn1.bias. Only `fc` is to learn
    def stages_only(model):
        model.eval()
        for name in ("layer1", "layer2", "layer3"):
            getattr(model, name).requires_grad_(False)
final_norm.weight, final_norm.bias. Only `fc` is to learn
    def by_name(model):
        for name in ("conv1", "bn1", "layer1", "layer2", "layer3"):
            getattr(model, name).requires_grad_(False).eval()
AttributeError: 'ResNet' object has no attribute 'layer4'
    freeze(model) or model.layer4.requires_grad_(False)
`model.fc` is another layer now. The model comes with the head that it needs: only decide what
    freeze(model) or setattr(model, "fc", nn.Linear(8, 3))
    freeze(model) or setattr(model, "fc", nn.Identity())
returns another model, and the one that it was given still learns. Change the model itself, not a
    (other := copy.deepcopy(model)) and freeze(other) or other
The stored means stay, but batch norm does not use them: it computes .* Which mode uses the stored
    model.eval() → [setattr(m, "momentum", 0.0) for m in norms(model)]
    model.eval() → [setattr(m, "track_running_stats", False) for m in norms(model)]
Your function has changed bn1.running_mean, .* more
    freeze(model) or [m.reset_running_stats() for m in norms(model)]
Your function has changed conv1.weight. Freezing keeps every number
    freeze(model) or nn.init.constant_(model.conv1.weight, float("nan"))
Your function has changed fc.weight
    freeze(model) or nn.init.zeros_(model.fc.weight)
Your function has changed conv1.weight, .* its type and its device
    freeze(model.to("meta"))
    freeze(model.double())
Your function has changed bn1.weight, bn1.bias
    freeze(model) or setattr(model, "bn1", nn.Identity())
gradients are off for everybody, so `fc` cannot learn either. Which parameters need no gradient
    freeze(model) or torch.set_grad_enabled(False)
After your function, a training step stops with RuntimeError: element 0 of tensors
    def no_gradient_through(model):
        freeze(model)
        forward = model.forward
        model.forward = lambda x: forward(x).detach()
"""
FOR_EVER = r"""
right
    freeze(model) or [setattr(m, "train", lambda mode=True, m=m: m) for m in norms(model)]
    freeze(model) or setattr(model, "train", lambda mode=True: None) or model
    def by_torchvisions_layer(model):
        from torchvision.ops import FrozenBatchNorm2d
        freeze(model)
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    frozen = FrozenBatchNorm2d(child.num_features)
                    frozen.load_state_dict(child.state_dict())
                    setattr(parent, name, frozen)
"""
HEADS = """
class Heads(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(in_features, size) for size in sizes])

    def forward(self, features):
        return [head(features) for head in self.heads]
"""
MULTI_HEADS = r"""
right
    Heads(in_features, sizes)
    answer = Heads
    nn.Linear(in_features, size) → nn.Sequential(nn.Dropout(0.5), nn.Linear(in_features, size))
    head(features) → F.linear(features, head.weight, head.bias)
    def equal_numbers_at_the_start_are_no_shared_weights(in_features, sizes):
        module = Heads(in_features, sizes)
        return [nn.init.ones_(head.weight) for head in module.heads] and module
    nn.ModuleList([ → nn.ModuleDict({str(i): nn.LazyLinear(n) for i, n in enumerate(sizes)}) #
        in self.heads → in self.heads.values()
    class OneLargeLayerCut(nn.Module):
        def __init__(self, width, outputs, bias=True):
            super().__init__()
            self.outputs = list(outputs)
            self.fc = nn.Linear(width, sum(self.outputs), bias=bias)
        def forward(self, x):
            return torch.split(self.fc(x), self.outputs, dim=1)
    class Attributes(nn.Module):
        def __init__(self, in_features, sizes):
            super().__init__()
            self.count = len(sizes)
            for i, size in enumerate(sizes):
                setattr(self, f"head{i}", nn.Linear(in_features, size, bias=False))
        def forward(self, features):
            return tuple(getattr(self, f"head{i}")(features) for i in range(self.count))
    class Parameters(nn.Module):
        def __init__(self, in_features, sizes):
            super().__init__()
            self.weights = nn.ParameterList(0.1 * torch.randn(in_features, n) for n in sizes)
            self.biases = nn.ParameterList(torch.zeros(n) for n in sizes)
        def forward(self, features):
            return [features @ w + b for w, b in zip(self.weights, self.biases, strict=True)]
^in_features=6, sizes=.*: PyTorch finds no weights .* Which container of PyTorch shows them
    nn.ModuleList([ → ([
    nn.ModuleList([nn.Linear( → list([torch.randn(
        size) for → size, requires_grad=True) for
        head(features) → features @ head
finds no weights that learn in your module, so no optimiser would move them
    Heads(in_features, sizes).requires_grad_(False)
the weights of head 1 are not among the `parameters\(\)` of your module. Is it in a Python list only
    nn.ModuleList([ → self.list = [
        sizes]) → sizes]; self.head = self.list[0]
        self.heads] → self.list]
sizes=\(3, 3\): heads 0 and 1 share weights, so .* different things. Is one layer used for both
    self.heads = → layers = {n: nn.Linear(in_features, n) for n in sizes}; self.heads =
        [nn.Linear(in_features, size) for → [layers[size] for
heads 0 and 1 share weights
    nn.ModuleList([ → self.fc, self.sizes = nn.Linear(in_features, max(sizes)), sizes; ([
        head(features) for head in self.heads → self.fc(features)[:, :size] for size in self.sizes
    self.heads = → self.common = nn.Linear(in_features, in_features); self.heads =
        head(features) → head(self.common(features))
sizes=\(3, 3\): expected .* 2 logits tensors, one per size, got 1. Does the number of heads come
    nn.ModuleList([ → nn.ModuleDict({str(size): nn.Linear(in_features, size) for size in sizes}) #
        in self.heads → in self.heads.values()
got all 10 logits side by side in one tensor. Each question has a loss of its own, so it needs
    [head(features) for head in self.heads] → torch.cat([h(features) for h in self.heads], 1)
    nn.ModuleList([ → nn.Linear(in_features, sum(sizes)) #
        [head(features) for head in self.heads] → self.heads(features)
missing the required "forward" function\.$
    [head(features) for head in self.heads] → self.heads(features)
expected a list .* got a dict. Here the heads have no names, .* would give the keys of your dict
    [head(features) for head in self.heads] → {i: h(features) for i, h in enumerate(self.heads)}
expected a list or tuple .* \(generator\)
    [head(features) for head in self.heads] → (head(features) for head in self.heads)
expected a list or tuple .* got a tensor of shape \(5, 5\)\. Is the `return` inside the loop
    [head(features) for head in self.heads] → self.heads[0](features)
sizes=\(3, 3\): expected .* 2 logits .* got 3
    Heads(in_features, (5, 3, 2))
IndexError.* Here `sizes` asks for 2 heads. .* A loop over `sizes` makes one layer for each
    Heads(in_features, [sizes[0], sizes[1], sizes[2]])
ValueError.* Here `sizes` asks for 2 heads. Is the number of heads fixed
    def named_sizes(in_features, sizes):
        root, vowel, consonant = sizes
        return Heads(in_features, (root, vowel, consonant))
head 0, batch of 5: expected shape \(5, 5\), got \(5, 168\)\. Does the number of logits come from
    Heads(in_features, (168, 11, 7))
head 0, batch of 5: expected shape \(5, 5\), got \(5, 2\)
    self.heads] → self.heads][::-1]
\(5x6 and 512x5\).* Does each head take in_features numbers
    Heads(512, sizes)
in_features=4, .* Does each head take in_features numbers
    Heads(6, sizes)
\(5x6 and 5x6\).* Does each head take in_features numbers
    (in_features, size) → (size, in_features)
Head 0 is not linear. These are probabilities or their logarithms: is there a softmax at the end
    head(features) → head(features).softmax(dim=1)
    head(features) → head(features).log_softmax(dim=1)
No value is negative: is there a ReLU or a sigmoid at the end.* the loss does the rest
    head(features) → head(features).sigmoid()
    head(features) → head(features).relu()
Head 0 is not linear. Is there anything between the features and the logits but one linear layer
    head(features) → head(features.relu())
    nn.Linear(in_features, size) → nn.Sequential(layer(in_features, 9), nn.Tanh(), layer(9, size))
        super().__init__() → super().__init__(); layer = nn.Linear
    nn.Linear(in_features, size) → nn.Sequential(layer(in_features, 9), nn.ReLU(), layer(9, size))
        super().__init__() → super().__init__(); layer = functools.partial(nn.Linear, bias=False)
two different answers to .* in `forward`. Then it is a new one each time, and it never learns
    head(features) → nn.Linear(len(features[0]), head.out_features)(features)
no gradient goes back to the features, so a trunk before it could not learn. Is there a detach
    head(features) → head(features.detach())
    head(features) → head(0 * features)
Head 0: no gradient goes back. Is there a detach\(\) or no_grad\(\)
    head(features) → head(features).detach()
    head(features) → torch.no_grad()(head)(features)
batch of 1: expected shape \(1, 5\), got \(5,\)\. .* and is the axis of the batch still there
    head(features) → head(features).squeeze()
expected shape \(5, 5\), got \(5,\)
    head(features) → head(features).argmax(dim=1)
head 0, batch of 5: expected a tensor, got 0
    head(features) → 0.0
got None \(NoneType\). Does `forward` end with `return`
    return [ → [
NotImplementedError
    def forward → def forwards
AttributeError: cannot assign.*call super\(\).__init__\(\) first\? Nothing can be kept before that
    super().__init__() → pass
Your module is not set up. Does __init__ call super\(\).__init__\(\) first
    super().__init__() → pass
        self.heads = nn.ModuleList( → self.sizes = list(
head 0, batch of 5: some logits are NaN or infinite. Are the weights initialised
    head(features) → head(features) / 0
expected float32 on cpu, as the features are, got torch.float32 on meta
    head(features) → head(features).to("meta")
expected float32 on cpu, .* got torch.float64 on cpu
    head(features) → head(features).double()
Your forward has changed the features. An operation in place, .* Only read it
    head(features) → head(features.sub_(1))
Your class has changed the list `sizes`. An operation in place
    for size in sizes → for size in [sizes.pop(0) for _ in list(sizes)]
Expected an nn.Module, got .* \(list\). Does your class inherit from nn.Module
    [nn.Linear(in_features, size) for size in sizes]
Called with .* stopped with TypeError
    answer = nn.Linear
Expected an nn.Module, got None
    None if sizes else 0
"""
ANSWERS = [
    *told("freeze_backbone", "model", FREEZES, FREEZE),
    *told("multi_head", "in_features, sizes", MULTI_HEADS, HEADS),
]


@pytest.mark.parametrize(("name", "source", "words"), ANSWERS)
def test_right_answers_pass_and_wrong_ones_are_told_why(name, source, words):
    praise = must_say(name, cell(source), words)
    if words == "right" and name == "freeze_backbone":
        assert "Mind the order: a later model.train(), " in praise


@pytest.mark.parametrize(
    ("name", "source", "words"), told("freeze_backbone", "model", FOR_EVER, FREEZE)
)
def test_a_right_freeze_that_train_does_not_undo_is_praised(name, source, words):
    assert "not even a later model.train() wakes your" in must_say(name, cell(source), words)
