"""Everything that a training run needs to go on as if nothing had happened."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from resnet_course.data import Splits, TensorBatches
from resnet_course.resnet import ResNetConfig
from resnet_course.train import checkpoints
from resnet_course.train.batch_norm import synchronise
from resnet_course.train.checkpoints import CheckpointError
from resnet_course.train.config import TrainConfig
from resnet_course.train.history import EpochRow, History
from resnet_course.train.loaders import LoaderBatches, Loaders
from resnet_course.train.optimizers import describe_optimizer, make_optimizer, make_schedule
from resnet_course.train.processes import check_same, from_first, local_gpu, world
from resnet_course.train.randomness import random_states, set_random_states

KEYS = {  # of last.pt; best.pt has the first four
    *("model", "config", "epoch", "test_accuracy"),
    *("optimizer", "schedule", "random", "history", "bfloat16", "images", "network", "notes"),
}


class RunState:
    """A run between two epochs: the parts that change, and the names of those that must not.

    The model is moved to its device. `images` tells the pictures from others, see `fingerprint`.
    Raises a ValueError if images, optimiser and config do not fit together, or if other processes
    have others.
    """

    def __init__(
        self, model: nn.Module, splits: Splits | Loaders, config: TrainConfig, notes: dict[str, Any]
    ) -> None:
        self.model, self.config, self.notes = model, config, notes
        self.images = fingerprint(splits)
        check_same("images", self.images)
        check_same("settings", config.as_data())
        check_same("network", describe(model))
        check_same("notes", notes)
        self.device = device = _usable(config.device or local_gpu() or "cpu")
        # Pixels whose channels lie side by side in memory suit the convolutions of most processors.
        model.to(device, memory_format=torch.channels_last)
        if config.sync_batch_norm:
            synchronise(model)
        self.train, self.test = _batches(splits, config, device)
        self.images["steps per epoch"] = len(self.train)
        self.optimizer, self.settings = make_optimizer(model, config), config.as_data()
        if config.optimizer is not None:
            # Its name alone would not tell what it has made.
            self.settings["optimizer"] += f": {describe_optimizer(self.optimizer)}"
            check_same("optimiser", self.settings["optimizer"])
        self.schedule = make_schedule(self.optimizer, config, config.epochs * len(self.train))
        self.history = History(splits.source)
        # Decided once: a run that goes on elsewhere keeps it.
        self.bfloat16 = from_first(lambda: config.bfloat16_on(device))

    def save(self, folder: Path) -> None:
        """Write `best.pt`, `history.csv` and, at last, `last.pt`; errors as in `checkpoints.save`.

        A run that dies in between goes on from the epoch before, and writes the others again.
        """
        history = self.history
        if history.last is history.best:
            checkpoints.save(self._weights(), folder / "best.pt")
        checkpoints.store(folder / "history.csv", history.csv().encode())
        checkpoints.save(
            self._weights()
            | {
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "random": random_states(),
                "history": {k: v for k, v in asdict(history).items() if k != "interrupted"},
                "bfloat16": self.bfloat16,
                "images": self.images,
                "network": describe(self.model),
                "notes": self.notes,
            },
            folder / "last.pt",
        )

    def complete(self, folder: Path) -> None:
        """Write again what is missing beside `last.pt`, after `restore`.

        A `best.pt` that is gone can be written only if the last epoch was the best; else a warning
        says so. Raises a CheckpointError if a file cannot be written.
        """
        checkpoints.update(folder / "history.csv", self.history.csv().encode())
        if (folder / "best.pt").exists():
            return
        best = self.history.best
        if best is self.history.last:
            checkpoints.save(self._weights(), folder / "best.pt")
        else:
            warnings.warn(
                f"{folder / 'best.pt'} is missing: it held epoch {best.epoch}, and only an epoch "
                "that is better will write it again.",
                stacklevel=3,
            )

    def _weights(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "config": self.settings,
            "epoch": self.history.last.epoch,
            "test_accuracy": self.history.last.test_accuracy,
        }

    def restore(self, path: Path) -> None:
        """Take over the run that is kept in `path`, a `last.pt`.

        Raises a CheckpointError, and changes nothing, if it cannot be read or is of another run.
        """
        saved = from_first(lambda: checkpoints.load(path))
        missing = KEYS - saved.keys()
        if missing:
            hint = " It holds weights only: resume from last.pt." if "model" in saved else ""
            raise CheckpointError(
                f"{path} is no training run that could go on: it has no "
                f"{', '.join(sorted(missing))}.{hint}"
            )
        self._check(path, saved)
        for name in ("model", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(saved[name])
        self.history.rows = [EpochRow(**row) for row in saved["history"]["rows"]]
        self.history.step_losses = list(saved["history"]["step_losses"])
        self.bfloat16 = saved["bfloat16"]
        self.notes = self.notes or saved["notes"]
        set_random_states(saved["random"])

    def _check(self, path: Path, saved: Mapping[str, Any]) -> None:
        """Compare what must be equal, and name all that is not."""
        # Where a run computes may change from one machine to the next.
        config = self.settings | {"device": saved["config"].get("device")}
        shapes = [
            {key: tuple(value.shape) for key, value in weights.items()}
            for weights in (saved["model"], self.model.state_dict())
        ]
        # Runs before these were kept cannot tell theirs.
        scale = {name: self.images[name] for name in ("mean", "std") if name in self.images}
        told = [
            *_differences(saved["config"], config),
            *_differences(scale | saved["images"], self.images, prefix="images: "),
            *(_differences(saved["notes"], self.notes) if self.notes else ()),
            *_differences({"network": saved["network"]}, {"network": describe(self.model)}),
        ] or _differences(*shapes, missing="missing")[:1]  # one layer is enough
        if told:
            raise CheckpointError(
                f"{path} is of another run: {'; '.join(dict.fromkeys(told))}. Ask for the same "
                "again, or start a new run in another folder."
            )


def _batches(
    splits: Splits | Loaders, config: TrainConfig, device: torch.device
) -> tuple[TensorBatches, TensorBatches] | tuple[LoaderBatches, LoaderBatches]:
    if isinstance(splits, Loaders):
        splits.train.device = splits.test.device = device
        return splits.train, splits.test
    own, count = world(), len(splits.train_labels)
    if config.batch_size < own.size:
        raise ValueError(
            f"batch_size is {config.batch_size}, but {own.size} processes share a batch: each "
            "needs a picture at least."
        )
    # Batch norm needs two pictures, and every process a picture of every batch. A last batch that
    # is smaller is left out.
    least = max(2, own.size) if config.sync_batch_norm else 2 * own.size
    if config.batch_size >= least > count:
        raise ValueError(f"there are {count} training images: at least {least} are needed.")
    batches = partial(
        TensorBatches, mean=splits.mean, std=splits.std, device=device, part=(own.rank, own.size)
    )
    order = {"shuffle": True, "seed": config.seed, "drop_last": count % config.batch_size < least}
    training = splits.train_images, splits.train_labels, config.batch_size
    return (
        batches(*training, transform=config.augment, **order),
        batches(splits.test_images, splits.test_labels, 500),
    )


def _differences(
    was: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "", missing: str | None = None
) -> list[str]:
    """Say of every key whose values differ what both are; `missing` stands where there is none."""
    pairs = {key: (was.get(key, missing), now.get(key, missing)) for key in {**was, **now}}
    return [
        f"{prefix}{key} is {old} in the checkpoint and {new} here"
        for key, (old, new) in pairs.items()
        if old != new
    ]


def fingerprint(splits: Splits | Loaders) -> dict[str, Any]:
    """Return what tells one set of images from another: source, counts, a checksum and the scale.

    Of loaders, whose images may change from pass to pass, the number of batches.
    """
    if isinstance(splits, Loaders):
        counts = {"training": len(splits.train), "test": len(splits.test)}
        return {"source": splits.source} | {k: f"{n} batches" for k, n in counts.items()}
    checksum = 0
    for part in (splits.train_images, splits.train_labels, splits.test_images, splits.test_labels):
        checksum = zlib.crc32(part.contiguous().numpy(), checksum)
    return {
        "source": splits.source,
        "training": len(splits.train_labels),
        "test": len(splits.test_labels),
        "checksum": checksum,
        # Rounded: another processor may measure another last digit.
        "mean": np.round(splits.mean, 6).tolist(),
        "std": np.round(splits.std, 6).tolist(),
    }


def describe(model: nn.Module) -> str:
    """Return the class of a network and, for networks of this course, its configuration."""
    config = getattr(model, "config", None)
    return f"{type(model).__name__} {config if isinstance(config, ResNetConfig) else ''}".strip()


def _usable(device: str | torch.device) -> torch.device:
    """Return the device, or raise a ValueError if this computer has none of that kind."""
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device is {str(device)!r}, but there is none that works here ({reason}): leave it "
            'out, or say device="cpu".'
        ) from error
