"""The website for eyes and fingers of every kind: phone, keyboard, screen reader, two scripts."""

from __future__ import annotations

import re

import pytest
from helpers import NOTEBOOKS
from pages import DESK, PHONE, axe, search
from slides import until

pytest.importorskip("playwright")

from playwright.sync_api import expect

NAMES = [*(path.stem for path in NOTEBOOKS), "index", "news", "glossary", "teaching"]
COLOURS = ["color-contrast", "link-in-text-block"]
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TOUCH = {"has_touch": True, "is_mobile": True}


@pytest.mark.parametrize(
    ("theme", "viewport"),
    [("light", DESK), ("light", PHONE), ("navy", DESK), ("coal", DESK)],
    ids=["light", "phone", "navy", "coal"],
)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_in_any_page_with_all_answers_open(open_page, name, theme, viewport):
    page = open_page(name, viewport, theme=theme)
    page.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
    page.evaluate(TWO_FRAMES)  # reading.js looks at boxes after they have got a size
    assert theme in page.evaluate("document.documentElement.className").split()
    options = {}
    if theme != "light":  # what is no matter of colour is the same in every theme
        options = {"runOnly": {"type": "rule", "values": COLOURS}}
    elif viewport == PHONE:  # and colours are the same on a phone
        options = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
    assert axe(page, "html", **options) == []


@pytest.mark.parametrize("theme", ["light", "navy", "coal"])
def test_axe_finds_nothing_in_an_open_menu(open_page, theme, viewport):
    page = open_page("index", viewport, theme=theme)
    page.get_by_role("button", name="Change theme").click()
    expect(page.get_by_role("menuitem", name="Coal")).to_be_visible()
    assert axe(page, "html") == []
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert axe(page, "html") == []
    page.keyboard.press("Escape")
    search(page, "stride")
    page.locator("#mdbook-searchresults li").first.wait_for()
    assert axe(page, "html") == []


def test_a_key_opens_and_closes_the_list_of_chapters(open_page):
    page = open_page("index", PHONE)
    button, chapter = page.get_by_role("button", name="Chapters"), page.locator(".sidebar a").first
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(chapter).not_to_be_in_viewport()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(chapter).to_be_in_viewport()
    page.wait_for_timeout(400)  # it moves in
    assert axe(page, "html") == []
    button.press(" ")
    expect(chapter).not_to_be_in_viewport()


def test_a_tap_enlarges_a_picture_and_it_goes_back(open_page):
    page = open_page("01_vanishing_gradients", PHONE, **TOUCH)
    page.get_by_label("show all answers").check()
    image = page.locator("main .picture img").first
    small, below = image.bounding_box(), "document.documentElement.scrollHeight"
    high = page.evaluate(below)
    image.tap()
    dialog = page.get_by_role("dialog", name="The picture, enlarged")
    expect(dialog).to_be_visible()
    large = dialog.locator("img")
    assert large.bounding_box()["width"] == pytest.approx(
        max(PHONE["width"], large.evaluate("(e) => e.naturalWidth")), abs=1
    )
    assert large.bounding_box()["width"] > small["width"]
    assert page.evaluate(below) == pytest.approx(high, abs=2)  # pixels are rounded
    assert axe(page, "dialog") == []
    page.keyboard.press("ArrowRight")  # scrolls, and does not turn the page
    until(page, "document.querySelector('dialog .picture').scrollLeft > 0")
    large.tap()
    expect(dialog).to_have_count(0)
    assert image.bounding_box()["width"] == small["width"]
    assert "01_vanishing_gradients" in page.url


@pytest.mark.parametrize("end", ["Escape", "Close"])
def test_a_drawing_is_enlarged_with_the_keyboard_and_goes_on_answering(open_page, end):
    page = open_page("01_vanishing_gradients", PHONE)
    box = page.locator(".frames").first
    box.scroll_into_view_if_needed()
    button = box.get_by_role("button", name="Enlarge this picture")
    small = box.locator(".frames-drawing").bounding_box()["width"]
    button.press("Enter")
    dialog = page.get_by_role("dialog")
    drawn = dialog.locator(".frames-drawing")
    assert drawn.bounding_box()["width"] > 1.5 * small
    dialog.locator(".gradient-mark").nth(2).hover()
    expect(dialog.locator(".gradient-tip").nth(2)).to_be_visible()
    drawn.click()
    expect(dialog).to_be_visible()
    if end == "Escape":
        page.keyboard.press("Escape")
    else:
        dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    assert box.locator(".frames-drawing").bounding_box()["width"] == small


@pytest.mark.parametrize("kind", ["pre > code", ".table-wrapper"])
def test_what_is_too_wide_says_so_and_scrolls_with_the_keyboard(open_page, kind):
    page = open_page("teaching" if "code" in kind else "03_resnet18_34", PHONE)
    box = page.locator(f"main {kind}.more-right").first
    expect(box).to_have_attribute("tabindex", "0")
    assert "scrolls sideways" in box.get_attribute("aria-label")
    assert box.evaluate("(e) => getComputedStyle(e).maskImage") != "none"
    before = page.url
    box.focus()
    focused = page.locator(":focus")
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    expect(focused).not_to_have_class(re.compile("more-right"))  # it ends here
    expect(focused).to_have_class(re.compile("more-left"))
    assert page.url == before
    narrow = page.locator(f"main {kind}:not(.more-right, .more-left)")
    assert not any(each.get_attribute("tabindex") for each in narrow.all())


@pytest.mark.parametrize("name", ["00_start_here", "02_residual_blocks"])
def test_a_finger_meets_what_it_aims_at(open_page, name):
    page = open_page(name, PHONE, **TOUCH)
    page.locator("[data-explorer]").first.scroll_into_view_if_needed()
    page.locator(".resnet-explorer").first.wait_for()
    low = page.locator(
        "main :is(button:not(.clip-button), select, summary, input[type=range])"
    ).evaluate_all(
        """(all) => all.map((e) => [e.getBoundingClientRect().height, e.outerHTML.slice(0, 99)])
        .filter(([height]) => height > 0 && height < 44)"""
    )
    assert low == []


def test_the_first_key_leads_past_the_menus(open_page):
    page = open_page("02_residual_blocks")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the text")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0 and axe(page, ".skip-link") == []
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(skip).not_to_be_in_viewport()


def term(page):
    link = page.locator("main a[href='glossary.html#stem']").first
    said = link.get_attribute("title")
    assert said.endswith(": The first layers of a network, before the blocks.")
    return link, page.get_by_text(said, exact=True)


def test_a_term_says_its_words_on_focus_and_a_click_leads_to_it(open_page, viewport):
    link, tip = term(open_page("03_resnet18_34", viewport))
    link.focus()
    expect(tip).to_be_visible()
    place = tip.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= viewport["width"]
    link.page.keyboard.press("Escape")
    expect(tip).not_to_be_visible()
    link.click()
    link.page.wait_for_url("**/glossary.html#stem")


def test_a_tap_shows_the_words_of_a_term_and_the_next_one_leads_to_it(open_page):
    page = open_page("03_resnet18_34", PHONE, **TOUCH)
    link, tip = term(page)
    link.tap()
    expect(tip).to_be_visible()
    page.locator("main h1").first.tap()
    expect(tip).not_to_be_visible()
    link.tap()
    expect(tip).to_be_visible()
    assert "03_resnet18_34" in page.url
    link.tap()
    page.wait_for_url("**/glossary.html#stem")
