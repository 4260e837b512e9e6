"""What a reader points others to: figures, equations, sections; and what the search points to."""

from __future__ import annotations

import re

import pytest
from pages import search

pytest.importorskip("playwright")

from playwright.sync_api import expect


def test_the_number_of_a_figure_leads_to_it_also_into_a_folded_answer(open_page, viewport):
    page = open_page("01_vanishing_gradients", viewport)
    figure = page.locator("details.answer figure[id]").last
    caption = figure.locator("figcaption")
    expect(caption).not_to_be_visible()
    address = figure.locator("figcaption a").get_attribute("href")
    there = f"{page.url}{address}"
    page.goto("about:blank")  # as one comes from elsewhere
    page.goto(there)
    expect(caption).to_be_in_viewport()
    expect(figure.locator("img")).to_be_visible()
    number = address.rpartition("-")[2]
    expect(caption).to_have_text(re.compile(rf"^Figure 1\.{number} · \w"))
    place, column = caption.bounding_box(), page.locator("main").bounding_box()
    assert column["x"] <= place["x"]
    assert place["x"] + place["width"] <= column["x"] + column["width"]


def test_a_widget_keeps_its_number_when_it_comes_to_life(open_page):
    page = open_page("02_residual_blocks")
    explorer = page.locator("figure:has(> [data-explorer])").first
    explorer.scroll_into_view_if_needed()
    expect(explorer.locator(".resnet-explorer")).to_be_visible()
    expect(explorer.locator("figcaption").last).to_have_text(re.compile(r"^Figure 2\.\d · One"))
    page.locator("figure:has(> [data-frames])").scroll_into_view_if_needed()
    frames = page.locator("figure:has(> .frames-live) > figcaption")
    expect(frames).to_have_text(re.compile(r"^Figure 2\.\d+ · Any block"))


def test_the_number_of_an_equation_stands_at_the_right_edge(open_page, viewport):
    page = open_page("04_bottleneck_resnext", viewport)
    column = page.locator("main").bounding_box()
    for n, box in enumerate(page.locator(".equation").all(), 1):
        number = box.get_by_role("link", name=f"Equation (4.{n})")
        assert number.get_attribute("href") == f"#equation-04-{n}"
        place, formula = number.bounding_box(), box.locator("p").bounding_box()
        assert place["x"] + place["width"] == pytest.approx(column["x"] + column["width"], abs=16)
        assert formula["x"] + formula["width"] <= place["x"]
        middle = formula["y"] + formula["height"] / 2
        assert middle == pytest.approx(place["y"] + place["height"] / 2, abs=3)


def test_a_heading_shows_under_mouse_and_keyboard_that_it_is_a_link(open_page):
    page = open_page("03_resnet18_34")
    link = page.locator("main h2 > a.header").first
    mark = "e => ((s) => s.content.includes('#') && s.opacity)(getComputedStyle(e, '::after'))"
    assert link.evaluate(mark) == "0"
    link.hover()
    assert link.evaluate(mark) == "1"
    page.mouse.move(1, 1)
    page.keyboard.press("Tab")  # so that the focus is the keyboard's
    link.focus()
    assert link.evaluate(mark) == "1"
    words = link.text_content()
    expect(page.get_by_role("link", name=words, exact=True)).to_have_count(2)  # in the menu, too
    page.keyboard.press("Enter")
    assert page.url.endswith(link.get_attribute("href"))


@pytest.mark.parametrize("words", ["optimiser", "bottlenecks", "batch norm"])
def test_the_search_shows_headings_with_all_words_first(open_page, words):
    page = open_page("index")
    search(page, words)
    found = page.locator("#mdbook-searchresults li > a")
    expect(found.first).to_be_visible()
    titles = [title.rpartition("»")[2].lower() for title in found.all_inner_texts()]
    hits = [words.removesuffix("s") in title for title in titles]
    assert hits[0] and not all(hits)
    assert hits == sorted(hits, reverse=True)


def test_a_prime_sits_beside_the_top_of_its_letter(open_page):
    page = open_page("02_residual_blocks")
    prime = page.locator("main mo", has_text=re.compile("^′$")).first
    letter = prime.locator("xpath=preceding-sibling::*[1]").bounding_box()
    place = prime.bounding_box()
    assert place["y"] == pytest.approx(letter["y"], abs=0.3 * letter["height"])
    assert place["x"] == pytest.approx(letter["x"] + letter["width"], abs=4)
