"""Whether a run can begin: what is found here is told at once, and not after hours."""

from __future__ import annotations

import torch
from torch import nn

from resnet_course.data import Splits, check_splits, to_float
from resnet_course.train.config import TrainConfig
from resnet_course.train.inputs import check_initialized, check_labels, check_learns, check_model
from resnet_course.train.loaders import Loaders
from resnet_course.train.processes import world
from resnet_course.train.steps import predict
from resnet_course.train.whitening import check_whitened


def check_run(model: nn.Module, splits: Splits | Loaders, config: TrainConfig) -> None:
    """Look at everything, and try one picture, before anybody waits. Raises a ValueError."""
    check_model(model)
    if not isinstance(splits, (Splits, Loaders)):
        raise ValueError(
            "splits must be Splits, as fashion_mnist() or drawn_garments() returns them, or a pair "
            f"(training loader, test loader), got {type(splits).__name__}."
        )
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a TrainConfig, got {type(config).__name__}.")
    if isinstance(splits, Splits):
        check_splits(splits)
    elif config.augment is not None:
        raise ValueError(
            "augment changes the pictures of Splits, before they become floats: a loader changes "
            "its own, by a transform of its data set."
        )
    elif world().size > 1:
        raise ValueError("loaders train in one process: several share the pictures of Splits.")
    check_learns(model)
    check_whitened(model)
    check_initialized(model)
    if bad := not_finite(model):
        raise ValueError(
            f"{bad} holds numbers that are not finite (NaN or infinite), and training cannot mend "
            "them: make the model anew, or load other weights."
        )
    if isinstance(splits, Loaders):
        x, y = splits.test.first()
        logits, _ = predict(model, [(x[:1], torch.zeros(1, dtype=torch.int64))])
        splits.train.classes = splits.test.classes = logits.shape[1]
        splits.test.check(x, y)
        return
    picture = to_float(splits.train_images[:1], splits.mean, splits.std)
    classes = predict(model, [(picture, splits.train_labels[:1])])[0].shape[1]
    for labels in (splits.train_labels, splits.test_labels):
        check_labels(labels, len(labels), classes)


def not_finite(model: nn.Module) -> str:
    """Return the name of the first parameter that is not finite, or buffer with NaN, or ""."""
    for name, value in model.named_parameters():
        if not value.isfinite().all():
            return name
    # In a buffer, such as the mask of an attention, minus infinity can have its sense.
    return next((name for name, value in model.named_buffers() if value.isnan().any()), "")
