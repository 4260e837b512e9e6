"""Train a classifier: one step, one epoch, one run; `python -m resnet_course.train --help`."""

from resnet_course.train.checkpoints import CheckpointError
from resnet_course.train.config import TrainConfig
from resnet_course.train.loop import fit
from resnet_course.train.precision import bfloat16_is_faster
from resnet_course.train.steps import evaluate, predict, topk_accuracy, train_step
from resnet_course.train.watch import ProgressBar, Watcher

__all__ = [
    "CheckpointError",
    "ProgressBar",
    "TrainConfig",
    "Watcher",
    "bfloat16_is_faster",
    "evaluate",
    "fit",
    "predict",
    "topk_accuracy",
    "train_step",
]
