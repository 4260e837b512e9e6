"""The exercises of chapter 06: every right way passes, every mistake gets its own words."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from answer_tools import must_fail, must_pass, named
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from resnet_course import checks
from resnet_course.blocks import BasicBlock
from resnet_course.checks import freezing
from resnet_course.checks.exercise import EXERCISES

NORMS = nn.modules.batchnorm._BatchNorm


@pytest.mark.parametrize("name", ["freeze_backbone", "multi_head"])
def test_the_courses_own_answer_passes(name):
    must_pass(getattr(checks, name), EXERCISES[name].answers[0])
    assert EXERCISES[name].answers[0].__name__ in checks.solution(name).data


@pytest.mark.parametrize("name", ["freeze_backbone", "multi_head"])
def test_a_checker_leaves_random_numbers_and_gradient_mode_alone(name):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with torch.no_grad():
        must_pass(getattr(checks, name), EXERCISES[name].answers[0])
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(1), expected)


# Freeze the backbone.


def freeze(model):
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    model.eval()


def freeze_by_name(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("fc")
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return net


def freeze_children(model):
    for name, child in model.named_children():
        if name != "fc":
            child.eval().requires_grad_(False)


def freeze_all_but_ids(model):
    head = set(map(id, model.fc.parameters()))
    for parameter in model.parameters():
        if id(parameter) not in head:
            parameter.requires_grad_(False)
    model.train(False)
    model.fc.train()
    return [p for p in model.parameters() if p.requires_grad]


def freeze_for_ever(model):
    freeze(model)
    for module in model.modules():
        if isinstance(module, NORMS):
            module.train = lambda mode=True, module=module: module


def freeze_by_another_layer(model):
    """Put torchvision's layer in the place of every batch norm."""
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                frozen = FrozenBatchNorm2d(child.num_features)
                frozen.load_state_dict(child.state_dict())
                setattr(parent, name, frozen)


def freeze_and_stop_tracking(model):
    freeze(model)
    for module in model.modules():
        if isinstance(module, NORMS):
            module.track_running_stats = False


def freeze_and_block_train(model):
    freeze(model)
    model.train = lambda mode=True: None
    return model


def freeze_as_trunk_and_head(model):
    trunk = [m for m in model.children() if m is not model.fc]
    nn.ModuleList(trunk).requires_grad_(False).eval()
    model.zero_grad()


@pytest.mark.parametrize(
    "answer",
    **named(
        freeze, freeze_by_name, freeze_children, freeze_all_but_ids, freeze_for_ever,
        freeze_by_another_layer, freeze_and_stop_tracking, freeze_as_trunk_and_head,
        freeze_and_block_train,
    ),
)  # fmt: skip
def test_freeze_right(answer):
    result = must_pass(checks.freeze_backbone, answer)
    survives = answer in (freeze_for_ever, freeze_by_another_layer, freeze_and_block_train)
    assert ("not even a later model.train()" in result.message) == survives
    assert ("would wake batch norm again" in result.message) != survives


def eval_only(model):
    model.eval()


def gradients_only(model):
    model.requires_grad_(False)
    model.fc.requires_grad_(True)


def gradients_and_train(model):
    freeze(model)
    model.train()


def everything(model):
    model.requires_grad_(False)
    model.eval()


def all_but_bias_of_fc(model):
    freeze(model)
    model.fc.bias.requires_grad = False


def convolutions_only(model):
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.requires_grad_(False)
    model.eval()


def norms_only(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval().requires_grad_(False)


def stages_only(model):
    model.layer1.requires_grad_(False)
    model.layer2.requires_grad_(False)
    model.eval()


def not_the_last_norm(model):
    for part in (model.conv1, model.bn1, model.layer1, model.layer2):
        part.requires_grad_(False).eval()


def first_norm_in_eval(model):
    gradients_only(model)
    model.bn1.eval()


def fourth_stage_too(model):
    freeze(model)
    model.layer4.requires_grad_(False)


def typing_error(model):
    for parameter in model.parameters():
        parameter.require_grad = False
    model.eval()


def all_but_a_name_that_none_has(model):
    for name, parameter in model.named_parameters():
        if name != "fc":
            parameter.requires_grad = False
    model.eval()


def new_head(model):
    freeze(model)
    model.fc = nn.Linear(6, 3)


def no_head(model):
    freeze(model)
    model.fc = nn.Identity()


def gradients_set_to_none(model):
    for parameter in model.parameters():
        parameter.grad = None
    model.eval()


def hooks_that_zero(model):
    for name, parameter in model.named_parameters():
        if not name.startswith("fc"):
            parameter.register_hook(torch.zeros_like)
    model.eval()


def a_frozen_copy(model):
    model = copy.deepcopy(model)
    freeze(model)
    return model


def momentum_zero(model):
    gradients_only(model)
    for module in model.modules():
        if isinstance(module, NORMS):
            module.momentum = 0.0


def tracking_off(model):
    gradients_only(model)
    for module in model.modules():
        if isinstance(module, NORMS):
            module.track_running_stats = False


def statistics_reset(model):
    freeze(model)
    for module in model.modules():
        if isinstance(module, NORMS):
            module.reset_running_stats()


def weights_of_nan(model):
    freeze(model)
    nn.init.constant_(model.conv1.weight, float("nan"))


def weights_of_zero(model):
    freeze(model)
    nn.init.zeros_(model.fc.weight)


def to_meta(model):
    freeze(model.to("meta"))


def to_double(model):
    freeze(model.double())


def gradients_off(model):
    freeze(model)
    torch.set_grad_enabled(False)


def identity_norms(model):
    freeze(model)
    model.bn1 = nn.Identity()


def no_gradient_through(model):
    freeze(model)
    forward = model.forward
    model.forward = lambda x: forward(x).detach()


def wakes_in_forward(model):
    freeze(model)
    forward = model.forward
    model.forward = lambda x: (model.train(), forward(x))[1]


def wakes_after_the_first_batch(model):
    freeze(model)
    model.register_forward_hook(lambda *_: model.train() and None)


def zero_gradients_for_fc(model):
    freeze(model)
    for parameter in model.fc.parameters():
        parameter.register_hook(torch.zeros_like)


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (wakes_after_the_first_batch, "Two training steps have changed the trunk: bn1.running"),
        (zero_gradients_for_fc, "Two training steps did not change `fc`"),
        (eval_only, "All 18 parameters of the trunk still have requires_grad=True"),
        (
            gradients_only,
            "moved 12 stored means and variances in batch norm layers: bn1.running_mean",
        ),
        (gradients_and_train, "They are buffers, so requires_grad does not stop them"),
        (everything, "fc.weight and fc.bias cannot learn any more"),
        (all_but_a_name_that_none_has, 'called "fc.weight" and "fc.bias", never "fc"'),
        (all_but_bias_of_fc, "fc.bias cannot learn any more"),
        (convolutions_only, "12 of 18 .* bn1.bias, .* 9 more. Batch norm has a weight and a bias"),
        (norms_only, "6 of 18 .*: conv1.weight.* Every convolution before `fc`"),
        (stages_only, "3 of 18 .*: conv1.weight, bn1.weight, bn1.bias. Only `fc` is to learn"),
        (not_the_last_norm, "final_norm.weight, final_norm.bias. Only `fc` is to learn"),
        (
            first_norm_in_eval,
            "moved 10 stored means and variances in batch norm layers: layer1.0.bn1",
        ),
        (fourth_stage_too, "AttributeError: 'ResNet' object has no attribute 'layer4'"),
        (typing_error, r"All 18 .* \(Is `requires_grad` spelled right\?\)"),
        (new_head, "`model.fc` is another layer now"),
        (no_head, "`model.fc` is another layer now"),
        (gradients_set_to_none, "gradients of zero or an optimiser without them do not freeze"),
        (hooks_that_zero, "gradients of zero or an optimiser without them do not freeze"),
        (a_frozen_copy, "Change the model itself, not a copy"),
        (momentum_zero, "The stored means stay, but batch norm does not use them"),
        (tracking_off, "The stored means stay, but batch norm does not use them"),
        (statistics_reset, "Your function has changed bn1.running_mean, .* more"),
        (weights_of_nan, "Your function has changed conv1.weight. Freezing keeps every number"),
        (weights_of_zero, "Your function has changed fc.weight"),
        (to_meta, "Your function has changed conv1.weight, .* its type and its device"),
        (to_double, "Your function has changed conv1.weight, .* its type and its device"),
        (gradients_off, "gradients are off for everybody"),
        (identity_norms, "Your function has changed bn1.weight, bn1.bias"),
        (no_gradient_through, "a training step stops with RuntimeError: element 0 of tensors"),
        (wakes_in_forward, "They are buffers"),
        (lambda model: 1 / 0, "stopped with ZeroDivisionError"),
        (lambda model: None if model else 0, "All 18 parameters of the trunk"),
        (lambda: 0, "stopped with TypeError"),
        ("freeze", "'str' object is not callable"),
    ),
)
def test_freeze_wrong(answer, words):
    must_fail(checks.freeze_backbone, answer, words)
    assert torch.is_grad_enabled()


def test_the_network_to_freeze_knows_other_statistics_than_those_of_the_batch():
    torch.manual_seed(0)
    model, x = freezing.small_trained_network(BasicBlock), torch.randn(8, 1, 8, 8)
    with torch.no_grad():
        trained = copy.deepcopy(model)(x)
        assert not torch.allclose(trained, model.eval()(x), atol=0.1)
    assert any("downsample" in name for name, _ in model.named_parameters())


# Several heads.


class Heads(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(in_features, size) for size in sizes)

    def forward(self, features):
        return [head(features) for head in self.heads]


class SplitHeads(nn.Module):
    """One large layer, cut into pieces."""

    def __init__(self, width, outputs, bias=True):
        super().__init__()
        self.outputs = list(outputs)
        self.fc = nn.Linear(width, sum(self.outputs), bias=bias)

    def forward(self, x):
        return torch.split(self.fc(x), self.outputs, dim=1)


class AttributeHeads(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.count = len(sizes)
        for i, size in enumerate(sizes):
            setattr(self, f"head{i}", nn.Linear(in_features, size, bias=False))

    def forward(self, features):
        return tuple(getattr(self, f"head{i}")(features) for i in range(self.count))


class ParameterHeads(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.weights = nn.ParameterList(0.1 * torch.randn(in_features, n) for n in sizes)
        self.biases = nn.ParameterList(torch.zeros(n) for n in sizes)

    def forward(self, features):
        return [features @ w + b for w, b in zip(self.weights, self.biases, strict=True)]


class LazyHeads(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = nn.ModuleDict({str(i): nn.LazyLinear(n) for i, n in enumerate(sizes)})

    def forward(self, features):
        return [self.heads[key](features) for key in self.heads]


class DropoutHeads(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Dropout(0.5), nn.Linear(in_features, size)) for size in sizes
        )


class FunctionalHeads(Heads):
    def forward(self, features):
        return [F.linear(features, head.weight, head.bias) for head in self.heads]


class SameStartHeads(Heads):
    """Equal numbers at the start are no shared weights."""

    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        for head in self.heads:
            nn.init.ones_(head.weight)


def made_by_a_function(in_features, sizes):
    return Heads(in_features, sizes)


@pytest.mark.parametrize(
    "answer",
    **named(
        Heads, SplitHeads, AttributeHeads, ParameterHeads, LazyHeads, DropoutHeads,
        FunctionalHeads, SameStartHeads, made_by_a_function,
    ),
)  # fmt: skip
def test_heads_right(answer):
    must_pass(checks.multi_head, answer)


class ListOfHeads(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = [nn.Linear(in_features, size) for size in sizes]


class ListAndOneName(ListOfHeads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        self.head = self.heads[0]


class OneHeadOften(Heads):
    """The list is as long as `sizes`, but each place holds the same layer."""

    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        layers = {size: nn.Linear(in_features, size) for size in sizes}
        self.heads = nn.ModuleList(layers[size] for size in sizes)


class HeadsBySize(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = nn.ModuleDict({str(size): nn.Linear(in_features, size) for size in sizes})

    def forward(self, features):
        return [head(features) for head in self.heads.values()]


class LargestHeadCut(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.sizes, self.fc = sizes, nn.Linear(in_features, max(sizes))

    def forward(self, features):
        return [self.fc(features)[:, :size] for size in self.sizes]


class CommonLayer(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        self.common = nn.Linear(in_features, in_features)

    def forward(self, features):
        return super().forward(self.common(features))


class SideBySide(Heads):
    def forward(self, features):
        return torch.cat(super().forward(features), dim=1)


class NotSplit(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.fc = nn.Linear(in_features, sum(sizes))

    def forward(self, features):
        return self.fc(features)


class NamedHeads(Heads):
    def forward(self, features):
        return dict(enumerate(super().forward(features)))


class GeneratedHeads(Heads):
    def forward(self, features):
        return (head(features) for head in self.heads)


class FirstHeadOnly(Heads):
    def forward(self, features):
        for head in self.heads:
            logits = head(features)
            break
        return logits


class ThreeFixedSizes(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, (5, 3, 2))
        self.sizes = sizes


class ThreeFixedHeads(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.first = nn.Linear(in_features, sizes[0])
        self.second = nn.Linear(in_features, sizes[1])
        self.third = nn.Linear(in_features, sizes[2])

    def forward(self, features):
        return self.first(features), self.second(features), self.third(features)


class ThreeNamedSizes(Heads):
    def __init__(self, in_features, sizes):
        root, vowel, consonant = sizes
        super().__init__(in_features, (root, vowel, consonant))


class NoSuperPlain(nn.Module):
    def __init__(self, in_features, sizes):
        self.sizes = sizes


class BengaliSizes(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, (168, 11, 7))
        self.sizes = sizes


class FixedFeatures(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(512, sizes)
        self.in_features = in_features


class FeaturesOfTheFirstCase(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(6, sizes)
        self.in_features = in_features


class InAndOutSwapped(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = nn.ModuleList(nn.Linear(size, in_features) for size in sizes)


class SoftmaxHeads(Heads):
    def forward(self, features):
        return [z.softmax(dim=1) for z in super().forward(features)]


class LogSoftmaxHeads(Heads):
    def forward(self, features):
        return [z.log_softmax(dim=1) for z in super().forward(features)]


class SigmoidHeads(Heads):
    def forward(self, features):
        return [z.sigmoid() for z in super().forward(features)]


class ReluHeads(Heads):
    def forward(self, features):
        return [z.relu() for z in super().forward(features)]


class HiddenLayers(Heads):
    def __init__(self, in_features, sizes):
        nn.Module.__init__(self)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(in_features, 9), nn.Tanh(), nn.Linear(9, n)) for n in sizes
        )


class MadeInForward(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.in_features, self.sizes = in_features, sizes

    def forward(self, features):
        return [nn.Linear(self.in_features, size)(features) for size in self.sizes]


class DetachedFeatures(Heads):
    def forward(self, features):
        return super().forward(features.detach())


class DetachedLogits(Heads):
    def forward(self, features):
        return [z.detach() for z in super().forward(features)]


class NoGradHeads(Heads):
    def forward(self, features):
        with torch.no_grad():
            return super().forward(features)


class FrozenHeads(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        self.requires_grad_(False)


class PlainTensors(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.weights = [torch.randn(in_features, n, requires_grad=True) for n in sizes]

    def forward(self, features):
        return [features @ weight for weight in self.weights]


class Squeezed(Heads):
    def forward(self, features):
        return [z.squeeze() for z in super().forward(features)]


class PredictedClasses(Heads):
    def forward(self, features):
        return [z.argmax(dim=1) for z in super().forward(features)]


class NumbersOnly(Heads):
    def forward(self, features):
        return [0.0 for _ in self.heads]


class ForgotReturn(Heads):
    def forward(self, features):
        [head(features) for head in self.heads]


class NoForward(nn.Module):
    def __init__(self, in_features, sizes):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(in_features, size) for size in sizes)


class NoSuperInit(nn.Module):
    def __init__(self, in_features, sizes):
        self.heads = nn.ModuleList(nn.Linear(in_features, size) for size in sizes)


class EmptyWeights(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        for head in self.heads:
            nn.init.constant_(head.weight, float("nan"))


class OnMeta(Heads):
    def forward(self, features):
        return [z.to("meta") for z in super().forward(features)]


class DoubleLogits(Heads):
    def forward(self, features):
        return [z.double() for z in super().forward(features)]


class NormalisesInPlace(Heads):
    def forward(self, features):
        features -= features.mean()
        return super().forward(features)


class EatsSizes(Heads):
    def __init__(self, in_features, sizes):
        own = []
        while sizes:
            own.append(sizes.pop(0))
        super().__init__(in_features, own)


class Reversed(Heads):
    def forward(self, features):
        return super().forward(features)[::-1]


class ConstantLogits(Heads):
    def forward(self, features):
        return super().forward(0 * features)


class ReluFirst(Heads):
    def forward(self, features):
        return [head(features.relu()) for head in self.heads]


class HiddenReluWithoutBias(Heads):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(in_features, 9, bias=False), nn.ReLU(), nn.Linear(9, size))
            for size in sizes
        )


def a_list(in_features, sizes):
    return [nn.Linear(in_features, size) for size in sizes]


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (ListOfHeads, r"PyTorch finds no weights that learn .* A Python list hides layers"),
        (ListAndOneName, "weights of head 1 are not among"),
        (PlainTensors, "PyTorch finds no weights that learn in your module"),
        (OneHeadOften, r"sizes=\(3, 3\): heads 0 and 1 share weights"),
        (HeadsBySize, r"sizes=\(3, 3\): expected .* 2 logits .* got 1. Does the number of heads"),
        (LargestHeadCut, "heads 0 and 1 share weights"),
        (CommonLayer, "heads 0 and 1 share weights"),
        (SideBySide, "got all 10 logits side by side in one tensor"),
        (NotSplit, "got all 10 logits side by side in one tensor"),
        (NamedHeads, "got a dict. Here the heads have no names"),
        (GeneratedHeads, r"expected a list or tuple .* \(generator\)"),
        (
            FirstHeadOnly,
            r"expected a list or tuple .* got a tensor of shape \(5, 5\)\. Is the `return` inside",
        ),
        (ThreeFixedSizes, r"sizes=\(3, 3\): expected .* 2 logits .* got 3"),
        (ThreeFixedHeads, "IndexError.*Is the number of heads fixed"),
        (ThreeNamedSizes, "ValueError.*Is the number of heads fixed"),
        (NoSuperPlain, r"call super\(\).__init__\(\) first"),
        (BengaliSizes, r"head 0, batch of 5: expected shape \(5, 5\), got \(5, 168\)"),
        (Reversed, r"head 0, batch of 5: expected shape \(5, 5\), got \(5, 2\)"),
        (FixedFeatures, r"\(5x6 and 512x5\).* Does each head take in_features numbers"),
        (FeaturesOfTheFirstCase, r"in_features=4, .* Does each head take in_features numbers"),
        (InAndOutSwapped, r"\(5x6 and 5x6\).* Does each head take in_features numbers"),
        (SoftmaxHeads, "Head 0 is not linear. .* is there a softmax at the end"),
        (LogSoftmaxHeads, "Head 0 is not linear. .* is there a softmax at the end"),
        (SigmoidHeads, "No value is negative: is there a ReLU or a sigmoid"),
        (ReluHeads, "No value is negative: is there a ReLU or a sigmoid"),
        (HiddenLayers, "but one linear layer"),
        (ReluFirst, "Head 0 is not linear"),
        (HiddenReluWithoutBias, "Head 0 is not linear"),
        (MadeInForward, "two different answers to the same features. Is a layer made in"),
        (DetachedFeatures, "no gradient goes back to the features"),
        (ConstantLogits, "no gradient goes back to the features"),
        (DetachedLogits, r"Head 0: no gradient goes back. Is there a detach\(\) or no_grad\(\)"),
        (NoGradHeads, r"Head 0: no gradient goes back. Is there a detach\(\) or no_grad\(\)"),
        (FrozenHeads, "finds no weights that learn in your module, so no optimiser"),
        (Squeezed, r"batch of 1: expected shape \(1, 5\), got \(5,\)"),
        (PredictedClasses, r"expected shape \(5, 5\), got \(5,\)"),
        (NumbersOnly, "head 0, batch of 5: expected a tensor, got 0"),
        (ForgotReturn, r"got None \(NoneType\). Does `forward` end with `return`"),
        (NoForward, "NotImplementedError"),
        (
            NoSuperInit,
            r"AttributeError: cannot assign module before Module.__init__\(\).*call super\(\)",
        ),
        (EmptyWeights, "some logits are NaN or infinite"),
        (OnMeta, "got torch.float32 on meta"),
        (DoubleLogits, "expected float32 on cpu, .* got torch.float64 on cpu"),
        (NormalisesInPlace, "Your forward has changed the features"),
        (EatsSizes, "changed the list `sizes`"),
        (a_list, r"Expected an nn.Module, got .* \(list\)"),
        (nn.Linear, "Called with .* stopped with TypeError"),
        (lambda in_features, sizes: None if sizes else 0, r"Expected an nn.Module, got None"),
        (lambda in_features, sizes: 1 / 0, "stopped with ZeroDivisionError"),
        ("heads", "'str' object is not callable"),
    ),
)
def test_heads_wrong(answer, words):
    must_fail(checks.multi_head, answer, words)
