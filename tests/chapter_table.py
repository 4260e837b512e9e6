"""How long the chapters are: `python tests/chapter_table.py` prints one row for each.

The rule for the time, the same for all: 120 words of prose a minute, a minute and a half for each
prediction, two minutes in which the computer works, and what the exercises say of themselves.

Words are what a reader reads: pieces of Markdown between spaces that hold a letter or a digit.
Formulas, HTML tags, and where a link leads (with the note that it shows) do not count.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = tomllib.loads((ROOT / "resnet_course/checks/exercises.toml").read_text("utf-8"))
MOST_WORDS = 5_000
WORDS_A_MINUTE, PREDICTION, COMPUTING = 120, 1.5, 2  # the last two in minutes

PREDICTED = "> **Predict.**"
# Formulas, HTML tags, and what stands in round brackets after a link's text.
UNREAD = re.compile(
    r"\$\$.*?\$\$|\$[^$\n]+\$|<[^>]+>|(?<=\])\([^)\s]*(?: \"[^\"]*\")?\)", re.DOTALL
)
# "**Time.** 75 minutes, and 30 for the exercises." Without exercises: "**Time.** 10 minutes."
TIME = re.compile(
    r"^\*\*Time\.\*\* (\d+) minutes(?:, and (\d+) for the exercises)?\.", re.MULTILINE
)


@dataclass(frozen=True)
class Chapter:
    """What a chapter asks of its reader; times in minutes, those of the exercises apart.

    Attributes:
        words, predictions, exercises: how many.
        honest, exercise_time: by the rule.
        stated: both times as the chapter says them; None if it does not say them in our form.
    """

    name: str
    words: int
    predictions: int
    exercises: int
    honest: float
    exercise_time: int
    stated: tuple[int, int] | None


def count_words(markdown: str) -> int:
    """Count the words that a reader reads."""
    return sum(any(map(str.isalnum, word)) for word in UNREAD.sub(" ", markdown).split())


def measure(path: Path) -> Chapter:
    """Count one notebook."""
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    words, predictions = count_words(prose), prose.count(PREDICTED)
    number = int(path.name[:2])
    minutes = [e["minutes"] for e in EXERCISES.values() if e["chapter"] == number]
    honest = words / WORDS_A_MINUTE + PREDICTION * predictions + COMPUTING
    said = TIME.search(prose)
    stated = (int(said[1]), int(said[2] or 0)) if said else None
    return Chapter(path.stem, words, predictions, len(minutes), honest, sum(minutes), stated)


def main() -> None:
    """Print the table."""
    print(f"{'chapter':30} words predictions exercises  honest minutes  stated")
    for chapter in map(measure, CHAPTERS):
        honest = f"{chapter.honest:.0f} + {chapter.exercise_time}"
        stated = "{} + {}".format(*chapter.stated) if chapter.stated else "not in our form"
        print(
            f"{chapter.name:30} {chapter.words:5} {chapter.predictions:11} "
            f"{chapter.exercises:9} {honest:>15}  {stated}"
        )


if __name__ == "__main__":
    main()
