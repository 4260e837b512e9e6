"""Everything that a training run needs to go on as if nothing had happened."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from resnet_course.data import Splits, TensorBatches
from resnet_course.train import checkpoints
from resnet_course.train.checkpoints import CheckpointError
from resnet_course.train.config import TrainConfig
from resnet_course.train.history import EpochRow, History
from resnet_course.train.processes import from_first

KEYS = {  # of last.pt; best.pt has the first four
    *("model", "config", "epoch", "test_accuracy"),
    *("optimizer", "schedule", "random", "history", "bfloat16", "images", "network", "notes"),
}


@dataclass
class RunState:
    """A run between two epochs: the parts that change, and the names of those that must not.

    Attributes:
        model: the network, not wrapped.
        train: the training images.
        test: the images that measure it.
        optimizer: its parameters are the model's.
        schedule: of the learning rate.
        history: the finished epochs.
        config: how the run was asked to train.
        bfloat16: whether the run computes with 16 bits, decided once for all of it.
        images: which images, see `fingerprint`, and in how many steps an epoch shows them.
        notes: numbers and texts of the caller, such as the options of a command.
    """

    model: nn.Module
    train: TensorBatches
    test: TensorBatches
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    history: History
    config: TrainConfig
    bfloat16: bool
    images: dict[str, Any]
    notes: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write `best.pt`, `history.csv` and `last.pt`.

        `last.pt` comes last: a run that dies in between goes on from the epoch before, and writes
        the other two again.

        Raises:
            CheckpointError: a file cannot be written; the old one is still there.
        """
        history = self.history
        weights = {
            "model": self.model.state_dict(),
            "config": self.config.as_data(),
            "epoch": history.last.epoch,
            "test_accuracy": history.last.test_accuracy,
        }
        if history.last is history.best:
            checkpoints.save(weights, folder / "best.pt")
        checkpoints.store(folder / "history.csv", history.csv().encode())
        checkpoints.save(
            weights
            | {
                "optimizer": self.optimizer.state_dict(),
                "schedule": plain(self.schedule),
                "random": random_states(),
                "history": {k: v for k, v in asdict(history).items() if k != "interrupted"},
                "bfloat16": self.bfloat16,
                "images": self.images,
                "network": describe(self.model),
                "notes": self.notes,
            },
            folder / "last.pt",
        )

    def restore(self, path: Path) -> None:
        """Take over the run that is kept in `path`, a `last.pt`.

        Raises:
            CheckpointError: it cannot be read, or it is of another run; nothing is changed then.
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
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.history.rows = [EpochRow(**row) for row in saved["history"]["rows"]]
        self.history.step_losses = list(saved["history"]["step_losses"])
        self.bfloat16 = saved["bfloat16"]
        self.notes = self.notes or saved["notes"]
        set_random_states(saved["random"])

    def _check(self, path: Path, saved: Mapping[str, Any]) -> None:
        """Compare what must be equal, and name all that is not."""
        # Where a run computes may change from one machine to the next.
        config = self.config.as_data() | {"device": saved["config"].get("device")}
        told = [
            *_differences(saved["config"], config),
            *_differences(saved["images"], self.images, prefix="images: "),
            *(_differences(saved["notes"], self.notes) if self.notes else ()),
            *_differences({"network": saved["network"]}, {"network": describe(self.model)}),
        ]
        if not told:
            shapes = [
                {key: tuple(value.shape) for key, value in weights.items()}
                for weights in (saved["model"], self.model.state_dict())
            ]
            told = _differences(*shapes, missing="missing", here="in this model")
            told = told[:1]  # one is enough: the networks differ
        if told:
            raise CheckpointError(
                f"{path} is of another run: {'; '.join(dict.fromkeys(told))}. Ask for the same "
                "again, or start a new run in another folder."
            )


def _differences(
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    prefix: str = "",
    missing: str | None = None,
    here: str = "here",
) -> list[str]:
    """Say of every key whose values differ what both are; `missing` stands where there is none."""
    pairs = {key: (was.get(key, missing), now.get(key, missing)) for key in {**was, **now}}
    return [
        f"{prefix}{key} is {old} in the checkpoint and {new} {here}"
        for key, (old, new) in pairs.items()
        if old != new
    ]


def fingerprint(splits: Splits) -> dict[str, Any]:
    """Return what tells one set of images from another: source, counts and a checksum."""
    checksum = 0
    for part in (splits.train_images, splits.train_labels, splits.test_images, splits.test_labels):
        checksum = zlib.crc32(part.contiguous().numpy(), checksum)
    return {
        "source": splits.source,
        "training": len(splits.train_labels),
        "test": len(splits.test_labels),
        "checksum": checksum,
    }


def plain(schedule: LRScheduler) -> dict[str, Any]:
    """Return the state of a schedule without functions: a checkpoint holds data only.

    Before torch 2.4 OneCycleLR counts the function of its curve among its state.
    """
    return {key: value for key, value in schedule.state_dict().items() if not callable(value)}


def describe(model: nn.Module) -> str:
    """Return the class of a network and, for networks of this course, its configuration."""
    return f"{type(model).__name__} {getattr(model, 'config', '')}".strip()


def random_states() -> dict[str, Any]:
    """Return the state of every generator that a network or a transform may draw from."""
    kind, keys, *rest = np.random.get_state()
    version, numbers, spare = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
        "numpy": [kind, keys.tolist(), *rest],
        "python": [version, list(numbers), spare],
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Set all generators as `random_states` found them."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    version, numbers, spare = states["python"]
    random.setstate((version, tuple(numbers), spare))
