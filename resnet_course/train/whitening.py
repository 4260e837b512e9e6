"""A first layer that needs no training: filters that whiten patches of the pictures.

Neighbouring pixels say nearly the same. Whitened numbers do not: their covariance is the identity.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from resnet_course.data import Splits, check_splits, to_float
from resnet_course.train.inputs import check_model


@torch.no_grad()
def whiten(model: nn.Module, splits: Splits, eps: float = 5e-4) -> None:
    """Set the frozen filters of a whitening stem, in place; weights loaded later replace them.

    A filter is an eigenvector of the covariance of the patches in the first 5,000 training
    pictures, divided by √(eigenvalue + eps), so that what is little but noise stays quiet. That of
    the largest eigenvalue comes first; the negatives of all follow. See `resnet.whitening_stem`.

    Args:
        model: a `ResNet` with `stem="whitening"`.
        splits: its pictures.
        eps: more than 0.

    Raises:
        ValueError: the model has no such stem, or the pictures do not suit it.
    """
    check_model(model)
    check_splits(splits)
    layer, images = _filters(model), splits.train_images[:5_000]
    if layer is None:
        wanted = 'create_model(…, stem="whitening")'
        raise ValueError(f"{type(model).__name__} has no whitening stem: build it by {wanted}.")
    if images.shape[1] != layer.in_channels or min(len(images), *images.shape[2:]) < 4:
        wanted = f"{layer.in_channels} channels, 4×4 pixels or more, and be 4 at least"
        raise ValueError(f"the pictures must have {wanted}, got {tuple(images.shape)}.")
    count, mean, square = 0, 0, 0
    for part in images.split(50):  # all at once would take much memory
        x = to_float(part, splits.mean, splits.std).double()
        patches = F.unfold(x, layer.kernel_size, stride=layer.stride)
        patches = patches.movedim(1, 2).flatten(0, 1)  # a row for each
        count, mean = count + len(patches), mean + patches.sum(0)
        square = square + patches.T @ patches
    values, vectors = torch.linalg.eigh(square / count - (mean / count).outer(mean / count))
    vectors = torch.where(vectors[-1] < 0, -vectors, vectors)  # one sign on every machine
    filters = (vectors / (values.clamp(min=0) + eps).sqrt()).flip(1).T
    layer.weight.copy_(torch.cat([filters, -filters]).view_as(layer.weight))


def check_whitened(model: nn.Module) -> None:
    """Raise a ValueError if a whitening stem has frozen filters that are still random."""
    layer = _filters(model)
    if layer is not None and not layer.weight.requires_grad:
        filters, negatives = layer.weight.chunk(2)
        if not torch.equal(filters, -negatives):
            raise ValueError("the first filters are random and frozen: call whiten(model, splits).")


def _filters(model: nn.Module) -> nn.Conv2d | None:
    return getattr(getattr(model, "conv1", None), "whiten", None)
