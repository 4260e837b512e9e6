"""Results of earlier, longer training runs, with what made them.

A record is a JSON file in `resnet_course/train/records`, collected from the folders that
`python -m resnet_course.train` wrote. Nothing in it is typed by hand but for the commit where the
runs were made from a copy of the course that did not know it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

FOLDER = Path(__file__).parent / "records"


@dataclass(frozen=True)
class RecordedRun:
    """One training run: what made it, and its numbers after each epoch.

    `seconds` since the start are there only if the run had the machine for itself.
    """

    label: str
    command: str
    seed: int
    parameters: int
    train_loss: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Record:
    """Runs that belong together: several networks or recipes, several seeds each.

    `evidence` says with which commit, machine, versions and images they were made.
    """

    name: str
    evidence: dict[str, str]
    runs: tuple[RecordedRun, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What was compared, in the order of the record."""
        return tuple(dict.fromkeys(run.label for run in self.runs))

    def of(self, label: str) -> tuple[RecordedRun, ...]:
        """Return the runs of one label, one for each seed. Raises a ValueError if there is none."""
        found = tuple(run for run in self.runs if run.label == label)
        if not found:
            raise ValueError(f"no run {label!r} in {self.name!r}: choose one of {self.labels}.")
        return found

    def last(self, label: str, column: str) -> tuple[float, ...]:
        """Return the value of `column`, such as "test_accuracy", after the last epoch, by seed."""
        return tuple(getattr(run, column)[-1] for run in self.of(label))

    def curve(self, label: str, column: str) -> list[float]:
        """Return the mean over the seeds of `column` after every epoch."""
        columns = [getattr(run, column) for run in self.of(label)]
        return [mean(values) for values in zip(*columns, strict=True)]

    def header(self) -> str:
        """Return the evidence as lines of text: one command, what differs in the others, and so on.

        A learner who runs these commands makes the record again.
        """
        words = [run.command.split(" --") for run in self.runs]
        # Each word is an option with its value; those that not all runs share are what differs.
        differ = {w.split()[0] for run in words for w in run if any(w not in r for r in words)}
        others = "; the others differ in " + ", ".join(f"--{option}" for option in sorted(differ))
        lines = {
            "command": self.runs[0].command,
            "runs": f"{len(self.runs)}" + (others if differ else ""),
            **self.evidence,
            "seeds": ", ".join(map(str, sorted({run.seed for run in self.runs}))),
        }
        return "\n".join(f"{key:<9} {value}" for key, value in lines.items())

    def table(self) -> str:
        """Return the results, without the evidence: a line for each label."""
        width = max(map(len, self.labels))
        rows = [f"{'':{width}}  parameters  train loss  test accuracy: mean ± spread (runs)"]
        for label in self.labels:
            runs, accuracy = self.of(label), self.last(label, "test_accuracy")
            timed = f"  in {mean(self.last(label, 'seconds')):.0f} s" if runs[0].seconds else ""
            rows.append(
                f"{label:{width}}  {runs[0].parameters:10,}"
                f"  {mean(self.last(label, 'train_loss')):10.4f}  {spread(accuracy)}{timed}"
            )
        return "\n".join(rows)

    def __str__(self) -> str:
        return f"{self.header()}\n\n{self.table()}"


def spread(values: Sequence[float]) -> str:
    """Write shares as "93.12 % ± 0.15 (3)": mean, standard deviation and number of values."""
    deviation = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.2f} %{deviation} ({len(values)})"


def recorded(name: str) -> Record:
    """Load a record by name. Errors are those of `reported`."""
    content = json.loads(packaged(FOLDER, name))
    runs = (
        RecordedRun(**{k: tuple(v) if isinstance(v, list) else v for k, v in run.items()})
        for run in content["runs"]
    )
    return Record(name, content["evidence"], tuple(runs))


def reported(name: str) -> str:
    """Return what a benchmark printed, word for word: records/`name`.txt.

    Raises a ValueError if there is none; the message lists what there is.
    """
    return packaged(FOLDER, name, ".txt").rstrip()


def packaged(folder: Path, name: str, ending: str = ".json") -> str:
    """Return the text of a file in a folder of the package; errors as in `reported`."""
    there = sorted(path.stem for path in folder.glob(f"*{ending}"))
    if name not in there:
        raise ValueError(f"there is no {name!r} in the course: choose one of {', '.join(there)}.")
    return (folder / f"{name}{ending}").read_text(encoding="utf-8")
