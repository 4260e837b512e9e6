"""No chapter is too long, and each says how long it takes by the rule of chapter_table.py."""

from __future__ import annotations

import re

from chapter_table import CHAPTERS, MOST_WORDS, ROOT, TIME, count_words, measure
from helpers import cells, every_notebook


@every_notebook
def test_is_short_enough(path):
    assert measure(path).words <= MOST_WORDS


@every_notebook
def test_says_its_time_honestly(path):
    chapter = measure(path)
    assert chapter.stated, 'a line "**Time.** 75 minutes, and 30 for the exercises."'
    reading, exercises = chapter.stated
    assert reading % 5 == 0 and abs(reading - chapter.honest) < 5
    assert exercises == chapter.exercise_time


@every_notebook
def test_the_readme_and_chapter_00_say_the_same_time(path):
    texts = [(ROOT / "README.md").read_text("utf-8")]
    if path != CHAPTERS[0]:  # which does not name itself
        texts.append("\n".join(cell.source for cell in cells(CHAPTERS[0], "markdown")))
    stated = measure(path).stated
    for text in texts:
        row = re.search(rf"\((notebooks/)?{path.name}\) \|.*\| (\d+) \|$", text, re.MULTILINE)
        assert row and stated and int(row[2]) == stated[0]


def test_words_are_those_that_a_reader_reads():
    assert count_words("A *plain* network, 56 layers deep – and no more.") == 9
    assert count_words('The [slope](glossary.md#slope "기울기 · 斜率") is $a + b$ here.') == 4
    assert count_words("| a | b |\n|---|---|\n| <b>one</b> | two words |") == 5
    assert count_words("$$\nx = y\n$$\n\n<details><summary>Answer</summary>\n\nYes.") == 2


def test_the_form_of_the_time():
    with_exercises = "**Time.** 75 minutes, and 30 for the exercises. Take a break after part 4."
    assert TIME.search(with_exercises).groups() == ("75", "30")
    assert TIME.search("**Time.** 10 minutes.").groups() == ("10", None)
    assert not TIME.search("**Time.** 60 minutes, of which the computer needs two.")
