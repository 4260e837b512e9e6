"""The exercises of chapter 01: one slope, many slopes, the gradient of every layer."""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answer_tools import must_fail as fails
from answer_tools import must_pass as passes
from torch import nn

from resnet_course import checks
from resnet_course.checks import answers, gradients, questions, slopes
from resnet_course.checks.exercise import EXERCISES
from resnet_course.measure.gradients import gradient_norms

NAMES = ("sigmoid_slope", "slope_bound", "gradient_norms")


def table(*rows):
    """(name, answer, …) as parameters with readable ids."""
    return pytest.mark.parametrize(
        ("answer", "message")[: len(rows[0]) - 1],
        [row[1:] for row in rows],
        ids=[r[0] for r in rows],
    )


def raises(*_):
    raise KeyError("weight")


# The slope of the sigmoid.


def slope_by_autograd(z):
    z = z.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(torch.sigmoid(z).sum(), z)
    return slope


def slope_by_backward(z):
    z = z.clone().detach()
    z.requires_grad = True
    torch.sigmoid(z).sum().backward()
    return z.grad


def slope_number_by_number(z, *, steps=None):
    flat = z.reshape(-1).tolist()
    found = [0.0 if abs(n) > 700 else 1 / (math.exp(n) + 2 + math.exp(-n)) for n in flat]
    return torch.tensor(found, dtype=z.dtype).reshape(z.shape)


def slope_by_vmap(z):
    return torch.func.vmap(torch.func.grad(torch.sigmoid))(z.reshape(-1)).view_as(z)


def slope_through_numpy(z):
    half = np.tanh(z.numpy() / 2)
    return torch.as_tensor((1 - half**2) / 4, dtype=z.dtype)


class Slope(nn.Module):
    def forward(self, z):
        s = nn.Sigmoid()(z)
        return s - s * s


@table(
    ("sigma times the rest", lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))),
    ("two sigmoids", lambda z: z.sigmoid() * (-z).sigmoid()),
    ("by tanh", lambda z: (1 - torch.tanh(z / 2) ** 2) / 4),
    ("by cosh", lambda z: 0.5 / (1 + torch.cosh(z))),
    ("by autograd", slope_by_autograd),
    ("by backward", slope_by_backward),
    ("number by number", slope_number_by_number),
    ("exp of the size", lambda z: (-z.abs()).exp() / (1 + (-z.abs()).exp()) ** 2),
    ("a module", Slope()),
    ("with a gradient", lambda z: Slope()(z.clone().requires_grad_())),
    (
        "by jacobian",
        lambda z: torch.func.vmap(torch.func.grad(torch.sigmoid))(z.reshape(-1)).view_as(z),
    ),
    (
        "through numpy",
        lambda z: torch.from_numpy(
            np.asarray(0.25 / np.cosh(np.clip(z / 2, -99, 99).numpy()) ** 2)
        ).to(z.dtype),
    ),
)
def test_a_right_slope_passes(answer):
    passes(checks.sigmoid_slope, answer)


def slope_left_in_grad(z):
    z.requires_grad_()
    torch.sigmoid(z).sum().backward()
    return z.grad


def slope_of_mean(z):
    z = z.clone().requires_grad_()
    return torch.autograd.grad(torch.sigmoid(z).mean(), z)[0]


def slope_in_place(z):
    z.sigmoid_()
    return z * (1 - z)


def rough_slope(z, step=0.001):
    return (torch.sigmoid(z + step) - torch.sigmoid(z - step)) / (2 * step)


@table(
    (
        "sigma",
        torch.sigmoid,
        r"z = -2: expected 0.104994, got 0.119203. That is the sigmoid itself",
    ),
    ("sigma squared", lambda z: torch.sigmoid(z) ** 2, "That is σ.z.². The second factor"),
    ("only the rest", lambda z: 1 - torch.sigmoid(z), "That is 1 − σ.z.. One factor is missing"),
    ("brackets", lambda z: z.sigmoid() * 1 - z.sigmoid(), "Are brackets missing"),
    ("plus", lambda z: z.sigmoid() * (1 + z.sigmoid()), "Is there a . where a − belongs"),
    ("falling", lambda z: z.sigmoid() * (z.sigmoid() - 1), "The sign is wrong"),
    ("z for sigma", lambda z: z.sigmoid() * (1 - z), "The second factor has z in it"),
    ("always a quarter", lambda z: 0.25 + 0 * z, "largest slope, at z = 0 only"),
    ("of tanh", lambda z: 1 - z.tanh() ** 2, "That is the slope of tanh"),
    ("of the mean", slope_of_mean, "the slope of the mean"),
    (
        "exp overflows",
        lambda z: (-z).exp() / (1 + (-z).exp()) ** 2,
        "z = -1000: .* got nan. Is there an exp. That of a large",
    ),
    ("rough", rough_slope, "only a rough slope"),
    ("rounded", lambda z: Slope()(z).round(decimals=3), "not exact. Is something rounded"),
    ("another function", lambda z: z.sin(), "z = 0 for example"),
    ("summed up", lambda z: Slope()(z).sum(), r"shape \(5,\), got shape \(\). Is something summed"),
    ("flat", lambda z: Slope()(z).reshape(-1), r"shape \(2, 3\), got shape \(6,\)"),
    ("left in grad", slope_left_in_grad, "Called again .* z.grad add up"),
    ("random", lambda z: Slope()(z) + 1e-9 + 0.1 * torch.rand_like(z), "Called again .* Random"),
    ("in place", slope_in_place, "has changed z in place"),
    (
        "nothing",
        lambda z: print(end=""),
        "got None .NoneType.. Does your function reach a `return`",
    ),
    ("a list", lambda z: Slope()(z).tolist(), "Expected a tensor of slopes, got .*list"),
    (
        "an array",
        lambda z: Slope()(z).numpy(),
        r"Expected a tensor of slopes, got an array of shape \(5,\)",
    ),
    ("nan", lambda z: z * float("nan"), "z = -2: expected 0.104994, got nan"),
    ("on meta", lambda z: z.to("meta"), "Expected torch.float32 on cpu, as z is, got .* on meta"),
    (
        "another type",
        lambda z: Slope()(z.float()),
        "torch.float64 on cpu, as z is, got torch.float32",
    ),
    ("raises", raises, "stopped with KeyError"),
    ("one number only", lambda z: math.exp(z), "stopped with"),
)
def test_a_wrong_slope_gets_its_message(answer, message):
    fails(checks.sigmoid_slope, answer, message)


# The bound.


def bound_by_loop(depth):
    left = 1
    for _ in range(depth):
        left *= 0.25
    return left


def bound_from_the_sigmoid(depth):
    half = torch.sigmoid(torch.tensor(0.0))
    return ((half * (1 - half)) ** depth).item()


@table(
    ("a power", lambda depth: 0.25**depth),
    ("a loop", bound_by_loop),
    ("pow", lambda depth: math.pow(1 / 4, depth)),
    ("two to the minus", lambda n: 2.0 ** (-2 * n)),
    ("exp and log", lambda n: math.exp(-n * math.log(4))),
    ("one over", lambda n: 1 / 4**n),
    ("from the sigmoid", bound_from_the_sigmoid),
    ("a tensor without axes", lambda n: torch.tensor(0.25) ** n),
    ("a NumPy number", lambda n: np.float64(0.25) ** n),
    ("recursive", lambda n: 0.25 if n == 1 else 0.25 * bound_by_loop(n - 1)),
    ("partial", functools.partial(pow, 0.25)),
)
def test_a_right_bound_passes(answer):
    passes(checks.slope_bound, answer)


@table(
    ("added", lambda n: 0.25 * n, "depth 2: expected 0.0625, got 0.5. The slopes are multiplied"),
    ("divided", lambda n: 0.25 / n, "A quarter is divided by the depth"),
    ("one half", lambda n: 0.5**n, "1/2 is the value of the sigmoid at 0"),
    ("one less", lambda n: 0.25 ** (n - 1), "One layer is missing"),
    ("one more", lambda n: 0.25 ** (n + 1), "One layer too many"),
    ("exchanged", lambda n: n**0.25, "Are base and exponent exchanged"),
    ("inverse", lambda n: 4**n, "how many times smaller"),
    ("lost", lambda n: 1 - 0.25**n, "what gets lost"),
    ("constant", lambda n: 0.25, "Where does the depth come in"),
    ("always thirty", lambda n: 0.25**30, "or always 30"),
    ("floor", lambda n: 1 // 4**n, "division // that rounds down"),
    ("ends early", lambda n: 1, "does the loop run"),
    ("zero missed", lambda n: 0.2498**n, "Is 0 among the z you try"),
    ("other", lambda n: 0.3**n, "Begin with depth 1"),
    ("slope at 1", lambda n: answers.sigmoid_slope(torch.tensor(1.0)).item() ** n, "at z = 1[.]"),
    ("slope at 1, rounded", lambda n: 0.197**n, "That is the slope at z = 1[.] Is 0 among the z"),
    ("value at 1", lambda n: torch.tensor(1.0).sigmoid().item() ** n, "value of the sigmoid at 1"),
    ("nothing", lambda n: print(end=""), "Expected the largest product, got None"),
    ("nan", lambda n: float("nan"), "got nan"),
    ("a word", lambda n: "0.25", "as a Python number, got '0.25' .str."),
    ("a truth", lambda n: True, "as a Python number, got True"),
    ("many numbers", lambda n: torch.full((n + 1,), 0.25), "One number for all of it"),
    ("on meta", lambda n: torch.tensor(0.25, device="meta"), "holds no numbers"),
    ("raises", raises, r"Called with \(1\), your code stopped with KeyError"),
)
def test_a_wrong_bound_gets_its_message(answer, message):
    fails(checks.slope_bound, answer, message)


# The gradient of every layer.


def layers_of(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}


def norms_by_backward(model, x, y):
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    return {name: m.weight.grad.norm().item() for name, m in layers_of(model).items()}


def norms_by_autograd(net, pictures, labels):
    layers = layers_of(net)
    loss = nn.CrossEntropyLoss()(net(pictures), labels)
    found = torch.autograd.grad(loss, [m.weight for m in layers.values()])
    return {n: float((g**2).sum() ** 0.5) for n, g in zip(layers, found, strict=True)}


def norms_by_parameters(model, x, y):
    for p in model.parameters():
        p.grad = None
    F.cross_entropy(model(x), y).backward()
    return {n: p.grad.norm() for n, p in model.named_parameters() if p.ndim >= 2}


def norms_of_a_copy(model, x, y):
    model = copy.deepcopy(model)
    model.zero_grad()
    (-F.log_softmax(model(x), 1)[torch.arange(len(y)), y]).mean().backward()
    return {n: np.linalg.norm(m.weight.grad.numpy()) for n, m in layers_of(model).items()}


def norms_and_clean_up(model, x, y):
    old = [p.grad for p in model.parameters()]
    norms = norms_by_backward(model, x, y)
    for p, grad in zip(model.parameters(), old, strict=True):
        p.grad = grad
    return dict(reversed(norms.items()))


def norms_by_hooks(model, x, y):
    norms, handles = {}, []
    for name, m in layers_of(model).items():

        def note(gradient, name=name):
            norms[f"{name}.weight"] = gradient.square().sum().sqrt().item()

        handles.append(m.weight.register_hook(note))
    F.cross_entropy(model(x), y).backward()
    for handle in handles:
        handle.remove()
    return norms


@table(
    ("backward", norms_by_backward),
    ("autograd", norms_by_autograd),
    ("named parameters, tensors", norms_by_parameters),
    ("a copy, NumPy", norms_of_a_copy),
    ("old gradients put back, another order", norms_and_clean_up),
    ("hooks", norms_by_hooks),
    ("the package", gradient_norms),
)
def test_right_norms_pass(answer):
    passes(checks.gradient_norms, answer)


def wrong(
    size=torch.linalg.vector_norm,
    *,
    loss=F.cross_entropy,
    zero=True,
    kinds=(nn.Conv2d, nn.Linear),
    mode=None,
    by_path=True,
    step=False,
):
    """An answer as a learner would write it, with one thing wrong."""

    def norms(model, x, y):
        if mode is not None:
            model.train(mode)
        if zero:
            model.zero_grad()
        loss(model(x), y).backward()
        if step:
            torch.optim.SGD(model.parameters(), 0.1).step()
        modules = model.named_modules() if by_path else model.named_children()
        return {n: size(m.weight.grad) for n, m in modules if isinstance(m, kinds)}

    return norms


def norms_of_weights(model, x, y):
    return {name: m.weight.norm().item() for name, m in layers_of(model).items()}


def with_biases(model, x, y):
    norms_by_backward(model, x, y)
    return {n: p.grad.norm().item() for n, p in model.named_parameters()}


def zeroed_too_late(model, x, y):
    F.cross_entropy(model(x), y).backward()
    norms = {name: m.weight.grad.norm().item() for name, m in layers_of(model).items()}
    model.zero_grad()
    return norms


def zeroed_after_backward(model, x, y):
    F.cross_entropy(model(x), y).backward()
    model.zero_grad(set_to_none=False)
    return {name: m.weight.grad.norm().item() for name, m in layers_of(model).items()}


def zeroes_what_is_not_there(model, x, y):
    for p in model.parameters():
        p.grad.zero_()
    return norms_by_backward(model, x, y)


def weight_and_bias(model, x, y):
    norms_by_backward(model, x, y)
    return {
        n: math.hypot(*(p.grad.norm().item() for p in m.parameters()))
        for n, m in layers_of(model).items()
    }


def weight_and_bias_in_a_row(model, x, y):
    norms_by_backward(model, x, y)
    return {
        n: torch.cat([p.grad.flatten() for p in m.parameters()]).norm().item()
        for n, m in layers_of(model).items()
    }


def weight_and_bias_added(model, x, y):
    norms_by_backward(model, x, y)
    return {n: sum(p.grad.norm() for p in m.parameters()) for n, m in layers_of(model).items()}


def no_backward(size):
    def norms(model, x, y):
        model.zero_grad()
        F.cross_entropy(model(x), y)
        return {name: size(m.weight.grad) for name, m in layers_of(model).items()}

    return norms


def no_backward_and_leaves_out(model, x, y):
    model.zero_grad()
    F.cross_entropy(model(x), y)
    layers = layers_of(model).items()
    return {n: m.weight.grad.norm() for n, m in layers if m.weight.grad is not None}


def loss_of_x(model, x, y):
    F.cross_entropy(x, y).backward()
    return {name: m.weight.grad.norm().item() for name, m in layers_of(model).items()}


def in_evaluation_and_back(model, x, y):
    mode = model.training
    norms = wrong(mode=False)(model, x, y)
    model.train(mode)
    return norms


def in_training_and_back(model, x, y):
    mode = model.training
    norms = wrong(mode=True)(model, x, y)
    model.train(mode)
    return norms


def freezes(model, x, y):
    norms = norms_by_backward(model, x, y)
    model.requires_grad_(False)
    return norms


def spoils_pictures(model, x, y):
    return norms_by_backward(model, x.div_(2), y)


def switches_off(model, x, y):
    norms = norms_by_backward(model, x, y)
    torch.set_grad_enabled(False)
    return norms


def without_gradients(model, x, y):
    with torch.no_grad():
        return norms_by_backward(model, x, y)


def total_norm(model, x, y):
    norms = norms_by_backward(model, x, y)
    return dict.fromkeys(norms, math.hypot(*norms.values()))


def renamed(change):
    return lambda *given: {change(n): norm for n, norm in norms_by_backward(*given).items()}


def as_value(value):
    return lambda *given: dict.fromkeys(norms_by_backward(*given), value)


@table(
    ("sum", wrong(torch.sum), "sum of the entries. They have both signs"),
    ("mean", wrong(torch.mean), "mean of the entries. They have both signs"),
    ("mean size", wrong(lambda g: g.abs().mean()), "mean of the absolute values"),
    ("L1", wrong(lambda g: g.abs().sum()), "the L1 norm"),
    ("largest", wrong(lambda g: g.abs().max()), "the largest absolute value"),
    ("squared", wrong(lambda g: (g**2).sum()), "square of the norm: take the root"),
    ("root mean square", wrong(lambda g: (g**2).mean() ** 0.5), "root of the .mean."),
    ("std", wrong(torch.std), "standard deviation"),
    ("of weights", norms_of_weights, "norm of the weights. Their gradient"),
    (
        "sum over the batch",
        wrong(loss=lambda z, y: F.cross_entropy(z, y, reduction="sum")),
        "of the sum over the batch. Expected is the mean",
    ),
    ("stale", wrong(zero=False), "in training mode, layer .*Gradients add up"),
    ("cleared too late", zeroed_too_late, "Gradients add up"),
    ("cleared after backward", zeroed_after_backward, "It is 0: are the gradients cleared"),
    (
        "softmax first",
        wrong(loss=lambda z, y: F.cross_entropy(z.softmax(1), y)),
        "Is there a softmax",
    ),
    ("nll", wrong(loss=F.nll_loss), "`nll_loss` takes logarithms"),
    ("no labels", wrong(loss=lambda z, y: z.sum()), "gradient of the logits"),
    ("weight and bias", weight_and_bias, "weight and bias are taken together"),
    ("weight and bias in a row", weight_and_bias_in_a_row, "weight and bias are taken together"),
    ("weight and bias added", weight_and_bias_added, "norms of weight and bias are added"),
    ("no backward", no_backward(lambda g: g.norm().item()), "There is no gradient: .* backward"),
    ("no backward, power", no_backward(lambda g: (g**2).sum() ** 0.5), "There is no gradient"),
    ("no backward, linalg", no_backward(torch.linalg.vector_norm), "There is no gradient"),
    ("no backward, left out", no_backward_and_leaves_out, "an empty one.* There is no gradient"),
    ("loss of x", loss_of_x, "stopped with RuntimeError.* the loss computed from x itself"),
    (
        "arguments swapped",
        wrong(loss=lambda z, y: F.cross_entropy(y, z)),
        "The loss takes the logits first",
    ),
    ("loss not made", wrong(loss=nn.CrossEntropyLoss), "First make it, then call it"),
    ("evaluation", in_evaluation_and_back, "was switched to evaluation mode"),
    ("training", in_training_and_back, "was switched to training mode"),
    ("total", total_norm, "all gradients together"),
    ("other size", wrong(lambda g: g.norm() * 3), "work out its length by hand"),
    ("eval stays", wrong(mode=False), "came in training mode, and your function has switched it"),
    ("train stays", wrong(mode=True), "came in evaluation mode, and your function has switched it"),
    (
        "no convolutions",
        wrong(kinds=nn.Linear),
        "got fc. Missing: conv1, .* Do you collect Conv2d layers too",
    ),
    (
        "no linear layers",
        wrong(kinds=nn.Conv2d),
        "got an empty one. Missing: .* Do you collect Linear layers too",
    ),
    ("only the surface", wrong(by_path=False), "inside the parts of the model"),
    (
        "last part of the path",
        renamed(lambda n: n.rpartition(".")[2]),
        "use the whole path as a name",
    ),
    (
        "with batch norm",
        wrong(kinds=(nn.Conv2d, nn.Linear, nn.BatchNorm2d)),
        r"got bn1.* as well. Batch norm has a weight too",
    ),
    ("with biases", with_biases, "as well. A bias has a gradient too"),
    (
        "one more",
        lambda *given: norms_by_backward(*given) | {"loss": 2.0},
        "got loss as well. Only the layers",
    ),
    ("numbers as names", renamed(hash), "A name is a str"),
    ("takes a step", wrong(step=True), "has changed the weights of the model"),
    ("freezes", freezes, "has changed requires_grad of"),
    ("spoils the pictures", spoils_pictures, "has changed x or y"),
    ("gradients off", switches_off, "gradients are off for everybody.*in a `with` block.$"),
    ("no_grad", without_gradients, "stopped with RuntimeError"),
    ("zeroes None", zeroes_what_is_not_there, "stopped with AttributeError: 'NoneType'"),
    ("nothing", lambda model, x, y: None if len(x) else 0, "got None. Does your function end"),
    (
        "a list",
        lambda *given: list(norms_by_backward(*given).values()),
        "expected a dict with 3 layers, .*list",
    ),
    ("nan", as_value(float("nan")), "Expected the norm of layer .*, got nan"),
    ("None inside", as_value(None), "Expected the norm of layer .*, got None"),
    ("tensors inside", as_value(torch.ones(2)), "One number for all of it"),
    ("meta inside", as_value(torch.ones((), device="meta")), "holds no numbers"),
    ("raises", raises, "Called with .a Stack, a tensor of shape .8, 1, 4, 4.*KeyError"),
)
def test_wrong_norms_get_their_message(answer, message):
    fails(checks.gradient_norms, answer, message)


def test_the_oracle_agrees_with_the_package_and_leaves_the_model_alone():
    torch.manual_seed(3)
    for _, model, x, y in gradients._cases():
        before, old = copy.deepcopy(model.state_dict()), [p.grad for p in model.parameters()]
        theirs = gradient_norms(model, x, y)
        mine = gradients._norms()(questions.copied(model), x, y)
        assert list(mine) == list(theirs) and len(mine) >= 3
        assert all(math.isclose(mine[n], theirs[n], rel_tol=1e-4) for n in mine)
        now = model.state_dict().values()
        assert all(torch.equal(a, b) for a, b in zip(before.values(), now, strict=True))
        assert all(a is p.grad for a, p in zip(old, model.parameters(), strict=True))


def test_the_networks_have_what_a_careless_answer_overlooks():
    (_, fresh, *_), *others = gradients._cases()
    assert all(p.grad is None for p in fresh.parameters())
    assert [model.training for _, model, *_ in others] == [True, False]
    for _, model, *_ in others:
        assert all(p.grad.any() for p in questions.copied(model).parameters())
        assert any("." in name for name in layers_of(model))
        assert any(isinstance(m, nn.BatchNorm2d) for m in model.modules())


# What holds for all.


@pytest.mark.parametrize(
    ("check", "mistakes"),
    [
        (checks.sigmoid_slope, slopes.SLOPES),
        (checks.slope_bound, slopes.BOUNDS),
        (checks.gradient_norms, gradients.MISTAKES),
    ],
    ids=NAMES,
)
def test_every_known_mistake_is_wrong_and_gets_its_own_words(check, mistakes):
    for words, wrong_answer in mistakes:
        result = check(wrong_answer)
        assert not result and result.message.endswith(words), (words, result.message)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_a_right_answer(name):
    (answer,) = EXERCISES[name].answers
    passes(getattr(checks, name), answer)
    assert f"def {name}(" in checks.solution(name).data


def test_the_slope_never_passes_a_quarter():
    z = torch.linspace(-8, 8, 321, dtype=torch.float64)
    assert answers.sigmoid_slope(z).max() == answers.slope_bound(1)
