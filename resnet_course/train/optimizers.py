"""The optimiser of a run, and the schedule of its learning rate.

If `TrainConfig.optimizer` does not say otherwise, it is plain stochastic gradient descent with
Nesterov momentum; "muon" is a class of this module. The learning rate rises to a peak and falls to
nearly zero within the run (Smith and Topin 2018, "Super-Convergence").
"""

from __future__ import annotations

from inspect import Parameter, signature

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.optimizer import ParamsT

from resnet_course.train.config import OF_SGD, TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Return the optimiser of a model that is on its device already.

    Raises:
        ValueError: `config.optimizer` returns something else, or an optimiser for another model, or
            one that needs more than the gradients of a step.
    """
    numbers = {name: getattr(config, name) for name in OF_SGD}
    if config.optimizer is None:
        return torch.optim.SGD(model.parameters(), **numbers, nesterov=config.momentum > 0)
    if config.optimizer == "muon":
        return Muon(model.parameters(), **numbers)
    optimizer = config.optimizer(model)
    name = type(optimizer).__name__
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer must return an optimiser of torch.optim, but returns a {name}."
        )
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is Parameter.empty:
        raise ValueError(f"{name} asks for the loss many times in a step, which fit does not do.")
    own = set(map(id, model.parameters()))
    held = [value for group in optimizer.param_groups for value in group["params"]]
    if strange := sum(id(value) not in own for value in held):
        raise ValueError(
            f"{strange} of the {len(held)} tensors in the optimiser are not parameters of the "
            "model: let optimizer make it of the model that it gets."
        )
    if not any(value.requires_grad for value in held):
        raise ValueError("all parameters in the optimiser are frozen (requires_grad is False).")
    return optimizer


def make_schedule(optimizer: Optimizer, config: TrainConfig, steps: int) -> OneCycleLR:
    """Return what moves the rate of every group in a run of so many steps: see `TrainConfig`.

    A run of one step takes it at the highest rate.
    """
    warm_up = config.warm_up
    if steps == 1:  # the first of two steps, at the highest rate: the last would not train at all
        steps, warm_up = 2, 0.5
    if warm_up * steps == 1:  # OneCycleLR would divide by the 0 steps from first to highest
        warm_up *= 1 - 1e-9
    return OneCycleLR(
        optimizer,
        [float(group["lr"]) for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=warm_up,
        cycle_momentum=config.optimizer is None and config.momentum > 0,
    )


def highest_rate(optimizer: Optimizer) -> float:
    """Return the highest learning rate of a run, of all groups, once it has its schedule."""
    return max(group["max_lr"] for group in optimizer.param_groups)


def describe_optimizer(optimizer: Optimizer) -> str:
    """Return the class of an optimiser and, for each group, what differs from the class's defaults.

    Ask before the schedule is made: it moves the rates.
    """
    usual = signature(type(optimizer)).parameters
    groups = []
    for group in optimizer.param_groups:
        # As texts: a number may be a tensor.
        told = {k: str(v) for k, v in group.items() if k in usual and k != "params"}
        differ = [f"{k}={v}" for k, v in told.items() if k == "lr" or v != str(usual[k].default)]
        groups.append(f"{len(group['params'])} tensors with {', '.join(differ)}")
    return f"{type(optimizer).__name__}, {'; '.join(groups)}"


def orthogonalised(matrix: Tensor, steps: int = 3) -> Tensor:
    """Return about U Vᵀ for a matrix U S Vᵀ (rows, columns): its singular values come near to 1.

    They are divided by the matrix's length; then each Newton–Schulz step turns s into a·s + b·s³ +
    c·s⁵. What was above 0.02 is from 0.68 to 1.21 after three steps, above 0.002 after five.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # for the fastest growth (kellerjordan.github.io/posts/muon)
    tall = len(matrix) > matrix.shape[1]  # then its transpose has the smaller square
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Muon(Optimizer):
    """SGD with Nesterov momentum, whose steps for convolutions go equally far in all directions.

    Jordan et al. 2024; the numbers are those of github.com/KellerJordan/cifar10-airbench. (torch's
    own `Muon` takes matrices only.) The gradient of a convolution, as a matrix (out, in · k · k),
    has few large singular values: a plain step goes in few directions. `orthogonalised` makes all
    about 1. Before each step the weights get the length √out, so that `lr` alone says how far they
    turn: batch norm behind a convolution makes up for any length.

    Convolutions, the parameters with four axes, have the momentum 0.6 and no weight decay;
    `momentum` and `weight_decay` are those of all others. Raises a ValueError for wrong numbers.
    """

    def __init__(
        self, params: ParamsT, lr: float = 0.1, momentum: float = 0.9, weight_decay: float = 5e-4
    ) -> None:
        if not (lr > 0 and 0 <= momentum < 1 and weight_decay >= 0):
            wanted = "lr above 0, momentum from 0 to below 1 and weight_decay from 0 up"
            raise ValueError(f"Muon needs {wanted}, got {lr}, {momentum} and {weight_decay}.")
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step with the gradients that are there."""
        for group in self.param_groups:
            for weight in filter(lambda weight: weight.grad is not None, group["params"]):
                conv, gradient, state = weight.ndim == 4, weight.grad, self.state[weight]
                if not conv:
                    gradient = gradient.add(weight, alpha=group["weight_decay"])
                momentum = 0.6 if conv else group["momentum"]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                velocity = state["momentum_buffer"].mul_(momentum).add_(gradient)
                update = gradient.add(velocity, alpha=momentum)  # Nesterov's: one step further on
                if conv:
                    weight.mul_(len(weight) ** 0.5 / weight.norm().clamp(min=1e-7))
                    update = orthogonalised(update.flatten(1)).view_as(weight)
                weight.sub_(update, alpha=group["lr"])
