"""The optimiser of a run, and the schedule of its learning rate.

If `TrainConfig.optimizer` does not say otherwise, it is plain stochastic gradient descent with
Nesterov momentum. The learning rate rises to a peak and falls to nearly zero within the run (Smith
and Topin 2018, "Super-Convergence").
"""

from __future__ import annotations

from inspect import Parameter, signature

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from resnet_course.train.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Return the optimiser of a model that is on its device already.

    Raises:
        ValueError: `config.optimizer` returns something else, or an optimiser for another model, or
            one that needs more than the gradients of a step.
    """
    if config.optimizer is None:
        momentum = config.momentum
        return torch.optim.SGD(
            model.parameters(),
            config.lr,
            momentum,
            weight_decay=config.weight_decay,
            nesterov=momentum > 0,
        )
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
    """Return what moves the rate of every group in a run of so many steps: see `TrainConfig`."""
    warm_up = config.warm_up
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
