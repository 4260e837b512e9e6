"""What a checker says."""

from __future__ import annotations

import html
from dataclasses import dataclass

# Colour, sign and word say the same thing three times: not everybody sees the colour.
LOOKS = {
    "passed": ("#009E73", "✓", "Passed"),
    "wrong": ("#D55E00", "✗", "Not yet"),
    "untouched": ("#0072B2", "○", "Not attempted yet"),
}


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
    hints: tuple[str, ...] = ()

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
