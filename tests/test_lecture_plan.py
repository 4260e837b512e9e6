"""What a teacher does on each slide: read from the cells, told in the speaker's window."""

from __future__ import annotations

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("pyreveal", reason="needs the extra `lecture`")
pytest.importorskip("markdown_it", reason="needs the extra `lecture`")

from helpers import Page
from nbconvert import SlidesExporter
from traitlets.config import Config

from resnet_course.website import lecture
from resnet_course.website.lecture import plan

BOX = "> **Predict.** More, or fewer?"


def markdown(text, kind=None, **told):
    cell = new_markdown_cell(text, metadata={"lecture": told} if told else {})
    if kind:
        cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def chapter():
    code = new_code_cell("6 * 7", metadata={"slideshow": {"slide_type": "fragment"}})
    answer = "<details><summary>Answer</summary>\n\nFolded.\n\n</details>"
    cells = [
        markdown("# 09 · A chapter", "slide", minutes=1.5),
        markdown("Left out.", "skip"),
        markdown("## 1. Count", "slide", minutes=2, vote=True, ask="How *many*?", answer="$n$"),
        markdown(BOX),
        markdown("In the chapter only for readers.", "notes"),
        code,
        markdown(f"Two.\n\n{answer}", "subslide", minutes=3, stumble="Not one.", show="Click."),
    ]
    return new_notebook(cells=cells)


def deck(notebook):
    config = Config()
    lecture.configure(config)
    return SlidesExporter(config=config).from_notebook_node(notebook)[0]


def test_slides_have_titles_and_times():
    first, second, third = plan.slides(chapter())
    assert [each.title for each in (first, second, third)] == [
        *("09 · A chapter", "1. Count", "1. Count")
    ]
    assert [each.begins for each in (first, second, third)] == [0, 1.5, 3.5]
    assert second.predictions == 1 and "for readers" in second.notes
    assert "for readers" not in second.shown and "Left out" not in first.shown
    assert third.shown.strip() == "Two." and third.folded == ["Folded."]


def test_the_notes_of_a_slide_begin_with_its_plan():
    found = re.findall(r'<aside class="notes">(.*?)</aside>', deck(chapter()), re.DOTALL)
    told = [Page(each).text.strip() for each in found]
    assert told[0].startswith("Keys.") and "Page Down" in told[0]
    assert told[0].endswith("Minute 0 to 1.5.")
    assert told[1] == "Minute 1.5 to 3.5. Let the room vote. Ask. How many? Expect."
    assert "<em>many</em>" in found[1] and "<math" in found[1]
    assert told[2] == "In the chapter only for readers."
    assert told[3] == "Minute 3.5 to 6.5. Stumbling block. Not one. Show. Click. Folded."
    assert len(told) == 4


def test_a_vote_is_marked_on_its_slide_and_a_box_that_is_read_aloud_is_not():
    notebook = chapter()
    assert deck(notebook).count('<section class="vote">') == 1
    del notebook.cells[2].metadata["lecture"]["vote"]
    text = deck(notebook)
    assert '<section class="vote">' not in text and "Read it aloud." in text


def test_a_chapter_without_a_plan_is_told_as_before():
    notebook = chapter()
    for cell in notebook.cells:
        cell.metadata.pop("lecture", None)
    text = deck(notebook)
    assert text.count('<aside class="notes">') == 3 and "Minute 0" not in text  # keys, cell, folded


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"ask": "?"}, "missing 1 required .* 'minutes'"),
        ({"minutes": 1, "asks": "?"}, "unexpected keyword argument 'asks'"),
        ({"minutes": 1, "vote": True}, "a vote, and nothing to predict"),
        (None, "some slides have a plan and some have none"),
    ],
)
def test_a_wrong_plan_names_its_cell(told, message):
    notebook = chapter()
    last = notebook.cells[-1]
    if told:
        last.metadata["lecture"] = told
    else:
        del last.metadata["lecture"]
    with pytest.raises(ValueError, match=f"cell {last.id}: .*{message}"):
        plan.slides(notebook)
