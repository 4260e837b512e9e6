"""The options of `python -m resnet_course.train`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from resnet_course.blocks import check_whole
from resnet_course.data import Splits, drawn_garments, fashion_mnist, image_folder, mnist
from resnet_course.data.augment import Augment
from resnet_course.data.cache import above, may_enter
from resnet_course.resnet import CONFIGS, STEMS, ResNet, create_model, load_torchvision
from resnet_course.train import checkpoints
from resnet_course.train.config import TrainConfig
from resnet_course.train.processes import from_first

DATASETS = ("fashion-mnist", "mnist", "drawn-garments", "folder")
# These may differ between a run and the command that resumes it: they change no number then.
WHERE = ("out", "resume", "data", "weights")
EXAMPLES = """\
several processes, here two on this machine:
  torchrun --standalone --nproc-per-node 2 -m resnet_course.train --model resnet18 ...
two machines, the same command on both with --node-rank 0 and 1:
  torchrun --nnodes 2 --node-rank 0 --nproc-per-node 4 --master-addr FIRST.MACHINE \\
      -m resnet_course.train --model resnet18 ...
They share every batch, so --batch-size and --lr stay as they are. With --sync-batch-norm the losses
are those of one process; without it, batch norm sees only the part of each process. (A last batch
that is too small to be shared is left out.)
"""


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; a mistake ends the program with a sentence.

    A command that resumes takes the options that it does not name from the checkpoint. `resume` is
    then its path, or None where `--resume` alone found no checkpoint in `--out`: a new run begins.
    `--resume FILE` without `--out` goes on in the folder of the file.

    Raises:
        CheckpointError: it cannot be read.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    path = from_first(lambda: checkpoints.to_resume(options.resume, options.out))
    if path is not None:
        saved = from_first(lambda: checkpoints.load(path))
        notes, known = saved.get("notes"), vars(options).keys() - set(WHERE)
        named = notes.items() if isinstance(notes, dict) else ()  # a foreign file has what it likes
        kept = {name: value for name, value in named if name in known}
        parser.set_defaults(**kept, out=str(path.parent))
        options = parser.parse_args(arguments)
    options.resume = path
    return options


def notes(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that make the run what it is, for its checkpoint."""
    own = {name: value for name, value in vars(options).items() if name not in WHERE}
    if options.dataset != "folder":  # the others have a size of their own
        del own["size"]
    return own


def pictures(options: argparse.Namespace) -> Splits:
    """Load the pictures.

    Raises:
        ValueError: they cannot be used.
        DataUnavailableError: MNIST is not there.
    """
    name, place, limit = options.dataset, options.data, options.limit
    if name == "folder":
        if place is None:
            raise ValueError("--dataset folder needs --data FOLDER, with a folder for each class.")
        if limit is not None:
            check_whole(1, **{"--limit": limit})
        splits = image_folder(place, options.size)
        parts = ("train_images", "train_labels", "test_images", "test_labels")
        return replace(splits, **{part: getattr(splits, part)[:limit] for part in parts})
    if name == "drawn-garments":
        return drawn_garments(*([] if limit is None else [limit, limit]))
    if place is not None:
        _refuse_pictures(above(Path(place).expanduser()), name)
    return {"fashion-mnist": fashion_mnist, "mnist": mnist}[name](place, limit)


def _refuse_pictures(folder: Path, dataset: str) -> None:
    """Raise a ValueError if a folder holds pictures of one's own, and not a data set."""
    known = {"fashion-mnist": "FashionMNIST", "mnist": "MNIST"}[dataset]
    if os.path.isfile(folder):  # noqa: PTH113  (Path raises where one may not look)
        raise ValueError(f"--data {folder} is a file: give a folder (unpack an archive first).")
    if not os.path.isdir(folder):  # noqa: PTH112
        return
    if not may_enter(folder):
        raise ValueError(f"--data {folder} may not be read: ask whose folder it is.")
    if any((folder / each).exists() for each in ("FashionMNIST", "MNIST")):
        return
    found = [
        each.name
        for each in sorted(folder.iterdir())
        if not each.name.startswith(".")
        and (each.is_dir() or (guess_type(each.name)[0] or "").startswith("image/"))
    ]
    if found:
        raise ValueError(
            f"{folder} has no folder {known}, but {', '.join(found[:3])}: for a folder of "
            "pictures for each class, say --dataset folder."
        )


def train_config(options: argparse.Namespace) -> TrainConfig:
    """Return how to train. Raises a ValueError for numbers outside their range."""
    augment = Augment(options.shift, options.flip, options.cutout)
    return TrainConfig(
        augment=augment if augment != Augment(0, False, 0) else None,
        optimizer=options.optimizer,
        bfloat16={"auto": None, "on": True, "off": False}[options.bfloat16],
        **{name: getattr(options, name) for name in RECIPE},
    )


def network(options: argparse.Namespace, classes: int, in_channels: int = 1) -> ResNet:
    """Build the network. Raises a ValueError for what cannot be built."""
    given = {name: getattr(options, name) for name in ("stem", "stem_stride", "widths", "depths")}
    changes = {name: value for name, value in given.items() if value is not None}
    changes |= {"num_classes": classes, "zero_init_residual": options.zero_init}
    model = create_model(options.model, in_channels=in_channels, **changes)
    if options.weights is not None:
        left_out = load_torchvision(model, options.weights)
        fresh = f"; {' and '.join(left_out)} begin anew" if left_out else ""
        print(f"Starting from {options.weights}{fresh}.")
    return model


# Numbers and switches of the recipe that `TrainConfig` has under the same name.
RECIPE = {
    "epochs": "passes over the training images",
    "batch_size": "images per step, of all processes together",
    "lr": "the highest learning rate of the run",
    "warm_up": "share of the run in which the learning rate rises",
    "weight_decay": "how strongly all weights are pulled towards zero",
    "label_smoothing": "share of each label that is spread over all classes",
    "flip_test": "measure with the mean answer to each picture and its mirror image",
    "seed": "start of all random numbers: weights, order, augmentation",
    "sync_batch_norm": "with several processes: batch norm over the whole batch, not each part",
}
RESUME = """go on from FILE (a last.pt), or without FILE from the one in --out; if there is none
yet, begin. Options that you do not name come from the checkpoint, but for
--data"""
OUT = """gets last.pt and history.csv after each epoch, best.pt after the best one, run.json at the
end"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m resnet_course.train",
        description="Train a residual network on small pictures and measure it after each epoch.",
        epilog=EXAMPLES,
        formatter_class=_Formatter,
    )
    number = {"type": int, "metavar": "N"}
    add = parser.add_argument_group("the network").add_argument
    add("--model", default="resnet20", choices=CONFIGS, metavar="NAME", help=", ".join(CONFIGS))
    add("--stem", choices=STEMS, help="first layers; if not given, the model's own")
    words = "stride of the first convolution; 2 instead of 1 leaves about a quarter of the work"
    add("--stem-stride", **number, help=words)
    for name, what in (("--widths", "channels"), ("--depths", "blocks")):
        words = f"{what} of each stage; if not given, the model's own"
        add(name, nargs="+", **number, help=words)
    add("--zero-init", action="store_true", help="let every block start as the identity")
    words = "start from these weights: a state dict of torchvision, or a last.pt"
    add("--weights", type=_place, metavar="FILE", help=words)

    add = parser.add_argument_group("the recipe").add_argument
    default = TrainConfig()
    for name, words in RECIPE.items():
        value, option = getattr(default, name), f"--{name.replace('_', '-')}"
        kind = {"action": "store_true"} if value is False else {"type": type(value)}
        add(option, **kind, default=value, help=words)
    add("--optimizer", choices=("muon",), help="what takes the steps; if not given, SGD")
    add("--shift", default=0, **number, help="move each picture by up to N pixels")
    add("--flip", action="store_true", help="mirror each picture with probability 1/2")
    add("--cutout", default=0, **number, help="cover a square of N×N pixels")

    add = parser.add_argument_group("the pictures").add_argument
    add("--dataset", choices=DATASETS, default="fashion-mnist", help="which pictures")
    data = "folder of the pictures; if not given, see the README"
    add("--data", type=_place, metavar="FOLDER", help=data)
    size = "height and width to which the pictures of --dataset folder are cut"
    add("--size", default=64, **number, help=size)
    add("--limit", **number, help="use only N pictures to train and N to test")
    hold_out = "test on N training pictures that are kept back: to choose a recipe"
    add("--hold-out", default=0, **number, help=hold_out)

    add = parser.add_argument_group("the run").add_argument
    add("--out", type=_place, default="runs/latest", metavar="FOLDER", help=OUT)
    add("--resume", type=_place, nargs="?", const=True, metavar="FILE", help=RESUME)
    bfloat16 = "compute with 16 bits; auto: where the processor has instructions for it"
    add("--bfloat16", choices=("auto", "on", "off"), default="auto", help=bfloat16)
    return parser


def _place(name: str) -> str:
    """Refuse "": it would mean the folder in which the command is given."""
    if not name:
        raise argparse.ArgumentTypeError("the name is empty")
    return name


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show defaults, and leave the examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False):  # "(default: False)" explains nothing
            return action.help
        return super()._get_help_string(action)
