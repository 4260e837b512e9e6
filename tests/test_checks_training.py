"""The exercises of chapter 05: every right way passes, every mistake gets its own words."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answer_tools import must_fail, must_pass, named
from torch import nn

from resnet_course import checks
from resnet_course.checks import measuring, training
from resnet_course.checks.exercise import EXERCISES
from resnet_course.checks.measuring import labelled_batches
from resnet_course.checks.practice import PracticeNet
from resnet_course.train import predict, topk_accuracy

NAMES = ("topk_accuracy", "train_step", "evaluate")


@pytest.mark.parametrize("name", NAMES)
def test_the_packages_own_answer_passes(name):
    must_pass(getattr(checks, name), EXERCISES[name].answers[0])
    assert f"def {name}(" in checks.solution(name).data


@pytest.mark.parametrize("name", NAMES)
def test_a_checker_leaves_random_numbers_and_gradient_mode_alone(name):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with torch.no_grad():
        must_pass(getattr(checks, name), EXERCISES[name].answers[0])
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (..., r"as a Python number, got Ellipsis"),
        ("0.5", r"as a Python number, got '0\.5' \(str\)"),
        ([0.5], r"as a Python number, got \[0\.5\] \(list\)"),
        (True, r"as a Python number, got True \(bool\)"),
        (float("nan"), "got nan. Was something divided by zero"),
        (float("inf"), "got inf. Was something divided by zero"),
        (np.float32("nan"), "got nan"),
        (torch.tensor(0.5), r"tensor with the number 0\.5: `\.item\(\)` takes the number out"),
        (torch.tensor([0.5]), r"shape \(1\): `\.item\(\)` takes the number out"),
        (torch.zeros(4), r"got a tensor of shape \(4\)\. One number for all of it is asked for"),
        (torch.zeros((), device="meta"), 'tensor on the device "meta", which holds no numbers'),
    ],
    ids=repr,
)
def test_what_is_no_number_gets_words(name, returned, words):
    must_fail(getattr(checks, name), lambda *_: returned, words)


@pytest.mark.parametrize("name", NAMES)
def test_none_raising_and_no_function_get_words(name):
    checker = getattr(checks, name)
    must_fail(checker, lambda a, *_: print(end=""), "got None. Does your function end with")
    must_fail(checker, lambda *_: 1 / 0, "stopped with ZeroDivisionError")
    must_fail(checker, lambda: 0.5, "stopped with TypeError")
    must_fail(checker, "answer", "'str' object is not callable")


# Top-k accuracy.


def by_topk(logits, labels, k):
    return (logits.topk(k, dim=1).indices == labels[:, None]).any(dim=1).float().mean().item()


def by_sorting(scores, right, how_many=1):
    best = scores.argsort(dim=-1, descending=True)[:, :how_many]
    return (best == right.unsqueeze(1)).sum().item() / len(right)


def by_rank(logits, labels, k):
    own = logits[torch.arange(len(labels)), labels]
    return float((logits.gt(own[:, None]).sum(1) < k).double().mean())


def by_softmax_first(logits, labels, k):
    probabilities = logits.softmax(dim=1)
    return (
        torch.isin(probabilities.topk(k).indices.sub(labels[:, None]), 0)
        .any(1)
        .float()
        .mean(0)
        .item()
    )


def by_loops(logits, labels, k):
    hits = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        places = sorted(range(len(row)), key=lambda place: row[place])
        hits += label in places[-k:]
    return Fraction(hits, len(labels))


def by_numpy(logits, labels, k):
    best = np.argsort(-logits.numpy(), axis=1)[:, :k]
    return np.mean([label in row for row, label in zip(best, labels.numpy(), strict=True)])


def by_numpy_32_bits(logits, labels, k):
    return np.float32(by_numpy(logits, labels, k))


class TopkObject:
    def __call__(self, *arguments):
        return by_topk(*arguments)


@pytest.mark.parametrize(
    "answer",
    **named(
        by_topk, by_sorting, by_rank, by_softmax_first, by_loops, by_numpy, by_numpy_32_bits,
        TopkObject(),
    ),
)  # fmt: skip
def test_topk_right(answer):
    must_pass(checks.topk_accuracy, answer)


def k_plus_one(logits, labels, k):
    return by_sorting(logits, labels, k + 1)


def k_minus_one(logits, labels, k):
    return by_sorting(logits, labels, k - 1)


def topk_plus_one(logits, labels, k):
    return by_topk(logits, labels, k + 1)


def raises_for_all_classes(logits, labels, k):
    return by_topk(logits, labels, k) if k < logits.shape[1] else [][0]


def rank_up_to_k(logits, labels, k):
    own = logits[torch.arange(len(labels)), labels]
    return (logits.gt(own[:, None]).sum(1) <= k).float().mean().item()


def argmax_only(logits, labels, k):
    return (logits.argmax(dim=1) == labels).float().mean().item()


def smallest(logits, labels, k):
    return by_topk(-logits, labels, k)


def sorted_upwards(logits, labels, k):
    return (logits.argsort(dim=1)[:, :k] == labels[:, None]).any(dim=1).float().mean().item()


def place_k_only(logits, labels, k):
    return (logits.topk(k).indices[:, -1] == labels).float().mean().item()


def number_of_hits(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).sum().item()


def percent(logits, labels, k):
    return 100 * by_topk(logits, labels, k)


def mistakes_counted(logits, labels, k):
    return 1 - by_topk(logits, labels, k)


def mean_of_comparisons(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).float().mean().item()


def divided_by_classes(logits, labels, k):
    return number_of_hits(logits, labels, k) / logits.shape[1]


def wrong_axis_sorted(logits, labels, k):
    best = logits.argsort(dim=0, descending=True)[:, :k]
    return (best == labels[:, None]).any(dim=1).float().mean().item()


def wrong_axis(logits, labels, k):
    return (logits.topk(k, dim=0).indices == labels[:, None]).any(dim=1).float().mean().item()


def values_not_places(logits, labels, k):
    return (logits.topk(k).values == labels[:, None]).any(dim=1).float().mean().item()


def no_second_axis(logits, labels, k):
    return (logits.topk(k).indices == labels).any(dim=1).float().mean().item()


def rounded_down(logits, labels, k):
    return number_of_hits(logits, labels, k) // len(labels)


def first_row_only(logits, labels, k):
    return float(labels[0] in logits[0].topk(k).indices)


def one_number_per_picture(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).any(dim=1)


def no_item(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).any(dim=1).float().mean()


def normalises_in_place(logits, labels, k):
    logits -= logits.mean(dim=1, keepdim=True)
    return by_topk(logits, labels, k)


def relabels_in_place(logits, labels, k):
    share = by_topk(logits, labels, k)
    labels.zero_()
    return share


def squeezes(logits, labels, k):
    best = logits.topk(k).indices.squeeze()
    return (best == labels[:, None]).any(dim=2).float().mean().item()


def axis_of_pictures(logits, labels, k):
    return (logits.argmax(dim=0) == labels).float().mean().item()


def places_of_pictures(logits, labels, k):
    return (logits.topk(k, dim=0).indices == labels).any(dim=1).float().mean().item()


def pair_for_places(logits, labels, k):
    return (logits.max(dim=1) == labels).float().mean().item()


def rounded_percent(logits, labels, k):
    return round(100 * by_topk(logits, labels, k), 1)


def rounded_to_one_digit(logits, labels, k):
    return round(by_topk(logits, labels, k), 1)


def first_picture_returns(logits, labels, k):
    hits = 0
    for row, label in zip(logits, labels, strict=True):
        hits += (label in row.topk(k).indices) + 0
        return hits / len(labels)
    return None


def any_without_axis(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).any().float().mean().item()


def any_counted(logits, labels, k):
    return (logits.topk(k).indices == labels[:, None]).any().sum().item() / len(labels)


def places_of_all_pictures(logits, labels, k):
    return sum(labels[i] in logits.topk(k).indices for i in range(len(labels))) / len(labels)


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (wrong_axis, r"Is there a topk\(dim=0\)\? It goes through the pictures"),
        (axis_of_pictures, r"Is there an argmax\(dim=0\)"),
        (places_of_pictures, r"Is there a topk\(dim=0\)"),
        (pair_for_places, "stopped with AttributeError.* gives a pair, values and places"),
        (rounded_percent, "It is in percent, and rounded"),
        (rounded_to_one_digit, "k = 3: .* It is rounded. Return all digits"),
        (first_row_only, "first picture alone: is the `return` inside the loop"),
        (first_picture_returns, "first picture alone, divided by all: is the `return` inside"),
        (any_without_axis, r"Is there an any\(\) without an axis"),
        (any_counted, r"Is there an any\(\) without an axis"),
        (places_of_all_pictures, "looked for among the places of all pictures"),
    ),
)
def test_topk_wrong_in_a_way_that_learners_met(answer, words):
    must_fail(checks.topk_accuracy, answer, words)


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (k_plus_one, r"5 pictures, 4 classes, k = 2: expected .* It is the share for k \+ 1"),
        (topk_plus_one, r"k = 2: .* It is the share for k \+ 1"),
        (raises_for_all_classes, "stopped with IndexError"),
        (rank_up_to_k, r"It is the share for k \+ 1"),
        (k_minus_one, "It is the share for k − 1"),
        (argmax_only, r"k = 2: .* It is always top-1"),
        (smallest, "the k smallest logits"),
        (sorted_upwards, "the k smallest logits"),
        (place_k_only, "Only the class in place k counts"),
        (number_of_hits, "It is the number of hits"),
        (percent, "It is in percent"),
        (mistakes_counted, "It is the share of mistakes"),
        (mean_of_comparisons, "mean taken over all k comparisons"),
        (divided_by_classes, "divided by the number of classes"),
        (wrong_axis_sorted, "Along which axis do the classes of one picture lie"),
        (wrong_axis, r"Called with \(a tensor of shape \(5, 4\).*RuntimeError.*labels need"),
        (values_not_places, "It is always 0. Do you compare labels with logits"),
        (
            no_second_axis,
            r"RuntimeError: The size of tensor a \(2\) must match.* shape do the labels need",
        ),
        (rounded_down, "It is rounded down to a whole number"),
        (first_row_only, "Work out a small case by hand"),
        (one_number_per_picture, r"got a tensor of shape \(5\)\. One number for all of it"),
        (no_item, r"`\.item\(\)` takes the number out"),
        (normalises_in_place, "changed the logits or the labels"),
        (relabels_in_place, "changed the logits or the labels"),
        (squeezes, "IndexError: Dimension out of range"),
    ),
)
def test_topk_wrong(answer, words):
    must_fail(checks.topk_accuracy, answer, words)


def test_topk_by_rank_is_that_of_the_package():
    logits, labels = torch.randn(40, 7), torch.randint(7, (40,))
    for k in range(1, 8):
        assert measuring._topk(logits, labels, k) == topk_accuracy(logits, labels, k)


# One training step.


def step_by_the_chapter(model, x, y, optimizer):
    model.train()
    optimizer.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_with_modules(net, pictures, labels, opt, scale=1.0):
    net.train(True)
    net.zero_grad(set_to_none=False)
    loss = nn.CrossEntropyLoss()(net(pictures), labels) * scale
    loss.backward()
    opt.step()
    return float(loss)


def step_with_closure(model, x, y, optimizer):
    model.train()

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def step_with_autograd_grad(model, x, y, optimizer):
    model.train()
    loss = -F.log_softmax(model(x.to(memory_format=torch.channels_last)), 1)[
        torch.arange(len(y)), y
    ].mean()
    weights = list(model.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    optimizer.step()
    return loss.detach().numpy().item()


def step_that_clears_late_too(model, x, y, optimizer):
    model.train()
    optimizer.zero_grad()
    loss = F.nll_loss(model(x).log_softmax(dim=1), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    model.eval()  # as it came
    return loss.detach().double().item()


def step_of_numpy_number(model, x, y, optimizer):
    return np.float32(step_by_the_chapter(model, x, y, optimizer))


@pytest.mark.parametrize(
    "answer",
    **named(
        step_by_the_chapter, step_with_modules, step_with_closure, step_with_autograd_grad,
        step_that_clears_late_too, step_of_numpy_number,
    ),
)  # fmt: skip
def test_step_right(answer):
    must_pass(checks.train_step, answer)


def in_order(order, loss=F.cross_entropy, mode=True):
    """Return a step of these acts, written apart from the checker's own `acts`."""

    def step(model, x, y, optimizer):
        if mode is not None:
            model.train(mode)
        value = None
        for letter in order:
            if letter == "z":
                optimizer.zero_grad()
            elif letter == "Z":
                optimizer.zero_grad(set_to_none=False)
            elif letter == "f":
                value = loss(model(x), y)
            elif letter == "b":
                value.backward()
            elif letter == "s":
                optimizer.step()
        return value.item()

    step.__name__ = order
    return step


def tensor_with_graph(model, x, y, optimizer):
    in_order("zfbs")(model, x, y, optimizer)
    return F.cross_entropy(model(x), y)


def own_optimizer(model, x, y, optimizer):
    return step_by_the_chapter(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))


def by_hand(model, x, y, optimizer):
    loss = in_order("zfb")(model, x, y, optimizer)
    with torch.no_grad():
        for weight in model.parameters():
            weight -= 0.1 * weight.grad
    return loss


def momentum_by_hand(model, x, y, optimizer):
    loss = in_order("zfb")(model, x, y, optimizer)
    with torch.no_grad():
        for weight in model.parameters():
            memory = getattr(weight, "memory", 0)
            weight.memory = 0.9 * memory + weight.grad
            weight -= 0.1 * weight.memory
    return loss


def only_norm_trains(model, x, y, optimizer):
    model.bn.train()
    return in_order("zfbs", mode=None)(model, x, y, optimizer)


def trains_a_copy(model, x, y, optimizer):
    return in_order("zfbs")(copy.deepcopy(model), x, y, optimizer)


def trains_another_net(model, x, y, optimizer):
    return in_order("zfbs")(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), x, y, optimizer)


def loss_of_its_own(model, x, y, optimizer):
    model.train()
    before = F.cross_entropy(model(x), y).item()
    in_order("zfbs")(model, x, y, optimizer)
    return before


def sum_returned_only(model, x, y, optimizer):
    return len(y) * in_order("zfbs")(model, x, y, optimizer)


def accuracy_returned(model, x, y, optimizer):
    in_order("zfbs")(model, x, y, optimizer)
    return 0.5


def no_backward_under_no_grad(model, x, y, optimizer):
    with torch.no_grad():
        return in_order("zfbs")(model, x, y, optimizer)


def clips(model, x, y, optimizer):
    loss = in_order("zfb")(model, x, y, optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    optimizer.step()
    return loss


def scales_x_in_place(model, x, y, optimizer):
    loss = in_order("zfbs")(model, x, y, optimizer)
    x /= 2
    return loss


def loss_is_nan(model, x, y, optimizer):
    return in_order("zfbs", lambda z, y: F.cross_entropy(z, y) * float("nan"))(
        model, x, y, optimizer
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (in_order("zfbsf"), "SGD, first step: the loss before .* It is the loss after the step"),
        (in_order("fbs"), "SGD, first step: the loss is right, but .* Gradients add up"),
        (in_order("fbsz"), "Gradients that somebody left behind"),
        (in_order("fbzs"), "no weight has moved. When the optimiser took its step, there was no"),
        (in_order("zfbZs"), "no weight has moved. When the optimiser took its step, there was no"),
        (in_order("zfs"), "no weight has moved. When the optimiser took its step, there was no"),
        (in_order("fs"), "moved with old gradients. Which call computes"),
        (in_order("zfb"), "no weight has moved. The gradients are there: who moves the weights"),
        (in_order("fb"), "no weight has moved. The gradients are there: who moves the weights"),
        (in_order("zfbss"), "The optimiser took two steps"),
        (tensor_with_graph, "holds on to all that was recorded .* `.item"),
        (own_optimizer, "SGD, second step: the loss is right, .* plain gradient descent"),
        (by_hand, "plain gradient descent. Is the optimiser that your function is given"),
        (momentum_by_hand, "^Adam, first step: the loss is right, but the weights went"),
        (only_norm_trains, "in evaluation mode when your step used it"),
        (trains_a_copy, r"no weight has moved.*A copy of the model would not count"),
        (trains_another_net, "does not call the model that it is given"),
        (loss_of_its_own, "the batch went through the model 2 times"),
        (sum_returned_only, "It is the sum over the batch. Expected is the mean"),
        (accuracy_returned, "Compare your lines with those of this chapter's loop"),
        (no_backward_under_no_grad, "RuntimeError: element 0 of tensors does not require grad"),
        (clips, "Compare your lines with those of this chapter's loop"),
        (scales_x_in_place, "Your function has changed x or y"),
        (loss_is_nan, "got nan"),
    ),
)
def test_step_wrong(answer, words):
    must_fail(checks.train_step, answer, words)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "It is the sum over the batch"),
        (lambda z, y: F.cross_entropy(z.softmax(1), y), "Is there a softmax before"),
        (lambda z, y: F.nll_loss(z, y), "`nll_loss` takes logarithms"),
        (lambda z, y: -F.cross_entropy(z, y), "The sign is wrong, so the weights climb"),
        (lambda z, y: F.mse_loss(z, F.one_hot(y, 3).float()), "Compare your lines"),
    ],
    ids=["sum", "softmax twice", "nll of logits", "sign", "squares"],
)
def test_step_with_another_loss(loss, words):
    must_fail(checks.train_step, in_order("zfbs", loss), words)


def slower_after_each_step(model, x, y, optimizer):
    loss = in_order("zfbs")(model, x, y, optimizer)
    for group in optimizer.param_groups:
        group["lr"] /= 2
    return loss


def divides_for_backward(model, x, y, optimizer):
    return len(y) * in_order("zfbs", lambda z, y: F.cross_entropy(z, y) / len(y))(
        model, x, y, optimizer
    )


def item_before_backward(model, x, y, optimizer):
    model.train()
    loss = F.cross_entropy(model(x), y).item()
    loss.backward()
    optimizer.step()
    return loss


def loss_of_pictures(model, x, y, optimizer):
    model.train()
    loss = F.cross_entropy(x, y)
    loss.backward()
    return loss.item()


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (slower_after_each_step, "The learning rate was 0.1, and after your function it is 0.05"),
        (divides_for_backward, "the step is 0.125 times as long as it should be"),
        (clips, "the step is 0.0.* times as long .* are the gradients clipped"),
        (item_before_backward, "stopped with AttributeError.* `item` makes a plain number"),
        (loss_of_pictures, "stopped with RuntimeError.* computed from x itself"),
        (in_order("zfs"), r"no weight has moved.* no gradient: backward\(\) is not called"),
        (in_order("fbzs"), "are the gradients cleared before"),
        (no_backward_under_no_grad, "Nothing is recorded on the way to the loss"),
    ),
)
def test_step_wrong_in_a_way_that_learners_met(answer, words):
    must_fail(checks.train_step, answer, words)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda z, y: nn.CrossEntropyLoss(z, y), "First make it, then call it"),
        (lambda z, y: F.cross_entropy(y, z), "The loss takes the logits first"),
        (lambda z, y: F.cross_entropy(z.argmax(1), y), "Is the loss computed from argmax"),
        (lambda z, y: F.cross_entropy(z.argmax(1).float(), y), "Is the loss computed from argmax"),
        (lambda z, y: F.mse_loss(z.argmax(1).float(), y.float()), "Is there .* an argmax"),
        (lambda z, y: F.mse_loss(z, y), "Is it `mse_loss`"),
        (lambda z, y: F.mse_loss(z, F.one_hot(y, 3).float()), "Is it the mean of squares"),
        (lambda z, y: F.mse_loss(z.softmax(1), F.one_hot(y, 3).float()), "squares of probabil"),
        (lambda z, y: F.cross_entropy(z, y) / len(y), "is the mean already"),
    ],
    ids=["not made", "swapped", "argmax", "argmax as float", "argmax and squares", "mse of labels",
         "squares", "squares of probabilities", "mean of a mean"],
)  # fmt: skip
def test_step_with_another_loss_that_learners_met(loss, words):
    must_fail(checks.train_step, in_order("zfbs", loss), words)


@pytest.mark.parametrize("mode", [None, False], ids=["left as it came", "eval"])
def test_step_in_evaluation_mode(mode):
    words = "in evaluation mode when your step used it"
    must_fail(checks.train_step, in_order("zfbs", mode=mode), words)


@pytest.mark.parametrize(
    ("check", "mistakes"),
    [
        (checks.train_step, training.MISTAKES),
        (checks.evaluate, measuring.EVALUATE),
        (checks.topk_accuracy, measuring.TOPK),
    ],
    ids=["train_step", "evaluate", "topk_accuracy"],
)
def test_every_known_mistake_is_wrong_and_gets_its_own_words(check, mistakes):
    for words, wrong_answer in mistakes:
        result = check(wrong_answer)
        assert not result and result.message.endswith(words), (words, result.message)


# Measuring.


def measured_by_the_chapter(model, batches):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in batches:
            logits = model(x)
            correct += (logits.argmax(dim=1) == y).sum().item()
            total += len(y)
    return correct / total


@torch.inference_mode()
def measured_and_restored(net, data):
    was = net.training
    net.train(False)
    hits = [(net(x).max(1).indices == y).float() for x, y in data]
    net.train(was)
    return torch.cat(hits).mean().item()


def measured_by_predict(model, batches):
    return topk_accuracy(*predict(model, batches))


def measured_by_weights(model, batches):
    model.eval()
    shares, sizes = [], []
    with torch.no_grad():
        for pictures, labels in list(batches):
            shares.append(np.mean((model(pictures).argmax(1) == labels).numpy()))
            sizes.append(labels.numel())
    return np.average(shares, weights=sizes)


def measured_on_a_copy(model, batches):
    with torch.no_grad():
        return measured_by_the_chapter(copy.deepcopy(model), batches)


def measured_picture_by_picture(model, batches):
    model.eval()
    hits = []
    for x, y in batches:
        for one, label in zip(x, y, strict=True):
            with torch.no_grad():
                hits.append(int(model(one[None]).argmax() == label))
    return Fraction(sum(hits), len(hits))


@pytest.mark.parametrize(
    "answer",
    **named(
        measured_by_the_chapter, measured_and_restored, measured_by_predict, measured_by_weights,
        measured_on_a_copy, measured_picture_by_picture,
    ),
)  # fmt: skip
def test_evaluate_right(answer):
    must_pass(checks.evaluate, answer)


def hits_and_sizes(model, batches, mode=False):
    model.train(mode)
    with torch.no_grad():
        return zip(
            *[((model(x).argmax(1) == y).sum().item(), len(y)) for x, y in batches], strict=True
        )


def no_eval(model, batches):
    hits, sizes = hits_and_sizes(model, batches, mode=True)
    return sum(hits) / sum(sizes)


def only_norm_in_eval(model, batches):
    model.bn.eval()
    with torch.no_grad():
        return np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in batches])


def with_gradients(model, batches):
    model.eval()
    both = [((model(x).argmax(1) == y).sum().item(), len(y)) for x, y in batches]
    return sum(h for h, _ in both) / sum(n for _, n in both)


def mean_of_means(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return np.mean([h / n for h, n in zip(hits, sizes, strict=True)])


def sum_of_means(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return sum(h / n for h, n in zip(hits, sizes, strict=True))


def count_of_hits(model, batches):
    hits, _ = hits_and_sizes(model, batches)
    return sum(hits)


def in_percent(model, batches):
    return 100 * measured_by_the_chapter(model, batches)


def errors(model, batches):
    return 1 - measured_by_the_chapter(model, batches)


def last_batch_only(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return hits[-1] / sizes[-1]


def first_batch_only(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return hits[0] / sizes[0]


def last_batch_dropped(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return sum(hits[:-1]) / sum(sizes[:-1])


def divided_by_batches(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return sum(hits) / len(sizes)


def all_as_large_as_the_first(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return sum(hits) / (len(sizes) * sizes[0])


def mean_confidence(model, batches):
    model.eval()
    with torch.no_grad():
        return np.mean([model(x).softmax(1).amax().item() for x, _ in batches])


def walks_twice(model, batches):
    total = sum(len(y) for _, y in batches)
    hits = 0
    model.eval()
    with torch.no_grad():
        for x, y in batches:
            hits += (model(x).argmax(1) == y).sum().item()
    return hits / total


def walks_twice_and_divides(model, batches):
    hits, _ = hits_and_sizes(model, batches)
    return sum(hits) / sum(len(y) for _, y in batches)


def walks_twice_but_calls(model, batches):
    hits, _ = hits_and_sizes(model, batches)
    return sum(hits) / max(1, sum(len(y) for _, y in batches))


def asks_for_the_length(model, batches):
    hits, sizes = hits_and_sizes(model, batches)
    return sum(hits) / sum(sizes) * len(batches) / len(batches)


def counts_a_data_set(model, batches):
    hits, _ = hits_and_sizes(model, batches)
    return sum(hits) / len(batches.dataset)


def gradients_off_for_ever(model, batches):
    torch.set_grad_enabled(False)
    return measured_by_the_chapter(model, batches)


def switches_parameters_off(model, batches):
    model.requires_grad_(False)
    return with_gradients(model, batches)


def leaves_training_mode(model, batches):
    share = measured_by_the_chapter(model, batches)
    model.train()
    return share


def resets_statistics(model, batches):
    share = measured_by_the_chapter(model, batches)
    model.bn.reset_running_stats()
    return share


def clears_gradients(model, batches):
    share = measured_by_the_chapter(model, batches)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    return share


def normalises_the_pictures(model, batches):
    batches = list(batches)
    share = measured_by_the_chapter(model, batches)
    for x, _ in batches:
        x -= x.mean()
    return share


def keeps_a_tensor(model, batches):
    return torch.tensor(measured_by_the_chapter(model, batches))


def never_asks_the_model(model, batches):
    return 0.9


@pytest.mark.parametrize(
    ("answer", "words"),
    **named(
        (no_eval, "The model, or a part of it, was in training mode when your function used it"),
        (
            only_norm_in_eval,
            "The model, or a part of it, was in training mode when your function used it",
        ),
        (with_gradients, r"everything was recorded for backward\(\)"),
        (
            mean_of_means,
            "a list with batches of 6, 6 and 2 pictures, 11 of 14 right: expected 0.785714, got "
            "0.722222. It is the mean of the accuracies",
        ),
        (sum_of_means, "It is the sum of the accuracies"),
        (count_of_hits, "It is the number of hits"),
        (in_percent, "It is in percent"),
        (errors, "It is the share of mistakes"),
        (last_batch_only, "It is the accuracy of the last batch alone"),
        (first_batch_only, "first batch alone: is the `return` inside the loop"),
        (last_batch_dropped, "The last batch is missing"),
        (divided_by_batches, "Are the hits divided by the number of batches"),
        (all_as_large_as_the_first, "as if it were as large as the first one"),
        (mean_confidence, "Work out a small case by hand"),
        (walks_twice, "2 loops over them, but a generator can be walked through only once"),
        (walks_twice_and_divides, "ZeroDivisionError.* 2 loops over the batches, but a generator"),
        (walks_twice_but_calls, "a generator can be walked through only once"),
        (
            asks_for_the_length,
            r"a generator of batches of 5, 3 and 1 pictures\), .* len\(\)\. `batches` is anything",
        ),
        (counts_a_data_set, "has no attribute 'dataset'. `batches` is anything that a `for` loop"),
        (gradients_off_for_ever, "gradients are off for everybody.*in a `with` block.$"),
        (switches_parameters_off, "changed `grad` or `requires_grad`"),
        (leaves_training_mode, "came in evaluation mode, and now it is in training mode"),
        (resets_statistics, "Measuring has changed the network: bn.running_mean, bn.running_var"),
        (clears_gradients, "changed `grad` or `requires_grad`"),
        (normalises_the_pictures, "Your function has changed the batches"),
        (keeps_a_tensor, r"`\.item\(\)` takes the number out"),
        (never_asks_the_model, "does not call the model that it is given"),
    ),
)
def test_evaluate_wrong(answer, words):
    must_fail(checks.evaluate, answer, words)
    assert torch.is_grad_enabled()


def counted(hit):
    def answer(model, batches):
        model.eval()
        correct = total = 0
        with torch.no_grad():
            for x, y in batches:
                correct += hit(model(x), y)
                total += len(y)
        return float(correct / total)

    return answer


def returns_in_the_loop(model, batches):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in batches:
            correct += (model(x).argmax(1) == y).sum().item()
            total += len(y)
            return correct / total
    return None


def percent_of_two_digits(model, batches):
    return round(100 * measured_by_the_chapter(model, batches), 2)


def whole_percent(model, batches):
    return round(100 * measured_by_the_chapter(model, batches))


def two_digits(model, batches):
    return round(measured_by_the_chapter(model, batches), 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (counted(lambda z, y: (z.max(dim=1) == y).sum().item()), "gives a pair, values and places"),
        (counted(lambda z, y: z.max(dim=1) == y), "always 0. `max` along an axis gives a pair"),
        (counted(lambda z, y: (z.argmax(dim=0) == y).sum()), r"Is there an argmax\(dim=0\)"),
        (returns_in_the_loop, "is the `return` inside the loop"),
        (percent_of_two_digits, "It is in percent, and rounded"),
        (whole_percent, "It is in percent, and rounded"),
        (two_digits, "It is rounded. Return all digits"),
    ],
    ids=["pair", "pair is False", "axis", "return", "percent", "whole percent", "two digits"],
)
def test_evaluate_wrong_in_a_way_that_learners_met(answer, words):
    must_fail(checks.evaluate, answer, words)


def test_the_practice_net_answers_differently_in_its_two_modes():
    net, x = PracticeNet().eval(), torch.randn(6, 1, 4, 4)
    with torch.no_grad():
        first = net(x)
        assert not torch.allclose(first, net.train()(x), atol=0.1)
    net(x)
    assert [(set(call.modes), call.records) for call in net.calls] == [
        ({False}, False),
        ({True}, False),
        ({True}, True),
    ]


def test_the_practice_net_names_every_class():
    net = PracticeNet().eval()
    batches = labelled_batches(net, [200], [200])
    assert set(batches[0][1].tolist()) == {0, 1, 2}
