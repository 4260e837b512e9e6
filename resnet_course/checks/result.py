"""What a checker says, and what the learner has passed: kept in their copy of the course."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from resnet_course.start.copies import RECORD
from resnet_course.start.files import write_whole

# From the least to the most. Colour, sign and word say the same thing three times: not everybody
# sees the colour.
LOOKS = {
    "untouched": ("#0072B2", "○", "Not attempted yet"),
    "wrong": ("#D55E00", "✗", "Not yet"),
    "passed": ("#009E73", "✓", "Passed"),
}
FILE, LOCK = Path("progress.json"), Path(".progress.lock")  # beside the notebooks


@dataclass(frozen=True)
class CheckResult:
    """The verdict on one answer; `bool(result)` is `result.passed`.

    Attributes:
        name: of the exercise.
        passed: the answer is right.
        attempted: the stub has been changed.
        message: what was expected, what came, and the likely cause; or praise.
        hints: from a nudge to nearly there, to unfold below the message.
    """

    name: str
    passed: bool
    attempted: bool
    message: str
    hints: Sequence[str] = ()

    @property
    def state(self) -> str:
        """Which of `LOOKS` it has."""
        return "passed" if self.passed else "wrong" if self.attempted else "untouched"

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        _, sign, word = LOOKS[self.state]
        return f"{sign} {self.name}: {word}. {self.message}"

    def _repr_html_(self) -> str:
        colour, sign, word = LOOKS[self.state]
        message = html.escape(self.message).replace("\n", "<br>")
        hints = "".join(
            f"<details><summary>Hint {number} of {len(self.hints)}</summary>"
            f"{html.escape(hint)}</details>"
            for number, hint in enumerate(self.hints, start=1)
        )
        return (
            f'<div role="status" style="border-left: 5px solid {colour}; padding: 4px 12px">'
            f"<b>{sign} {html.escape(self.name)}: {word}.</b><br>{message}{hints}</div>"
        )


def best(*states: str) -> str:
    """Return the most that was reached: what has once been passed stays passed."""
    return max(states, key=list(LOOKS).index)


def saved() -> dict[str, str]:
    """Return exercise → the best state so far; nothing outside of a learner's copy."""
    try:
        found = json.loads(FILE.read_text(encoding="utf-8")) if _in_a_copy() else {}
        return {name: state for name, state in found.items() if state in list(LOOKS)}
    except (OSError, ValueError, AttributeError):  # none yet, or a damaged one
        return {}


def save(name: str, state: str) -> None:
    """Keep the state of an exercise, if it is the best so far and this is a learner's copy."""
    if state == "untouched" or not _in_a_copy():
        return
    # A check gives its verdict, whether or not it can be written down.
    with suppress(OSError, NotImplementedError), FileLock(LOCK, timeout=5):
        found = saved()  # other kernels write too
        better = best(state, found.get(name, state))
        if found.get(name) != better:
            write_whole(FILE, json.dumps({**found, name: better}, indent=1).encode())


def _in_a_copy() -> bool:
    """A kernel works in the folder of its notebook, and a copy has a record."""
    return Path(RECORD).is_file()
