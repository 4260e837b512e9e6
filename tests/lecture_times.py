"""How long the lectures are: `python tests/lecture_times.py` prints one row for each chapter.

The rule: a minute and a half for a prediction that the room votes on, half a minute for one that is
read aloud, and 130 words a minute for the rest. Who teaches says about as many words as the slides
show and the notes cells hold, so these are counted, as chapter_table.py counts; the words of boxes
that ask for a prediction too, but not code and what it prints, folded answers, and the plan itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from chapter_table import CHAPTERS, count_words

from resnet_course.website.lecture import plan

VOTE, READ_ALOUD, WORDS_A_MINUTE = 1.5, 0.5, 130
MOST_DIFFERENCE = 0.2  # between the plan and the rule, as a share of the plan
LECTURE, FIRST_LECTURE = 40, 10  # minutes; the second of chapter 00


@dataclass(frozen=True)
class Lecture:
    """How long one chapter takes.

    Attributes:
        slides, votes: how many.
        rule, planned: minutes; 0 are planned where the slides have no plan yet.
        allowed: the most minutes that it may take: a chapter may be two lectures.
    """

    name: str
    slides: int
    votes: int
    rule: float
    planned: float
    allowed: int

    @property
    def troubles(self) -> list[str]:
        """What is wrong with the planned minutes."""
        found = []
        if self.planned > self.allowed:
            found.append(f"{self.planned:g} of {self.allowed} minutes are planned")
        if abs(self.planned - self.rule) > MOST_DIFFERENCE * self.planned:
            found.append(f"{self.planned:g} minutes are planned, by the rule {self.rule:.1f}")
        return found


def measure(name: str, notebook: nbformat.NotebookNode) -> Lecture:
    """Count one chapter."""
    slides = plan.slides(notebook)
    votes = sum(bool(slide.plan and slide.plan.vote) for slide in slides)
    read = sum(slide.predictions for slide in slides) - votes
    words = sum(count_words(slide.shown) + count_words(slide.notes) for slide in slides)
    rule = VOTE * votes + READ_ALOUD * read + words / WORDS_A_MINUTE
    planned = sum(slide.plan.minutes for slide in slides if slide.plan)
    lectures = notebook.metadata.get("lecture", {}).get("lectures", 1)
    allowed = FIRST_LECTURE if name.startswith("00") else LECTURE * lectures
    return Lecture(name, len(slides), votes, rule, planned, allowed)


def read(path: Path) -> Lecture:
    """Count the chapter in a file."""
    return measure(path.stem, nbformat.read(path, as_version=4))


def main() -> None:
    """Print the table."""
    print(f"{'chapter':30} slides votes  minutes by rule  minutes planned")
    for each in map(read, CHAPTERS):
        planned = f"{each.planned:g} of {each.allowed}" if each.planned else "no plan yet"
        print(f"{each.name:30} {each.slides:6} {each.votes:5} {each.rule:16.1f}  {planned:>15}")
        for trouble in each.troubles if each.planned else ():
            print(f"{'':30} {trouble}")


if __name__ == "__main__":
    main()
