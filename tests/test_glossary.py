"""The glossary: complete rows in three languages, and chapters whose links agree with it."""

from __future__ import annotations

import re
from collections import Counter, namedtuple

import pytest
from helpers import ROOT, cells

NOTEBOOKS = ROOT / "notebooks"
CHAPTERS = sorted(path.name for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))

# Names that Korean or Chinese texts write in Latin letters.
NO_HANGUL = {"ResNeXt"}
NO_HAN = {"ReLU", "ResNeXt", "Transformer"}
# Words that an earlier chapter uses too: in another meaning, or to announce what will be explained.
USED_BEFORE = {
    ("kernel", "00"),  # a menu of JupyterLab
    ("residual", "01"),  # announces chapter 02
    ("width", "02"),  # height and width of a map, not of a network
    ("width", "03"),
    ("bottleneck", "03"),  # announces chapter 04
}

SECTION = re.compile(r"## \[(.+)\]\((.+\.ipynb)\)")
TERM = re.compile(r'<a id="([^"]*)"></a>(.+)')
LINK = re.compile(r'\[([^\[\]]*)\]\(glossary\.md#([^\s)]*)(?: "([^"]*)")?\)')
CODE = re.compile(r"(?ms)^[ >]*(```+|~~~+).*?^[ >]*\1[ >]*$|(?<!`)(`+)(?!`).*?(?<!`)\2(?!`)")
HEADING = re.compile(r"(?m)^#{1,6} .*$")
TITLES_OF_PAPERS = re.compile(r"(?ms)^## Read more\s*$.*?(?=^## |\Z)")
OTHER_CHAPTER = re.compile(r"(?m)^.*\]\(\d\d_\w+\.ipynb.*$")  # a line that announces it
HANGUL = re.compile("[\uac00-\ud7a3]")
HAN = re.compile("[\u4e00-\u9fff]")


# One term of the glossary, and one link to it from a chapter.
Row = namedtuple("Row", "chapter anchor term korean chinese sentence")
Link = namedtuple("Link", "chapter text anchor tooltip")


def lines() -> list[str]:
    return (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8").splitlines()


def markdown(chapter: str) -> list[str]:
    return [cell.source for cell in cells(NOTEBOOKS / chapter, "markdown")]


def prose(chapter: str) -> str:
    """The words of a chapter, without code, headings and the lists of papers and chapters."""
    text = "\n\n".join(markdown(chapter))
    for cut in (TITLES_OF_PAPERS, OTHER_CHAPTER, CODE, HEADING):
        text = cut.sub(" ", text)
    return " ".join(LINK.sub(r"\1", text).split())


def uses(word: str, text: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.IGNORECASE))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """All rows of all tables, strictly read: a line that looks like a row must be one."""
    found, chapter = [], ""
    for line in lines():
        if line.startswith("## "):
            section = SECTION.fullmatch(line)
            chapter = section[2] if section else ""
        if not line.startswith("|") or line.startswith(("| term |", "|---")):
            continue
        parts = [part.strip() for part in line.removeprefix("|").removesuffix("|").split("|")]
        assert len(parts) == 4, line
        term = TERM.fullmatch(parts[0])
        assert term, line
        found.append(Row(chapter, term[1], term[2], *parts[1:]))
    return found


@pytest.fixture(scope="module")
def links() -> list[Link]:
    return [
        Link(chapter, " ".join(found[1].split()), found[2], found[3] or "")
        for chapter in CHAPTERS
        for found in LINK.finditer("\n\n".join(markdown(chapter)))
    ]


def test_there_is_one_table_for_each_chapter_under_its_own_title(rows):
    sections = [SECTION.fullmatch(line) for line in lines() if line.startswith("## [")]
    titles = {chapter: markdown(chapter)[0].splitlines()[0] for chapter in CHAPTERS}
    assert [section[2] for section in sections] == CHAPTERS
    assert {section[2]: "# " + section[1] for section in sections} == titles
    assert {row.chapter for row in rows} == set(CHAPTERS)


def test_rows_are_complete_with_one_short_sentence_and_in_three_languages(rows):
    for row in rows:
        assert all(row)
        assert not HAN.search(row.korean) and not HANGUL.search(row.chinese), row
        assert '"' not in row.korean + row.chinese, f"this would end the tooltip: {row}"
        assert re.fullmatch(r"[A-Z0-9][^.!?]*\.", row.sentence), row
        assert len(row.sentence.split()) <= 25, row
    assert {row.term for row in rows if not HANGUL.search(row.korean)} == NO_HANGUL
    assert {row.term for row in rows if not HAN.search(row.chinese)} == NO_HAN


def test_anchors_are_unique_and_made_from_the_terms(rows):
    for row in rows:
        assert row.anchor == re.sub(r"[^a-z0-9]+", "-", row.term.lower()).strip("-")
    assert len({row.anchor for row in rows}) == len(rows)


def test_the_index_names_every_term_in_alphabetical_order(rows):
    index = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", lines()[-1])
    assert index == sorted(index, key=lambda entry: entry[0].casefold())
    assert Counter(index) == Counter((row.term, row.anchor) for row in rows)


def test_a_link_leads_to_its_term_and_shows_both_translations(rows, links):
    tooltips = {row.anchor: f"{row.korean} · {row.chinese}" for row in rows}
    for link in links:
        assert link.tooltip == tooltips.get(link.anchor), link


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_links_stand_in_prose(chapter):
    others = [cell for cell in cells(NOTEBOOKS / chapter) if cell.cell_type != "markdown"]
    assert not any("glossary.md#" in cell.source for cell in others)
    for text in markdown(chapter):
        not_prose = [*CODE.finditer(text), *HEADING.finditer(text)]
        assert not [found[0] for found in not_prose if "glossary.md#" in found[0]]
        assert text.count("glossary.md#") == len(LINK.findall(text)), "a malformed link"


def test_every_term_is_linked_once_in_its_own_chapter(rows, links):
    linked = Counter((link.chapter, link.anchor) for link in links)
    expected = Counter((row.chapter, row.anchor) for row in rows)
    assert (linked - expected, expected - linked) == (Counter(), Counter())


def test_a_word_is_linked_where_it_is_first_used(links):
    texts = {chapter: prose(chapter) for chapter in CHAPTERS}
    early = {
        (link.text.lower(), chapter[:2])
        for link in links
        for chapter in CHAPTERS
        if chapter < link.chapter and uses(link.text, texts[chapter])
    }
    assert early == USED_BEFORE
