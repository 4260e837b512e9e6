"""What a teacher does on each slide. The plan stands in the metadata of the slide's first cell:

    "lecture": {"minutes": 2, "ask": "…", "answer": "…", "stumble": "…", "show": "…", "vote": true}

All but `minutes` may be left out; the texts are Markdown of one paragraph. `vote`: the room votes
on the prediction of this slide. Predictions of other slides are only read aloud.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from nbformat import NotebookNode

PREDICTED = "> **Predict.**"
FOLDED = re.compile(r"<details><summary>.*?</summary>(.*?)</details>", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)", re.MULTILINE)
KEYS = (
    "**Keys.** Space bar or → goes on, ← goes back. After a click into an explorer these keys are "
    "its own: go on with Page Down. Esc shows all slides, B makes the screen black."
)


@dataclass(frozen=True)
class Plan:
    """What is planned for one slide; its fields are the keys of the metadata.

    Attributes:
        minutes: how long the slide is shown, with its answers.
        ask, answer: a question to the room, and what to expect.
        stumble: what learners often get wrong here.
        show: what to demonstrate.
        vote: the room votes on the prediction.
    """

    minutes: float
    ask: str = ""
    answer: str = ""
    stumble: str = ""
    show: str = ""
    vote: bool = False


@dataclass(frozen=True)
class Slide:
    """One slide of a chapter.

    Attributes:
        title: its own heading, or that of the slide before it.
        cells: what it shows and its notes, in this order.
        begins: when, in minutes since the lecture began.
        plan: None if the chapter has no plan.
    """

    title: str
    cells: list[NotebookNode]
    begins: float
    plan: Plan | None

    @property
    def shown(self) -> str:
        """The Markdown that the room sees; answers that are folded are not on a slide."""
        return FOLDED.sub("", self._markdown)

    @property
    def folded(self) -> list[str]:
        """The answers that are folded in the chapter."""
        return [" ".join(text.split()) for text in FOLDED.findall(self._markdown)]

    @property
    def _markdown(self) -> str:
        texts = [cell for cell in self.cells if cell.cell_type == "markdown"]
        return "\n\n".join(cell.source for cell in texts if slide_type(cell) != "notes")

    @property
    def notes(self) -> str:
        """The Markdown of its notes cells."""
        return "\n\n".join(cell.source for cell in self.cells if slide_type(cell) == "notes")

    @property
    def predictions(self) -> int:
        """How many boxes ask for a prediction."""
        return self.shown.count(PREDICTED)


def slide_type(cell: NotebookNode) -> str | None:
    """Return what a cell is in the lecture, None if it goes on with the slide before it."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def slides(notebook: NotebookNode) -> list[Slide]:
    """Return the slides of a chapter.

    Raises:
        ValueError: a plan of another form, a slide without one beside others that have one, or a
            vote where nothing is predicted.
    """
    groups: list[list[NotebookNode]] = []
    for cell in notebook.cells:
        if slide_type(cell) in ("slide", "subslide"):
            groups.append([])
        if groups and slide_type(cell) != "skip":
            groups[-1].append(cell)
    found: list[Slide] = []
    title, begins = "", 0.0
    for cells in groups:
        slide = Slide(title, cells, begins, _plan(cells[0]))
        if heading := HEADING.search(slide.shown):
            slide = replace(slide, title=heading[1])
        if found and (slide.plan is None) != (found[-1].plan is None):
            raise ValueError(f"cell {cells[0].id}: some slides have a plan and some have none")
        if slide.plan:
            if slide.plan.vote and not slide.predictions:
                raise ValueError(f"cell {cells[0].id}: a vote, and nothing to predict")
            begins += slide.plan.minutes
        title = slide.title
        found.append(slide)
    return found


def notes(slide: Slide) -> str:
    """Return what the speaker's window says first on a slide, as Markdown.

    That is its plan, if it has one, and the answers that are folded in the chapter.
    """
    told = []
    if plan := slide.plan:
        vote = "Let the room vote." if plan.vote else "Read it aloud." if slide.predictions else ""
        told.append(f"**Minute {slide.begins:g} to {slide.begins + plan.minutes:g}.** {vote}")
        parts = {
            "Ask": plan.ask,
            "Expect": plan.answer,
            "Stumbling block": plan.stumble,
            "Show": plan.show,
        }
        told += [f"**{name}.** {text}" for name, text in parts.items() if text]
    return "\n\n".join([*told, *(f"- {answer}" for answer in slide.folded)])


def _plan(cell: NotebookNode) -> Plan | None:
    """Read the metadata of the first cell of a slide."""
    written = cell.metadata.get("lecture")
    if written is None:
        return None
    try:
        return Plan(**written)
    except TypeError as error:
        raise ValueError(f"cell {cell.id}: {error}") from None
