"""The website in Chromium, opened as files: at a desk and on a phone, light and dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from slides import until

NAMES = [path.stem for path in sorted((Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CONTRAST = """() => {
  const shade = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  const all = "main p, main li, main td, main th, main summary, main .outputs pre, main button," +
    "main select, main label, main blockquote, main h2";
  for (const e of document.querySelectorAll(all)) {
    if (!e.innerText.trim() || e.disabled) continue;
    const [a, b] = [shade(getComputedStyle(e).color), shade(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push([ratio.toFixed(2), e.tagName, e.innerText.slice(0, 60)]);
  }
  return weak;
}"""


class Watched:
    """A tab that notes errors and every attempt to load something from elsewhere."""

    def __init__(self, browser, viewport: dict[str, int], **options) -> None:
        self.context = browser.new_context(viewport=viewport, **options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("requestfailed", lambda request: self.troubles.append(request.url[:200]))
        self.page.on("request", self._request)

    def _console(self, message) -> None:
        if message.type == "error":
            self.troubles.append(message.text)

    def _request(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.troubles.append(request.url)

    def open(self, path: Path, fragment: str = "") -> None:
        self.page.goto(path.as_uri() + fragment)


@pytest.fixture
def open_page(browser, book) -> Iterator:
    tabs: list[Watched] = []

    def opener(name: str, viewport=DESK, theme: str = "light", fragment: str = "", **options):
        tab = Watched(browser, viewport, **options)
        tabs.append(tab)
        tab.context.add_init_script(
            f"try {{ localStorage.setItem('mdbook-theme', '{theme}') }} catch {{}}"
        )
        tab.open(book / f"{name}.html", fragment)
        return tab

    yield opener
    for tab in tabs:
        assert tab.troubles == []
        tab.context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", [*NAMES, "index", "glossary", "teaching"])
def test_a_page_opens_without_errors_and_fits_the_window(open_page, name, viewport):
    page = open_page(name, viewport).page
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
    page = open_page(name, theme=theme).page
    assert theme in page.evaluate("document.documentElement.className").split()
    assert page.evaluate(CONTRAST) == []


def test_formulas_are_drawn(open_page):
    page = open_page("02_residual_blocks").page
    high = page.locator("math[display=block]").first.bounding_box()
    assert high["height"] > 25 and high["width"] > 60  # a fraction in tall brackets


def explorer(tab, number: int = 0):
    box = tab.page.locator(".explorer").nth(number)
    box.locator(".explorer-words").wait_for()
    return box


def words(box) -> str:
    shown = box.locator("img").get_attribute("alt")
    assert box.locator(".explorer-words").inner_text() == shown
    return shown


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_shape_explorer_works_without_a_kernel(open_page, viewport):
    tab = open_page("03_resnet18_34", viewport)
    box = explorer(tab)
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
    tab.page.wait_for_timeout(900)
    assert words(box) == stopped


def test_the_explorer_obeys_the_keyboard_and_the_page_does_not_turn(open_page):
    tab = open_page("03_resnet18_34")
    box = explorer(tab)
    box.get_by_label("step by").focus()
    reached = []
    for _ in range(4):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.textContent || 'place'"))
    assert reached == ["◀ back", "next ▶", "▶▶ play", "place"]
    tab.page.keyboard.press("ArrowRight")
    assert "layer 20 of 69" in words(box)
    tab.page.keyboard.press("Home")
    assert "layer 1 of 69" in words(box)
    assert "03_resnet18_34" in tab.page.url


def test_a_block_that_cannot_be_added_can_be_chosen(open_page):
    tab = open_page("02_residual_blocks")
    box = explorer(tab, 1)
    assert "cannot be added" in words(box)
    assert not box.get_by_role("button", name="next").is_visible()
    box.get_by_label("shortcut").select_option(label="projection: 1×1 convolution")
    assert "cannot be added" not in words(box) and "128×28×28 comes out" in words(box)
    box.get_by_label("stride").select_option("1")
    assert "128×56×56 comes out" in words(box)


@pytest.mark.parametrize("name", NAMES)
def test_every_explorer_shows_each_of_its_frames(open_page, book, name):
    tab = open_page(name)
    files = sorted((book / "explorers").glob(f"{name}-*.js"))
    assert tab.page.locator(".explorer").count() == len(files)
    for number in range(len(files)):
        box = explorer(tab, number)
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
    tab = open_page("03_resnet18_34", java_script_enabled=False)
    strip = tab.page.locator(".explorer figure")
    assert strip.count() == 11 and strip.first.is_visible()
    assert tab.page.locator(".explorer button").count() == 0
    assert len(strip.nth(6).locator("img").get_attribute("alt")) > 20
    wide = ".explorer"
    assert tab.page.locator(wide).evaluate("(e) => getComputedStyle(e).overflowX") == "auto"


def test_frames_that_cannot_be_loaded_leave_the_strip_and_a_note(browser, book, tmp_path):
    text = (book / "03_resnet18_34.html").read_text(encoding="utf-8")
    broken = book / "broken.html"
    broken.write_text(text.replace('data-frames="explorers/', 'data-frames="gone/'))
    try:
        tab = Watched(browser, DESK)
        tab.open(broken)
        tab.page.get_by_text("could not be loaded").wait_for()
        assert tab.page.locator(".explorer figure").count() == 11
        assert any("gone/" in trouble for trouble in tab.troubles)
    finally:
        broken.unlink()


def test_a_term_leads_to_its_place_in_the_glossary(open_page):
    tab = open_page("03_resnet18_34")
    tab.page.get_by_role("link", name="stem", exact=True).first.click()
    assert tab.page.url.endswith("glossary.html#stem")
    tab.page.locator("#stem").wait_for(state="attached")


def test_the_search_finds_a_word_of_an_output(open_page):
    tab = open_page("index")
    tab.page.keyboard.press("s")
    tab.page.get_by_role("searchbox").press_sequentially("GroupedConvExplorer")
    tab.page.locator("#mdbook-searchresults a, #searchresults a").first.wait_for()
    found = tab.page.locator("#mdbook-searchresults a, #searchresults a").all_inner_texts()
    assert any(re.search("04 ·|Grouped", text) for text in found), json.dumps(found)
