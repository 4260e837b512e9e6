"""Run a network with other weights, and leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from resnet_course.train.inputs import check_initialized, run


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside torch.compile, DataParallel or DistributedDataParallel.

    Raises:
        ValueError: it has lazy layers that never ran.
    """
    check_initialized(model)
    while True:
        parallel = isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel))
        inner = model.module if parallel else getattr(model, "_orig_mod", model)
        if inner is model:
            return model
        model = inner


def run_aside(
    model: nn.Module,
    x: Tensor,
    stand_ins: Mapping[str, Tensor],
    use: Callable[[Any], Any] = lambda output: output,
) -> Any:
    """Run `model`, not wrapped, with other parameters and buffers, each by its name.

    Buffers that have no stand-in are copied, to take new running means. What the forward pass
    stores in the modules, such as the computed weight of `weight_norm`, is forgotten afterwards.

    Returns:
        what `use` makes of the output, while the model still has the other weights.
    """
    aside = _Aside(model, use)
    values = {name: buffer.clone() for name, buffer in aside.named_buffers()}
    values |= {f"model.{name}": value for name, value in stand_ins.items()}
    attributes = {module: dict(vars(module)) for module in model.modules()}
    try:
        with torch.compiler.set_stance("force_eager"):  # compiled code knows no stand-ins
            return run(model, x, lambda x: functional_call(aside, values, (x,)))
    finally:
        for module, before in attributes.items():
            module.__dict__ = before


class _Aside(nn.Module):
    def __init__(self, model: nn.Module, use: Callable[[Any], Any]) -> None:
        super().__init__()
        self.model, self.use = model, use

    def forward(self, x: Tensor) -> Any:
        return self.use(self.model(x))
