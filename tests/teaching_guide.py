"""Write the page for teachers anew: `python tests/teaching_guide.py`.

Between the marks `<!-- lecture 03 -->` and `<!-- end -->` of notebooks/teaching.md stands what the
plans of the slides of chapter 03 say (see resnet_course/website/lecture/plan.py): when which slide
is shown, what to ask, what to demonstrate. All else on that page is written by hand. A chapter
whose slides have no plan stays as it is.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import nbformat
from chapter_table import CHAPTERS, ROOT

from resnet_course.website.lecture import plan

PAGE = ROOT / "notebooks" / "teaching.md"
MARKED = re.compile(r"(<!-- lecture (\d\d) -->\n).*?(<!-- end -->)", re.DOTALL)


def minutes(number: float) -> str:
    """Return a number of minutes in whole and half ones: "8½"."""
    whole = int(number)
    return f"{whole or ''}½" if number % 1 else str(whole)


def table(slides: list[plan.Slide]) -> str:
    """Return when which slides are shown: one row for those that follow under one title."""
    rows = ["| minutes | slides | what to do |", "|---|---|---|"]
    for title, group in groupby(slides, lambda slide: slide.title):
        parts = list(group)
        plans = [slide.plan for slide in parts if slide.plan]
        votes = sum(each.vote for each in plans)
        counts = {
            "vote": votes,
            "read aloud": sum(slide.predictions for slide in parts) - votes,
            "ask": sum(bool(each.ask) for each in plans),
            "show": sum(bool(each.show) for each in plans),
        }
        what = [f"{name} ({n})" if n > 1 else name for name, n in counts.items() if n]
        end = parts[-1].begins + plans[-1].minutes
        when = f"{minutes(parts[0].begins)}–{minutes(end)}"
        rows.append(f"| {when} | {title.replace('|', chr(92) + '|')} | {', '.join(what)} |")
    return "\n".join(rows)


def chapter(notebook: nbformat.NotebookNode) -> str:
    """Return what the page says of a chapter, "" if its slides have no plan.

    A question stands with the minute in which its slide begins.
    """
    slides = plan.slides(notebook)
    if not any(slide.plan for slide in slides):
        return ""
    kinds = {
        "Ask": lambda told: told.ask and f"{told.ask} → {told.answer}".removesuffix(" → "),
        "Show": lambda told: told.show,
        "Stumbling blocks": lambda told: told.stumble,
    }
    parts = [table(slides)]
    for name, text in kinds.items():
        told = [(slide.begins, text(slide.plan)) for slide in slides if slide.plan]
        lines = [f"- Minute {minutes(begins)}: {words}" for begins, words in told if words]
        if lines:
            parts.append(f"**{name}.**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def written(page: str, chapters: list[Path]) -> str:
    """Return the page with every marked part made anew."""
    paths = {path.name[:2]: path for path in chapters}

    def anew(found: re.Match[str]) -> str:
        text = chapter(nbformat.read(paths[found[2]], as_version=4))
        return f"{found[1]}\n{text}\n\n{found[3]}" if text else found[0]

    return MARKED.sub(anew, page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8"), CHAPTERS), "utf-8")
