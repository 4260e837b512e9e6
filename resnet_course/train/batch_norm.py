"""Batch norm over the whole batch when several processes share it.

Each process sees its part of a batch. Left alone, batch norm takes mean and variance of that part,
and eight processes with 16 images each train another network than one process with 128. torch's own
`SyncBatchNorm` adds the parts up, but on GPUs only. `SyncedBatchNorm2d` does it on the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_course.train.processes import world


def all_reduce(tensor: Tensor) -> Tensor:
    """Return the sum over all processes; its gradient is a sum too."""
    from torch.distributed.nn.functional import all_reduce as with_gradient  # not in every torch

    return with_gradient(tensor)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with mean and variance of the parts of all processes together.

    In: (batch, channels, height, width), float32 or 16 bits, the batch may differ between
    processes; out: the same shape. Gradients flow through the sums to every process.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; in evaluation mode, or alone, exactly as `nn.BatchNorm2d`."""
        if not self.training or world().size == 1:
            return super().forward(x)
        wide = x.float()
        values = wide.new_tensor([wide[:, 0].numel()])
        sums = all_reduce(torch.cat([wide.sum(dim=(0, 2, 3)), values]))
        count = sums[-1]  # values per channel, in all processes
        mean = sums[:-1] / count
        centred = wide - mean[:, None, None]
        # A second pass over the values: the difference of two large sums would lose digits.
        variance = all_reduce(centred.square().sum(dim=(0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach(), count)
        scale, shift = torch.rsqrt(variance + self.eps), torch.zeros_like(mean)
        if self.affine:
            scale, shift = scale * self.weight, self.bias
        return (centred * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / (count - 1), share)  # as torch: unbiased


def synchronise(model: nn.Module) -> nn.Module:
    """Return the model with every `BatchNorm2d` synchronised; weights and names stay.

    On a GPU every other kind of batch norm is too, on the CPU none is.
    Its modules are changed in place; only on a GPU can a model that is itself a batch norm be
    replaced by another object.
    """
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            # Nothing but the forward pass differs, so the module keeps its tensors and its place.
            module.__class__ = SyncedBatchNorm2d
    return model
