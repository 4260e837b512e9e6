"""The whole book as a PDF: complete, all open, and not full of empty pages."""

from __future__ import annotations

import re

import pytest
from book_pdf import make
from helpers import NOTEBOOKS, cells
from pages import watch

pytest.importorskip("playwright")

from playwright.sync_api import expect

TITLES = [cells(path, "markdown")[0].source.splitlines()[0].lstrip("# ") for path in NOTEBOOKS]

VISIBLE = """(all) => all.filter((e) => e.checkVisibility({ checkVisibilityCSS: true }))
  .map((e) => e.outerHTML.slice(0, 99))"""


@pytest.fixture(scope="module")
def paper(browser, book, tmp_path_factory):
    """The page that holds the whole book, as it was printed, and the bytes of its PDF."""
    context = browser.new_context()
    pdf = tmp_path_factory.mktemp("paper") / "book.pdf"
    page = context.new_page()
    troubles = watch(page)
    make(page, book, pdf)
    assert troubles == []
    yield page, pdf.read_bytes()
    context.close()


def test_the_pdf_has_every_chapter_on_few_pages(paper):
    _, pdf = paper
    assert 100 < len(re.findall(rb"/Type /Page\b", pdf)) < 180  # 255 as mdBook alone prints it
    text = pdf.replace(b"\\\n", b"")
    for title in TITLES:  # in the table of contents
        plain, wide = title.encode("latin-1", "replace"), title.encode("utf-16-be").hex()
        assert plain in text or wide.encode() in text.lower(), title


def test_on_paper_all_answers_are_open_and_nothing_waits_for_a_click(paper):
    page, _ = paper
    words = page.locator("main").inner_text()
    assert words.count("Hint 1 of 3") > 15
    assert "Multiply σ(z) by its distance from 1." in words, "a hint that is folded on the screen"
    for clicked in ("Show what happens", "Download this notebook", "show all answers"):
        assert clicked not in words
    for answer in page.locator("details.answer > .outputs").all()[:20]:
        expect(answer).to_be_visible()
    buttons = "main :is(button, select, input, .frames-controls), #mdbook-menu-bar, #mdbook-sidebar"
    assert page.locator(buttons).evaluate_all(VISIBLE) == []
    markers = "(all) => all.map((e) => getComputedStyle(e).display)"
    assert set(page.locator("main summary").evaluate_all(markers)) == {"inline", "none"}
    assert page.evaluate("[...document.images].filter((i) => !i.naturalWidth).length") == 0


def test_an_explorer_that_was_touched_is_its_stored_picture_on_paper(open_page):
    page = open_page("03_resnet18_34")
    place = page.locator(".explorer-place").first
    picture = place.locator("img").first
    place.scroll_into_view_if_needed()
    live = place.locator(".resnet-explorer")
    expect(live).to_be_visible()
    expect(picture).to_be_hidden()
    page.emulate_media(media="print")
    expect(live).to_be_hidden()
    expect(picture).to_be_visible()
    expect(place.locator(".resnet-course-still")).to_contain_text("one value sees")
    expect(place.locator(".resnet-course-still")).to_be_visible()
