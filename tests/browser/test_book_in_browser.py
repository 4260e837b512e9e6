"""The website in Chromium, opened as files: at a desk and on a phone, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from helpers import NOTEBOOKS
from pages import assert_readable, watch
from slides import until

NAMES = [path.stem for path in NOTEBOOKS]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WORDS = (
    "main p, main li, main td, main th, main summary, main .outputs pre, main button,"
    "main select, main label, main blockquote, main h2"
)


@pytest.fixture
def open_page(browser, book) -> Iterator:
    contexts, troubles = [], []

    def opener(name: str, viewport=DESK, theme: str = "light", **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        context.add_init_script(
            f"try {{ localStorage.setItem('mdbook-theme', '{theme}') }} catch {{}}"
        )
        page = context.new_page()
        troubles.append(watch(page))
        page.goto((book / f"{name}.html").as_uri())
        return page

    yield opener
    assert not any(troubles)
    for context in contexts:
        context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", [*NAMES, "index", "glossary", "teaching"])
def test_a_page_opens_without_errors_and_fits_the_window(open_page, name, viewport):
    page = open_page(name, viewport)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    broken = "[...document.images].filter((i) => !i.complete || !i.naturalWidth).length"
    until(page, f"{broken} === 0")
    wide = page.evaluate(  # what is wider than the page must scroll in a box of its own
        """() => [...document.querySelectorAll("main *")].filter((e) => {
          if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
          for (let p = e; p; p = p.parentElement)
            if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX)) return false;
          return true;
        }).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []


@pytest.mark.parametrize("theme", ["light", "navy", "coal"])
@pytest.mark.parametrize("name", ["02_residual_blocks", "05_training_fashion_mnist"])
def test_every_word_can_be_read_in_light_and_dark(open_page, name, theme):
    page = open_page(name, theme=theme)
    assert theme in page.evaluate("document.documentElement.className").split()
    assert_readable(page.locator(WORDS))


def test_formulas_are_drawn(open_page):
    page = open_page("02_residual_blocks")
    high = page.locator("math[display=block]").first.bounding_box()
    assert high["height"] > 25 and high["width"] > 60  # a fraction in tall brackets


def explorer(page, number: int = 0):
    box = page.locator(".explorer").nth(number)
    box.locator(".explorer-words").wait_for()
    return box


def words(box) -> str:
    shown = box.locator("img").get_attribute("alt")
    assert box.locator(".explorer-words").inner_text() == shown
    return shown


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_shape_explorer_works_without_a_kernel(open_page, viewport):
    page = open_page("03_resnet18_34", viewport)
    box = explorer(page)
    assert "layer 19 of 69, layer2.0.conv1" in words(box)
    before = box.locator("img").get_attribute("src")
    box.get_by_role("button", name="next").click()
    assert "layer 20 of 69, layer2.0.bn1" in words(box)
    assert box.locator("img").get_attribute("src") != before
    box.get_by_role("button", name="back").click()
    assert box.locator("img").get_attribute("src") == before
    box.get_by_label("step by").select_option("stages")
    assert "layer2 (16 steps): 64×56×56 goes in, 128×28×28 comes out" in words(box)
    box.get_by_label("step by").select_option("layers")
    assert "layer 34 of 69, layer2.1.relu" in words(box)  # the place is kept
    box.get_by_label("place").fill("68")
    assert "layer 69 of 69, fc" in words(box)
    assert box.get_by_role("button", name="next").is_disabled()
    box.get_by_role("button", name="play").click()  # from the beginning
    box.locator("img[alt*='layer 3 of']").wait_for()
    box.get_by_role("button", name="stop").click()
    stopped = words(box)
    page.wait_for_timeout(900)
    assert words(box) == stopped


def test_the_explorer_obeys_the_keyboard_and_the_page_does_not_turn(open_page):
    page = open_page("03_resnet18_34")
    box = explorer(page)
    box.get_by_label("step by").focus()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent || 'place'"))
    assert reached == ["◀ back", "next ▶", "▶▶ play", "place"]
    page.keyboard.press("ArrowRight")
    assert "layer 20 of 69" in words(box)
    page.keyboard.press("Home")
    assert "layer 1 of 69" in words(box)
    assert "03_resnet18_34" in page.url


def test_a_block_that_cannot_be_added_can_be_chosen(open_page):
    page = open_page("02_residual_blocks")
    box = explorer(page, 1)
    assert "cannot be added" in words(box)
    assert not box.get_by_role("button", name="next").is_visible()
    box.get_by_label("shortcut").select_option(label="projection: 1×1 convolution")
    assert "cannot be added" not in words(box) and "128×28×28 comes out" in words(box)
    box.get_by_label("stride").select_option("1")
    assert "128×56×56 comes out" in words(box)


@pytest.mark.parametrize("name", NAMES)
def test_every_explorer_shows_each_of_its_frames(open_page, book, name):
    page = open_page(name)
    files = sorted((book / "explorers").glob(f"{name}-*.js"))
    assert page.locator(".explorer").count() == len(files)
    for number in range(len(files)):
        box = explorer(page, number)
        first, choices = words(box), box.locator("select")
        for choice in range(choices.count()):
            options = choices.nth(choice).locator("option").count()
            for option in range(options):
                choices.nth(choice).select_option(index=option)
                assert len(words(box)) > 20
                loaded = "(i) => i.decode().then(() => i.naturalWidth)"
                assert box.locator("img").evaluate(loaded) > 100
        assert first


def test_without_javascript_the_explorer_is_a_strip_of_pictures(open_page):
    page = open_page("03_resnet18_34", java_script_enabled=False)
    strip = page.locator(".explorer figure")
    assert strip.count() == 11 and strip.first.is_visible()
    assert page.locator(".explorer button").count() == 0
    assert len(strip.nth(6).locator("img").get_attribute("alt")) > 20
    overflow = page.locator(".explorer").evaluate("(e) => getComputedStyle(e).overflowX")
    assert overflow == "auto"


def test_frames_that_cannot_be_loaded_leave_the_strip_and_a_note(page, book):
    text = (book / "03_resnet18_34.html").read_text(encoding="utf-8")
    broken = book / "broken.html"
    broken.write_text(
        text.replace('data-frames="explorers/', 'data-frames="gone/'), encoding="utf-8"
    )
    try:
        troubles = watch(page)
        page.goto(broken.as_uri())
        page.get_by_text("could not be loaded").wait_for()
        assert page.locator(".explorer figure").count() == 11
        assert any("gone/" in trouble for trouble in troubles)
    finally:
        broken.unlink()


def test_a_term_leads_to_its_place_in_the_glossary(open_page):
    page = open_page("03_resnet18_34")
    page.get_by_role("link", name="stem", exact=True).first.click()
    assert page.url.endswith("glossary.html#stem")
    page.locator("#stem").wait_for(state="attached")


def test_the_search_finds_a_word_of_an_output(open_page):
    page = open_page("index")
    page.keyboard.press("s")
    page.get_by_role("searchbox").press_sequentially("GroupedConvExplorer")
    found = page.locator("#mdbook-searchresults a, #searchresults a")
    found.filter(has_text=re.compile("04 ·|Grouped")).first.wait_for()
