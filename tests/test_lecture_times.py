"""Every lecture fits into its time, and the page for teachers says what the slides plan."""

from __future__ import annotations

import lecture_times
import nbformat
import teaching_guide
from chapter_table import CHAPTERS
from helpers import every_notebook
from test_lecture_plan import BOX, chapter, markdown


@every_notebook
def test_the_plan_fits_into_the_lecture_and_agrees_with_the_rule(path):
    lecture = lecture_times.read(path)
    assert lecture.planned and lecture.troubles == []


def test_the_rule_counts_votes_boxes_and_words():
    lecture = lecture_times.measure("09_a", chapter())
    # 09 A chapter, 1. Count, Predict. More, or fewer?, In … readers., Two.
    assert lecture.rule == 1.5 + (3 + 2 + 4 + 6 + 1) / 130
    assert (lecture.slides, lecture.votes, lecture.planned) == (3, 1, 6.5)
    notebook = chapter()
    notebook.cells[2].metadata["lecture"]["vote"] = False
    assert lecture_times.measure("09_a", notebook).rule == lecture.rule - 1


def test_a_plan_that_is_too_long_or_far_from_the_rule_is_found():
    def troubles(name, minutes, words, **about):
        cells = [markdown("word " * words, "slide", minutes=minutes), markdown(BOX)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"lecture": about})
        return lecture_times.measure(name, notebook).troubles

    assert troubles("01_a", 40, 5_000) == []
    assert troubles("01_a", 42, 5_000) == ["42 of 40 minutes are planned"]
    assert troubles("01_a", 42, 5_000, lectures=2) == []
    assert troubles("00_a", 12, 1_500) == ["12 of 10 minutes are planned"]
    assert troubles("01_a", 30, 5_000) == ["30 minutes are planned, by the rule 39.0"]
    assert troubles("01_a", 40, 4_000) == ["40 minutes are planned, by the rule 31.3"]


def test_the_page_for_teachers_is_what_the_slides_plan():
    page = teaching_guide.PAGE.read_text("utf-8")
    assert teaching_guide.written(page, CHAPTERS) == page, "run python tests/teaching_guide.py"
    marked = [number for _, number, _ in teaching_guide.MARKED.findall(page)]
    assert marked == [path.name[:2] for path in CHAPTERS]


GUIDE = """\
| minutes | slides | what to do |
|---|---|---|
| 0–1½ | 09 · A chapter |  |
| 1½–6½ | 1. Count | vote, ask, show |

**Ask.**

- Minute 1½: How *many*? → $n$

**Show.**

- Minute 3½: Click.

**Stumbling blocks.**

- Minute 3½: Not one."""


def test_a_chapter_becomes_a_table_and_three_lists():
    assert teaching_guide.chapter(chapter()) == GUIDE


def test_only_the_marked_part_of_a_planned_chapter_changes(tmp_path):
    planned, unplanned = tmp_path / "01_a.ipynb", tmp_path / "02_b.ipynb"
    nbformat.write(chapter(), planned)
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown("# B", "slide")]), unplanned)
    page = "By hand.\n<!-- lecture 01 -->\nold\n<!-- end -->\nBy hand.\n"
    page += "<!-- lecture 02 -->\nold\n<!-- end -->\n"
    new = teaching_guide.written(page, [planned, unplanned])
    assert new == page.replace("01 -->\nold\n", f"01 -->\n\n{GUIDE}\n\n")
    assert teaching_guide.written(new, [planned, unplanned]) == new
