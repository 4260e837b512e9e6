"""`python -m resnet_course.train`: train one network from the command line.

One process on its own, or one of several that `torchrun` started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import torch

from resnet_course.data import DataUnavailableError, Splits, hold_out
from resnet_course.pictures.curves import history_curves
from resnet_course.resnet import ResNet
from resnet_course.start.environment import command_line
from resnet_course.train import checkpoints
from resnet_course.train.checkpoints import CheckpointError
from resnet_course.train.config import TrainConfig
from resnet_course.train.evidence import gather_evidence
from resnet_course.train.history import History
from resnet_course.train.loop import fit
from resnet_course.train.options import network, notes, pictures, read_options, train_config
from resnet_course.train.processes import from_first, gathered, joined, world
from resnet_course.train.state import KEYS
from resnet_course.train.whitening import whiten

WRONG_USE, INTERRUPTED = 2, 130  # exit codes, as argparse and shells have them
# What gloo and NCCL say when another process is gone. They raise plain RuntimeErrors.
LOST = ("onnection", "peer", "imed out", "gloo", "NCCL")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says; write weights, history and evidence into a folder."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    with (
        joined() as own,
        # What all processes would print alike, one prints.
        contextlib.redirect_stdout(sys.stdout if own.is_first else io.StringIO()),
    ):
        with _told(WRONG_USE, CheckpointError):
            options = read_options(arguments)
        train = _train if own.size == 1 else _train_together
        with _told(INTERRUPTED, KeyboardInterrupt), _terminated_as_interrupted():
            train(options, arguments)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, with which computers shut down and batch systems end a job, act as Ctrl-C."""

    def ended(number: int, _: object) -> NoReturn:
        raise KeyboardInterrupt(f"ended by signal {number}")

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _train_together(options: argparse.Namespace, arguments: list[str]) -> None:
    """Train as one of several processes; when another one is gone, say how to go on."""
    try:
        _train(options, arguments)
    except (RuntimeError, KeyboardInterrupt) as error:
        first_line = (str(error).strip().splitlines() or ["interrupted"])[0]
        if isinstance(error, RuntimeError) and not any(word in first_line for word in LOST):
            raise
        own, last = world(), Path(options.out) / "last.pt"
        if last.exists():
            kept = f"The finished epochs are in {last}: give the same command with --resume."
        elif own.is_first:
            kept = "No epoch was finished: give the same command again."
        else:  # process 0 writes, and it may run on another machine
            kept = "Process 0 says how to go on."
        text = f"error: process {own.rank} of {own.size} cannot go on ({first_line[:300]}). {kept}"
        os.write(2, f"\n{text}\n".encode())
        os._exit(1)  # to leave in order would be to wait for the others, who are gone


def _train(options: argparse.Namespace, arguments: list[str]) -> None:
    out, problem = Path(options.out), ""
    try:
        config = train_config(options)
        splits = pictures(options)
        if options.hold_out:
            splits = hold_out(splits, options.hold_out)
        torch.manual_seed(options.seed)
        model = network(options, len(splits.classes), splits.train_images.shape[1])
        if model.config.stem == "whitening" and options.weights is None:
            whiten(model, splits)
    except (ValueError, DataUnavailableError) as error:
        problem = str(error)  # as a text: not every error can travel to another process
    with _told(WRONG_USE, ValueError, CheckpointError):
        for one in filter(None, gathered(problem)):  # another machine may lack what is here
            raise ValueError(one)
        with checkpoints.taken(out):
            from_first(lambda: _spare_what_cannot_be_replaced(out, options.resume))
            command = f"python -m resnet_course.train {command_line(arguments)}"
            _fit(model, splits, config, options, command)


def _fit(
    model: ResNet, splits: Splits, config: TrainConfig, options: argparse.Namespace, command: str
) -> None:
    """Train, and leave all files of a finished run, wherever an earlier command died."""
    out, resume = Path(options.out), options.resume or False
    if resume:
        print(f"Going on from {resume}.")
    before = _written(out)
    with _told(1, CheckpointError, FloatingPointError, ValueError):
        history = fit(
            model, splits, config, out=out, resume=resume, label=options.model, notes=notes(options)
        )
        print(history)
        if history.interrupted:
            print(
                f"To go on, repeat the command with --resume. Finished epochs are in {out}."
                if len(history)
                else "No epoch was finished: there is nothing to resume."
            )
            sys.exit(INTERRUPTED)
        if world().is_first:
            _write_evidence(out, command, model, splits, history)
    if _written(out) == before:
        print(f"All epochs were finished already: the files in {out} stay as they are.")
    else:
        print(f"Weights, history and evidence are in {out}.")


def _write_evidence(
    out: Path, command: str, model: ResNet, splits: Splits, history: History
) -> None:
    """Write `run.json` and `history.svg`, unless they are there and tell of this run."""
    last, path = checkpoints.load(out / "last.pt"), out / "run.json"
    rows, name = last["history"]["rows"], last["notes"]["model"]
    if _told_rows(path) != rows:
        device = next(model.parameters()).device
        run = {
            **gather_evidence(command, splits, device, last["bfloat16"]),
            "processes": world().size,
            "model": name,
            "seed": last["notes"]["seed"],
            # A command that resumed a run does not name them all.
            "options": last["notes"],
            "config": last["config"],
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "history": rows,
        }
        checkpoints.store(path, (json.dumps(run, indent=1) + "\n").encode())
    checkpoints.update(out / "history.svg", str(history_curves(history, name)).encode())


def _told_rows(path: Path) -> list[dict[str, float]] | None:
    """Return the epochs of a `run.json`; None where there is none, or a damaged one."""
    try:
        return json.loads(path.read_bytes()).get("history")
    except (OSError, ValueError, AttributeError):
        return None


def _written(out: Path) -> dict[Path, int]:
    """Return when the files of a folder were written, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in out.glob("[!.]*")}


def _spare_what_cannot_be_replaced(out: Path, resume: Path | None) -> None:
    """Begin neither where an interrupted run waits nor over a foreign file: both would be lost.

    The files of a finished run are replaced. Raises a CheckpointError.
    """
    last = out / "last.pt"
    if not last.exists() or (resume is not None and resume.resolve() == last.resolve()):
        return
    state = checkpoints.load(last)
    if KEYS - state.keys():
        raise CheckpointError(f"{last} is not of this course: choose another --out, or move it.")
    done, epochs = state["epoch"], state["config"]["epochs"]
    if done < epochs:
        raise CheckpointError(
            f"{out} holds a run that ended after epoch {done} of {epochs}. Add --resume to go "
            "on with it, choose another --out, or delete the folder."
        )


@contextlib.contextmanager
def _told(code: int, *kinds: type[BaseException]) -> Iterator[None]:
    """End the program with a sentence, told by one process, where such an error is raised."""
    try:
        yield
    except kinds as error:
        if world().is_first:
            print(f"error: {str(error) or 'interrupted'}", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
