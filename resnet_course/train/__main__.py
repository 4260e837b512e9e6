"""`python -m resnet_course.train`: train one network from the command line."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from resnet_course.augment import Augment
from resnet_course.data import (
    DataUnavailableError,
    Splits,
    drawn_garments,
    fashion_mnist,
    hold_out,
    mnist,
)
from resnet_course.evidence import evidence
from resnet_course.resnet import CONFIGS, STEMS, create_model
from resnet_course.train.config import TrainConfig
from resnet_course.train.loop import fit

DATASETS: dict[str, Callable[[str | None, int | None], Splits]] = {
    "fashion-mnist": fashion_mnist,
    "mnist": mnist,
    "drawn-garments": lambda _, limit: drawn_garments(*([] if limit is None else [limit, limit])),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says; write weights, history and evidence into a folder."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        config = TrainConfig(
            epochs=options.epochs,
            batch_size=options.batch_size,
            lr=options.lr,
            weight_decay=options.weight_decay,
            label_smoothing=options.label_smoothing,
            augment=_augment(options),
            seed=options.seed,
        )
        splits = DATASETS[options.dataset](options.data, options.limit)
        if options.hold_out:
            splits = hold_out(splits, options.hold_out)
        torch.manual_seed(options.seed)
        overrides = {"stem": options.stem} if options.stem else {}
        model = create_model(
            options.model, in_channels=1, num_classes=len(splits.classes), **overrides
        )
        out = Path(options.out)
        out.mkdir(parents=True, exist_ok=True)  # before the hours of training, not after
    except (ValueError, DataUnavailableError, OSError) as error:
        parser.error(str(error))

    history = fit(model, splits, config, out=out, label=options.model)
    print(history)
    device = next(model.parameters()).device
    run = {
        **evidence(
            shlex.join(["python", "-m", "resnet_course.train", *arguments]),
            splits,
            device,
            config.bfloat16_on(device),
        ),
        "model": options.model,
        "seed": options.seed,
        "config": asdict(config),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "history": [asdict(row) for row in history],
    }
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    print(f"Weights, history and evidence are in {out}.")


def _augment(options: argparse.Namespace) -> Augment | None:
    if not (options.shift or options.flip or options.cutout):
        return None
    return Augment(options.shift, options.flip, options.cutout)


def _parser() -> argparse.ArgumentParser:
    default = TrainConfig()
    parser = argparse.ArgumentParser(
        prog="python -m resnet_course.train",
        description="Train a residual network on small grey pictures and measure it after each "
        "epoch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", default="resnet20", choices=CONFIGS, metavar="NAME", help=", ".join(CONFIGS))
    add("--stem", choices=STEMS, help="first layers of the network; if not given, the model's own")
    add("--epochs", type=int, default=default.epochs, help="passes over the training images")
    add("--batch-size", type=int, default=default.batch_size, help="images per step")
    add("--lr", type=float, default=default.lr, help="the highest learning rate of the run")
    add("--weight-decay", type=float, default=default.weight_decay, help="pull towards zero")
    add(
        "--label-smoothing",
        type=float,
        default=default.label_smoothing,
        help="share of each label that is spread over all classes",
    )
    add("--shift", type=int, default=0, help="move each picture by up to so many pixels")
    add("--flip", action="store_true", help="mirror each picture with probability 1/2")
    add("--cutout", type=int, default=0, help="cover a square of so many pixels a side")
    add("--seed", type=int, default=0, help="of weights, order and augmentation")
    add("--dataset", choices=DATASETS, default="fashion-mnist", help="which pictures")
    add("--data", metavar="FOLDER", help="folder of the pictures; if not given, see the README")
    add("--limit", type=int, metavar="N", help="use only N pictures to train and N to test")
    add(
        "--hold-out",
        type=int,
        default=0,
        metavar="N",
        help="test on N training pictures that are kept back: to choose a recipe",
    )
    add("--out", default="runs/latest", metavar="FOLDER", help="where the results go")
    return parser


if __name__ == "__main__":
    main()
