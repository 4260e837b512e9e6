"""Make the recorded results of the chapters: run the training command many times, then collect.

    python tests/benchmarks/record_runs.py run plain-and-residual --jobs 6 --runs runs
    python tests/benchmarks/record_runs.py run recipe --only "whitening and Muon, 3 epochs"
    python tests/benchmarks/record_runs.py collect plain-and-residual --runs runs

`run` starts the commands of one group, several at a time, and leaves one folder for each. Runs that
are finished already are left as they are; one that was interrupted begins again. A run has two
threads, or as many as OMP_NUM_THREADS says.
`collect` turns the folders of a group into `resnet_course/train/records/<group>.json`, those of the
group "shipped" into the weights that come with the package.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from resnet_course import TensorBatches, create_model, drawn_garments, evaluate, fashion_mnist
from resnet_course.train import checkpoints

PACKAGE = Path(__file__).resolve().parents[2] / "resnet_course"
COLUMNS = ("train_loss", "train_accuracy", "test_accuracy")
# Where several runs share a machine, their seconds say nothing about speed and are left out. These
# groups run one after the other on a machine that does nothing else (--jobs 1). In those of WHOLE
# the seconds are those of the whole command: all that is not training (the start of Python, the
# reading of the pictures, the whitening, the writing of files) counts as before the first epoch.
WHOLE = ("recipe", "recipe-half-hour")
TIMED = ("frontier", *WHOLE)
WHOLE_FILE = "seconds of the command.txt"
SHARED = ("commit", "hardware", "precision", "versions", "images")

SMALL = "--epochs 20 --batch-size 256 --lr 0.2 --shift 2 --flip"
FULL = "--stem cifar --batch-size 256 --weight-decay 5e-4 --shift 2 --flip --label-smoothing 0.1"
# Early downsampling, few channels where the maps are large, mirrored pictures, and measured on each
# picture and its mirror image.
SHORT = (
    "--stem-stride 2 --batch-size 192 --lr 0.4 --label-smoothing 0.1 --warm-up 0.2 --flip "
    "--flip-test"
)
MINUTE = f"--model resnet8 --widths 16 48 128 {SHORT} --epochs 5"
FIVE_MINUTES = f"--model resnet14 --widths 16 48 128 {SHORT} --epochs 13 --cutout 6"
# The same times with a whitening stem and Muon. single_effects.py confirms rate and smoothing for a
# minute, "recipe-tuning" chose the rate for five; half an hour takes it too. All else is not tuned.
QUICK = (
    "--stem whitening --optimizer muon --batch-size 256 --lr 0.1 --label-smoothing 0.05 "
    "--warm-up 0.2 --flip --flip-test"
)
QUICK_MINUTE = f"--model resnet8 --widths 32 64 128 {QUICK} --epochs 3"
QUICK_FIVE = f"--model resnet8 --widths 32 64 128 {QUICK} --lr 0.05 --epochs 15 --cutout 8"
QUICK_HALF_HOUR = (
    f"--model resnet14 --widths 32 96 256 {QUICK} --lr 0.05 --label-smoothing 0.1 --epochs 35 "
    "--shift 1 --cutout 8"
)
SHIPPED = "--model resnet14 --batch-size 256 --lr 0.2 --shift 2"
# group → label → options. The label is what the learner reads.
GROUPS: dict[str, dict[str, str]] = {
    "plain-and-residual": {
        name: f"--model {name} {SMALL}"
        for name in ("plain20", "resnet20", "resnext20_8x4d", "plain56", "resnet56")
    },
    "digits": {"resnet20": "--dataset mnist --model resnet20 --epochs 10 --lr 0.1 --shift 2"},
    "shipped": {
        "fashion-mnist": f"{SHIPPED} --flip --epochs 40",
        "drawn-garments": f"{SHIPPED} --dataset drawn-garments --epochs 20",
    },
    "tuning": {
        f"cutout {cutout}, lr {lr}": f"--model resnet18 {FULL} --epochs 20 --lr {lr} "
        f"--cutout {cutout} --hold-out 5000"
        for cutout, lr in ((0, 0.2), (8, 0.2), (12, 0.2), (8, 0.1))
    },
    # What to do with a minute, chosen on pictures kept back; the last line was taken.
    "frontier-tuning": {
        label: f"{command} --hold-out 5000"
        for label, command in {
            "16-32-64, 8 epochs": f"--model resnet8 {SHORT} --epochs 8",
            "32-64-128, 3 epochs": f"--model resnet8 --widths 32 64 128 {SHORT} --epochs 3",
            "16-48-128, 5 epochs, shift 2": f"{MINUTE} --shift 2",
            "16-48-128, 5 epochs, zero init": f"{MINUTE} --zero-init",
            "16-48-128, 5 epochs": MINUTE,
        }.items()
    },
    "frontier": {
        "resnet8, 3 epochs": f"--model resnet8 {SHORT} --epochs 3",
        "wide resnet8, 5 epochs": MINUTE,
        "wide resnet14, 13 epochs": FIVE_MINUTES,
    },
    # Not tuned: wider and longer than what was best in five minutes, with more augmentation.
    "half-hour": {
        "wider resnet14, 27 epochs": f"--model resnet14 --widths 32 96 256 {SHORT} --lr 0.2 "
        "--epochs 27 --shift 1 --cutout 8",
    },
    # On pictures kept back; what was best is in QUICK_FIVE.
    "recipe-tuning": {f"lr {lr}": f"{QUICK_FIVE} --lr {lr} --hold-out 5000" for lr in (0.05, 0.1)},
    # Both kinds on one machine, for what they do in the same time.
    "recipe": {
        "SGD, 5 epochs": MINUTE,
        "whitening and Muon, 3 epochs": QUICK_MINUTE,
        "SGD, 13 epochs": FIVE_MINUTES,
        "whitening and Muon, 15 epochs": QUICK_FIVE,
    },
    "recipe-half-hour": {"whitening and Muon, 35 epochs": QUICK_HALF_HOUR},
    "resnet18-and-34": {
        name: f"--model {name} {FULL} --epochs 30 --lr 0.2 --cutout 8"
        for name in ("resnet18", "resnet34")
    },
}
ONE_SEED = ("shipped", "tuning", "frontier-tuning", "recipe-tuning")


def main() -> None:
    """Run or collect one group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("run", "collect"))
    parser.add_argument("groups", nargs="+", choices=GROUPS)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", metavar="LABEL", help="run what has this label, nothing else")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--commit", help="of the package, where the copy that ran did not know it")
    options = parser.parse_args()
    if options.action == "run":
        if options.jobs > 1 and not set(TIMED).isdisjoint(options.groups):
            parser.error(f"{' and '.join(TIMED)}: the seconds count, so run one at a time.")
        tasks = [
            (shlex.split(command), seed, options.runs / group / label.replace(" ", "_") / str(seed))
            for group in options.groups
            for seed in range(1 if group in ONE_SEED else options.seeds)
            for label, command in GROUPS[group].items()
            if options.only in (None, label)
        ]
        if not tasks:
            parser.error(f"{options.only!r} is no label of {' or '.join(options.groups)}.")
        tasks = [task for task in tasks if not (task[2] / "run.json").exists()]
        with ThreadPoolExecutor(options.jobs) as pool:
            codes = list(pool.map(train, *zip(*tasks, strict=True))) if tasks else []
        sys.exit(any(codes))
    for group in options.groups:
        if group == "shipped":
            ship(group, options.runs / group, options.commit)
        else:
            collect(group, GROUPS[group], options.runs / group, options.commit)


def train(command: list[str], seed: int, out: Path) -> int:
    """Run one command to its end; print its last lines and return its exit code."""
    arguments = [*command, "--seed", str(seed), "--out", str(out)]
    whole = [sys.executable, "-m", "resnet_course.train", *arguments]
    threads = {"OMP_NUM_THREADS": "2", **os.environ}
    shutil.rmtree(out, ignore_errors=True)  # what an interrupted run has left
    start = time.perf_counter()
    done = subprocess.run(whole, capture_output=True, text=True, env=threads)
    if done.returncode == 0:
        (out / WHOLE_FILE).write_text(f"{time.perf_counter() - start:.2f}\n", encoding="utf-8")
    print(shlex.join(arguments), *(done.stdout + done.stderr[-500:]).splitlines()[-3:], sep="\n  ")
    return done.returncode


def read_run(folder: Path, commit: str | None) -> dict:
    """Read `run.json`; `commit` replaces what the copy of the course that ran did not know."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return run | ({"commit": f"{commit} (named by hand)"} if commit else {})


def collect(group: str, labels: Iterable[str], folder: Path, commit: str | None) -> None:
    """Write the record of one group."""
    runs, shared, dates = [], set(), set()
    columns = (*COLUMNS, "seconds") if group in TIMED else COLUMNS
    for label in labels:
        for path in sorted((folder / label.replace(" ", "_")).iterdir(), key=lambda p: int(p.name)):
            run = read_run(path, commit)
            shared.add(tuple((key, run[key]) for key in SHARED if key in run))
            dates.add(run["date"])
            # Where the runs lie on this machine is of no use on another.
            record = {"command": run["command"].replace(f"{folder.parent}/", "runs/")}
            record |= {key: run[key] for key in ("seed", "parameters")} | {"label": label}
            if group in WHOLE:
                whole = float((path / WHOLE_FILE).read_text(encoding="utf-8"))
                before = whole - run["history"][-1]["seconds"]
                run["history"] = [r | {"seconds": r["seconds"] + before} for r in run["history"]]
            curves = {key: [round(row[key], 5) for row in run["history"]] for key in columns}
            runs.append(record | curves)
    if len(shared) != 1:
        sys.exit(f"{group}: the runs do not come from one machine and one commit: {shared}")
    evidence = {**dict(*shared), "date": " to ".join(sorted({min(dates), max(dates)}))}
    head = json.dumps(evidence, indent=2).replace("\n}", "\n }")
    lines = ",\n  ".join(json.dumps(run) for run in runs)  # one run on each line: easy to compare
    text = f'{{\n "evidence": {head},\n "runs": [\n  {lines}\n ]\n}}\n'
    (PACKAGE / "train" / "records" / f"{group}.json").write_text(text, encoding="utf-8")
    print(f"{group}: {len(runs)} runs")


def ship(group: str, folder: Path, commit: str | None) -> None:
    """Store the last weights with 16 bits and measure what is stored."""
    for source in GROUPS[group]:
        run = read_run(folder / source / "0", commit)
        state = checkpoints.load(folder / source / "0" / "last.pt")["model"]
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        torch.save(state, PACKAGE / "train" / "weights" / f"{source}.pt")
        model = create_model(run["model"], in_channels=1)
        model.load_state_dict(state)
        splits = fashion_mnist() if source == "fashion-mnist" else drawn_garments()
        test = TensorBatches(
            splits.test_images, splits.test_labels, 500, mean=splits.mean, std=splits.std
        )
        run["test_accuracy"] = evaluate(model, test)
        text = json.dumps(run, indent=1) + "\n"
        (PACKAGE / "train" / "weights" / f"{source}.json").write_text(text, encoding="utf-8")
        print(f"{source}: {run['test_accuracy']:.2%} with the stored weights")


if __name__ == "__main__":
    main()
