"""The slides in Chromium at the size of a projector: everything is on the slide, and readable."""

from __future__ import annotations

import re
import shutil
from inspect import cleandoc

import pytest

pytest.importorskip("playwright")
pytest.importorskip("pyreveal", reason="needs the extra `lecture`")

from helpers import NOTEBOOKS, ROOT, cells, every_notebook, slide_type
from lab import Notebook, end_all_kernels, jupyterlab, write
from nbformat.v4 import new_code_cell, new_markdown_cell
from pages import assert_readable, axe, watch
from playwright.sync_api import expect
from slides import HEIGHT, WIDTH, measure, until

WORDS = ":is(h1, h2, h3, p, li, th, td, figcaption, pre, pre span, code, strong)"


@pytest.fixture
def projector(browser):
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    troubles = watch(page)
    yield page
    assert troubles == []
    context.close()


def open_deck(projector, deck, place="") -> None:
    projector.goto(deck.as_uri() + place)
    until(projector, "window.Reveal && Reveal.isReady()")


def go_to(place) -> None:
    """Show the slide with this place of an explorer, with all its answers."""
    place.evaluate("""(place) => {
      const { h, v } = Reveal.getIndices(place.closest("section section"));
      Reveal.slide(h, v, 99);
    }""")


@every_notebook
def test_no_slide_overflows_and_every_letter_can_be_read(projector, decks, path):
    slides = measure(projector, decks[path.stem])
    assert len(slides) >= (5 if path.stem.startswith("00") else 12)
    for slide in slides:
        assert slide.over == 0, slide
        assert slide.smallest >= 16.5, slide
        assert slide.title, slide
        for width, height in slide.images:
            assert width > 0 and height >= 200, slide


def test_the_measure_notices_what_does_not_fit(projector, decks, tmp_path):
    text = decks["00_start_here"].read_text(encoding="utf-8")
    deck = tmp_path / "deck.html"
    begin = '<div class="slides"><section><section>'
    assert begin in text
    for more in (
        "<p>tall</p>" * 20,
        f"<pre>{'wide' * 60}</pre>",
        '<div style="overflow-x:auto;width:300px"><pre>' + "inside" * 20 + "</pre></div>",
    ):
        deck.write_text(text.replace(begin, begin + more), encoding="utf-8")
        first = measure(projector, deck)[0]
        assert first.over > 20, more[:60]


def test_answers_come_step_by_step(projector, decks):
    open_deck(projector, decks["01_vanishing_gradients"], "#/2")
    answer = projector.locator("section.present section.present .fragment")
    assert answer.count() == 1 and not answer.is_visible()
    projector.keyboard.press("Space")
    answer.wait_for(state="visible")
    assert answer.locator("img").count() == 1
    projector.keyboard.press("Space")
    assert projector.evaluate("Reveal.getIndices().h") == 3


@pytest.mark.parametrize("chapter", ["02_residual_blocks", "03_resnet18_34"])
def test_axe_finds_nothing_on_any_slide_and_its_words_can_be_read(projector, decks, chapter):
    open_deck(projector, decks[chapter])
    for h, v in projector.evaluate(
        "Reveal.getSlides().map((slide) => Reveal.getIndices(slide)).map(({ h, v }) => [h, v])"
    ):
        projector.evaluate("([h, v]) => Reveal.slide(h, v, 99)", [h, v])  # with all answers
        assert axe(projector, "html") == [], f"slide {h + 1}.{v + 1}"
        # The deck's arrows lie above a slide, so axe does not judge the contrast of its words.
        assert_readable(projector.locator("section.present section.present").locator(WORDS))


def test_the_right_arrow_leaves_nothing_out(projector, decks):
    open_deck(projector, decks["04_bottleneck_resnext"])
    seen = set()
    for _ in range(200):
        seen.add(projector.evaluate("Object.values(Reveal.getIndices()).slice(0, 2).join('/')"))
        projector.keyboard.press("ArrowRight")
    hidden = projector.locator(".fragment:not(.visible)").count()
    assert (len(seen), hidden) == (projector.evaluate("Reveal.getTotalSlides()"), 0)


@pytest.mark.parametrize("chapter", ["00_start_here", "02_residual_blocks", "05_training"])
def test_an_explorer_is_whole_at_each_of_its_layers(projector, decks, chapter):
    (deck,) = (deck for name, deck in decks.items() if name.startswith(chapter))
    open_deck(projector, deck)
    for place in projector.locator(".explorer-place.live").all():
        go_to(place)
        following = place.get_by_role("button", name="next")
        while following.is_enabled():
            following.click()
            projector.wait_for_timeout(30)
            over = place.evaluate("(place) => place.scrollHeight - place.clientHeight")
            where = place.locator(".resnet-explorer").get_attribute("data-at")
            assert over <= 0, f"{over} pixels are missing at {where}"
        zoom = place.locator(".resnet-explorer").evaluate("(box) => Number(box.style.zoom)")
        assert zoom >= 0.8  # letters of 14 pixels


@pytest.fixture
def explorer(projector, decks):
    """The explorer of chapter 03, on its slide."""
    open_deck(projector, decks["03_resnet18_34"])
    place = projector.locator(".explorer-place").first
    go_to(place)
    box = place.locator(".resnet-explorer")
    expect(box).to_be_visible()
    return box


def test_an_explorer_is_touched_on_its_slide(projector, explorer):
    expect(explorer).to_have_class("resnet-explorer large")
    expect(explorer).to_have_attribute("data-theme", "light")
    expect(explorer).to_have_attribute("data-at", "layer2.0.conv1")  # where the notebook stands
    expect(projector.locator(".explorer-place img").first).to_be_hidden()
    for part in (".strip", ".volume.in", ".operation", ".volume.out"):  # these need no scrolling
        box = explorer.locator(part).bounding_box()
        assert box["y"] + box["height"] <= HEIGHT, part
    explorer.locator(".bar[data-layer='layer3.1']").click()
    expect(explorer).to_have_attribute("data-at", "layer3.1")


def test_the_arrow_keys_belong_to_the_explorer_while_it_has_the_focus(projector, explorer):
    slide = projector.evaluate("Reveal.getSlidePastCount()")
    explorer.locator(".strip").focus()
    projector.keyboard.press("ArrowRight")
    expect(explorer).to_have_attribute("data-at", "layer2.0.bn1")
    assert projector.evaluate("Reveal.getSlidePastCount()") == slide
    projector.keyboard.press("PageDown")  # of a clicker
    assert projector.evaluate("Reveal.getSlidePastCount()") == slide + 1
    projector.keyboard.press("ArrowLeft")
    assert projector.evaluate("Reveal.getSlidePastCount()") == slide
    expect(explorer).to_have_attribute("data-at", "layer2.0.bn1")


def test_a_clicker_turns_the_page_after_a_button_and_a_slider_of_an_explorer(projector, decks):
    open_deck(projector, decks["03_resnet18_34"])
    box = projector.locator(".explorer-place").nth(1)
    shift = box.get_by_label("shift →")
    for touched in (box.get_by_role("button", name="next"), shift):
        go_to(box)
        box.locator(".picture-panel").evaluate("(panel) => { panel.open = true; }")
        slide = projector.evaluate("Reveal.getSlidePastCount()")
        touched.focus()
        projector.keyboard.press("PageDown")
        assert projector.evaluate("Reveal.getSlidePastCount()") == slide + 1
    assert shift.input_value() == "0"


def test_pictures_are_fitted_once_they_are_decoded(projector, decks):
    """As in browsers in which they have no size before."""
    projector.add_init_script("""
      const prototype = HTMLImageElement.prototype, decoded = new WeakSet();
      const { get } = Object.getOwnPropertyDescriptor(prototype, "naturalHeight");
      prototype.decode = async function () { decoded.add(this); };
      Object.defineProperty(prototype, "naturalHeight", {
        get() { return decoded.has(this) ? get.call(this) : 0; },
      });
    """)
    open_deck(projector, decks["01_vanishing_gradients"])
    fitted = """[...document.images].map((e) => e.style.height).filter(Boolean)
      .map((height) => parseFloat(height) >= 150)"""
    until(projector, f"{fitted}.length > 3 && {fitted}.every(Boolean)", seconds=10)


def test_the_network_runs_on_its_slide(projector, decks):
    open_deck(projector, decks["03_resnet18_34"])
    box = projector.locator(".explorer-place").nth(1)
    go_to(box)
    box.locator(".picture-panel summary").click()
    box.get_by_role("radio", name=re.compile(" 3 of 20")).click()
    expect(box.locator(".told")).to_contain_text("picture 3:", timeout=15_000)
    assert len(box.locator(".scores td:last-child").all_text_contents()) == 10


def test_an_explorer_that_does_not_start_leaves_its_picture_and_the_other_slides(
    page, decks, tmp_path
):
    text = decks["03_resnet18_34"].read_text(encoding="utf-8")
    assert text.count('explorerData("03_resnet18_34-c03-w1"') == 1
    deck = tmp_path / "deck.html"
    deck.write_text(text.replace('"03_resnet18_34-c03-w1",{"', '"another",{"'), encoding="utf-8")
    open_deck(page, deck)
    place = page.locator(".explorer-place").first
    go_to(place)
    expect(place.locator("img")).to_be_visible()
    assert place.locator("img").bounding_box()["height"] >= 200  # the slides are fitted
    expect(place.locator(".resnet-explorer")).to_have_count(0)


def test_printed_or_without_javascript_the_picture_stands_there(projector, explorer, browser):
    picture = projector.locator(".explorer-place img").first
    projector.emulate_media(media="print")
    expect(explorer).to_be_hidden()
    expect(picture).to_be_visible()
    still = browser.new_context(java_script_enabled=False).new_page()
    still.goto(projector.url)
    expect(still.locator(".explorer-place .resnet-explorer")).to_have_count(0)
    picture = still.locator(".explorer-place img").first  # on one of the slides of a long page
    expect(picture).to_be_visible()
    still.context.close()


def test_printed_as_pages_nothing_is_cut_and_there_is_a_margin(projector, decks):
    projector.goto(decks["03_resnet18_34"].as_uri() + "?print-pdf")
    until(projector, "document.querySelectorAll('.pdf-page').length > 10")
    projector.emulate_media(media="print")
    cut = """(all) => all.filter((each) => {
      const box = each.getBoundingClientRect(), page = each.closest(".pdf-page");
      return box.height && box.bottom > page.getBoundingClientRect().bottom + 1;
    }).length"""
    pictures = projector.locator(".pdf-page img")
    assert pictures.count() > 5 and pictures.evaluate_all(cut) == 0
    assert all(picture.bounding_box() for picture in projector.locator(".pdf-page .live img").all())
    assert projector.locator(".pdf-page h1").first.bounding_box()["x"] >= 20


def test_speaker_notes_open_in_a_window_of_their_own(projector, decks):
    open_deck(projector, decks["01_vanishing_gradients"], "#/4/1")
    assert not projector.get_by_text("computes the loss, asks autograd").is_visible()
    with projector.expect_popup() as opened:
        projector.keyboard.press("s")
    opened.value.get_by_text("computes the loss, asks autograd").wait_for()


@pytest.fixture
def room(tmp_path):
    """A JupyterLab as teachers start it, on a notebook of four slides."""
    pytest.importorskip("jupyterlab_slideshow", reason="needs the extra `lecture`")
    folder, private = tmp_path / "notebooks", tmp_path / "private"
    folder.mkdir()
    source = "from resnet_course.widgets import ShapeExplorer\nShapeExplorer('resnet18')"
    pictures = """
        from resnet_course import drawn_garments
        from resnet_course.train.pretrained import trained_model
        splits = drawn_garments(100, 100)
        ShapeExplorer(trained_model(splits.source), splits)
    """
    box = "> **Predict.** Which layer is the first whose values see half of the picture? " * 2
    cells = [
        new_markdown_cell("# Predict\n\nSome `code`.\n\n| a | table |\n|---|---|\n| 1 | 2 |"),
        new_code_cell("skipped = 1"),
        new_markdown_cell(f"## Walk through the network\n\n{box}"),
        new_code_cell(source, metadata={"tags": ["hide-input"]}),
        new_markdown_cell(f"## Touch it\n\n{box}"),
        new_code_cell(cleandoc(pictures), metadata={"tags": ["hide-input"]}),
        new_code_cell("print('shown')"),
    ]
    kinds = ("slide", "skip", "subslide", None, "subslide", None, "subslide")
    for cell, kind in zip(cells, kinds, strict=True):
        if kind:
            cell.metadata["slideshow"] = {"slide_type": kind}
    write(folder / "live.ipynb", cells)
    config = ROOT / "resnet_course/website/lecture/config.py"
    lab = ("-m", "jupyterlab", f"--config={config}", f"--ServerApp.root_dir={folder}")
    with jupyterlab(folder, private, *lab) as url:
        yield url


def size(locator) -> float:
    return locator.evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)")


WHOLE = """(element) => {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const inside = top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
  return element.style.zoom && inside;
}"""
# It uses the room there is.
LARGE = """(element) => element.getBoundingClientRect().height >= 0.55 * innerHeight
  && parseFloat(getComputedStyle(element).fontSize) * element.style.zoom >= innerHeight / 52"""


def fits_each_screen(page, explorer) -> None:
    """Walk some layers of an explorer on each screen: it stays whole, and its letters large."""
    for way, width, height in (("next", WIDTH, HEIGHT), ("back", 1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1000)
        for _ in range(5):
            explorer.get_by_role("button", name=way).click()
            page.wait_for_function(WHOLE, arg=explorer.element_handle())
        page.wait_for_function(LARGE, arg=explorer.element_handle())
        assert size(page.locator(".jp-Deck blockquote p:visible").first) >= 20


def test_a_live_lecture_fits_a_room_and_has_working_widgets(browser, room):
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    local = (room, "data:", "blob:")  # all else gets the answer of a computer without network
    page.route(lambda address: not address.startswith(local), lambda route: route.abort())
    notebook = Notebook(page, room, "live.ipynb")
    notebook.run()
    page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
    notebook.command("deck:start")
    deck = page.locator(".jp-Deck")
    first, heading = (page.get_by_role("heading", name=name) for name in ("Predict", "Walk"))
    expect(page.locator("body")).to_have_attribute("data-jp-deck-mode", "presenting")
    expect(first).to_be_visible()
    expect(heading).to_be_hidden()
    told = "(deck) => [getComputedStyle(deck, '::after')].map((s) => s.content + s.visibility)[0]"
    assert re.search("Space.*Esc.*visible", deck.evaluate(told))
    for element in deck.locator(".jp-MarkdownOutput :is(p, code, td)").all():
        assert size(element) >= 20
    notebook.command("deck:down")
    expect(heading).to_be_visible()
    expect(first).to_be_hidden()
    assert notebook.cell("skipped").is_hidden()
    explorer = notebook.live().first.locator(".resnet-explorer")
    page.wait_for_function(WHOLE, arg=explorer.element_handle())
    expect(explorer).to_have_attribute("data-at", "conv1")
    explorer.get_by_role("button", name="next").click()
    expect(explorer).to_have_attribute("data-at", "bn1")
    explorer.get_by_role("button", name="back").click()
    assert notebook.cell("'resnet18'").locator(".jp-InputArea").is_hidden()
    fits_each_screen(page, explorer)
    notebook.command("deck:down")
    explorer = notebook.live().nth(1).locator(".resnet-explorer")
    fits_each_screen(page, explorer)
    panel, zoom = explorer.locator(".picture-panel"), "(element) => element.style.zoom"
    before = explorer.evaluate(zoom)
    panel.locator("summary").click()
    page.wait_for_timeout(600)
    expect(panel).to_have_attribute("open", "")
    assert explorer.evaluate(zoom) == before  # with its panel open it scrolls
    notebook.command("deck:down")
    shown = notebook.cell("print('shown')")
    expect(shown).to_be_visible()
    assert size(shown.locator(".cm-line").first) >= 20
    assert size(shown.locator(".jp-OutputArea pre").first) >= 20
    page.wait_for_timeout(8000)
    assert deck.evaluate(told).endswith("hidden")
    notebook.command("deck:up")
    expect(panel).not_to_have_attribute("open", "")
    notebook.command("deck:stop")
    expect(explorer).not_to_have_class(re.compile("large"))
    assert explorer.evaluate(zoom) == ""
    end_all_kernels(page, room)
    context.close()


# The cells that can be seen, and the one that is active: a step may change only that.
SHOWN = """() => {
  const { widgets, activeCellIndex } = window.jupyterapp.shell.currentWidget.content;
  const how = { checkVisibilityCSS: true };
  const seen = ({ node }) => node.checkVisibility(how) && node.offsetHeight;
  return [widgets.filter(seen).map(({ model }) => model.id), activeCellIndex];
}"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A JupyterLab on all chapters."""
    pytest.importorskip("jupyterlab_slideshow", reason="needs the extra `lecture`")
    folder = tmp_path_factory.mktemp("chapters")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    with jupyterlab(folder, tmp_path_factory.mktemp("private")) as url:
        yield url


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_live_lecture_shows_every_cell_that_is_meant_and_no_other(browser, live, path):
    meant = [cell.id for cell in cells(path) if slide_type(cell) not in ("skip", "notes")]
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    notebook = Notebook(page, live, path.name)
    page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
    notebook.command("deck:start")
    expect(page.locator("body")).to_have_attribute("data-jp-deck-mode", "presenting")
    seen: dict[str, None] = {}
    shown = page.evaluate(SHOWN)
    while shown:
        seen.update(dict.fromkeys(shown[0]))
        before, shown = shown, None
        page.keyboard.press("Space")
        for _ in range(20):  # at the end nothing changes any more
            page.wait_for_timeout(50)
            if (now := page.evaluate(SHOWN)) != before:
                shown = now
                break
    assert list(seen) == meant
    end_all_kernels(page, live)
    context.close()
