"""Train a classifier: one step, one epoch, one run; `python -m resnet_course.train --help`.

Read `config` (every number of a run), `steps` (one step, predictions, accuracy), `optimizers`,
`state` (a run that goes on where it was stopped, with `checkpoints` and `randomness`), `loop`
(`fit`) and `learning_rate`. `whitening` sets filters that need no training. `loaders` holds
pictures that are no `Splits`, `readiness` and `inputs` look before the first step, `history` keeps
the numbers, `watcher` shows the progress, `processes` and `batch_norm` share a run between
processes. `records` and `pretrained` hold results and weights of earlier runs.
"""

from resnet_course.train.checkpoints import CheckpointError
from resnet_course.train.config import TrainConfig, has_fast_bfloat16
from resnet_course.train.history import EpochRow, History
from resnet_course.train.learning_rate import RateTest, find_learning_rate
from resnet_course.train.loop import fit
from resnet_course.train.optimizers import Muon
from resnet_course.train.pretrained import torchvision_weights, trained_model, trained_record
from resnet_course.train.records import recorded, reported, spread
from resnet_course.train.steps import evaluate, evaluation_mode, predict, topk_accuracy, train_step
from resnet_course.train.watcher import ProgressBar, Watcher
from resnet_course.train.whitening import whiten

__all__ = [
    "CheckpointError",
    "EpochRow",
    "History",
    "Muon",
    "ProgressBar",
    "RateTest",
    "TrainConfig",
    "Watcher",
    "evaluate",
    "evaluation_mode",
    "find_learning_rate",
    "fit",
    "has_fast_bfloat16",
    "predict",
    "recorded",
    "reported",
    "spread",
    "topk_accuracy",
    "torchvision_weights",
    "train_step",
    "trained_model",
    "trained_record",
    "whiten",
]
