"""The website in Chromium, opened as files: at a desk and on a phone, light and dark."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import NOTEBOOKS
from pages import PHONE, axe, search, watch, weigh
from slides import until

pytest.importorskip("playwright")

from playwright.sync_api import expect

from resnet_course.pictures.frames import Frame, Frames
from resnet_course.start.environment import START
from resnet_course.website.explorer_files import is_explorer

NAMES = [path.stem for path in NOTEBOOKS]


@pytest.fixture
def changed(book) -> Iterator:
    """Change a page of the book and add data to it, for one test; gives its address."""
    made: list[Path] = []

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        made.append(path)

    def change(name: str, old: str, new: str, **data: str) -> str:
        text = (book / f"{name}.html").read_text(encoding="utf-8")
        assert old in text
        write(book / "changed.html", text.replace(old, new))
        for key, script in data.items():
            write(book / "explorers" / f"{key}.js", script)
        return made[0].as_uri()

    yield change
    for path in made:
        path.unlink()


@pytest.mark.parametrize("name", [*NAMES, "index", "news", "glossary", "teaching"])
def test_a_page_is_light_opens_without_errors_and_fits_the_window(open_page, book, name, viewport):
    page = open_page(name, viewport)
    assert weigh(page, book / f"{name}.html") <= 900_000
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    broken = "[...document.images].filter((i) => !i.complete || !i.naturalWidth).length"
    until(page, f"{broken} === 0")
    page.evaluate("document.querySelectorAll('details.answer').forEach((e) => (e.open = true))")
    for number in range(page.locator(".frames").count()):
        framed(page, number)
    cut = "(all) => all.filter((e) => e.getBoundingClientRect().right > innerWidth).length"
    assert page.locator("main :is(img, .frames-drawing)").evaluate_all(cut) == 0
    wide = page.evaluate(  # what is wider than the page must scroll in a box of its own
        """() => [...document.querySelectorAll("main *")].filter((e) => {
          if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
          for (let p = e; p; p = p.parentElement)
            if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX)) return false;
          return true;
        }).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []


def test_answers_wait_until_they_are_asked_for_and_are_remembered(open_page):
    page = open_page("01_vanishing_gradients")
    answers, opened = page.locator("details.answer"), page.locator("details.answer[open]")
    assert answers.count() > 10
    expect(opened).to_have_count(0)
    first = answers.first.locator("summary")
    expect(first).to_have_text("Show what happens")
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_text("Hide what happens")
    expect(answers.first.locator(".outputs")).to_be_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened).to_have_count(answers.count())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    expect(opened).to_have_count(1)
    page.get_by_label("I have finished this chapter").check()
    page.wait_for_timeout(3_000)  # Chromium writes to its store later, on a busy machine much later
    page.reload()
    expect(opened).to_have_count(1)
    done = page.locator(".sidebar a.finished")
    expect(done).to_have_count(1)
    expect(done).to_contain_text("01")
    page.get_by_label("show all answers").check()
    expect(opened).to_have_count(answers.count())
    page.get_by_label("show all answers").uncheck()
    expect(opened).to_have_count(1)


def test_answers_open_where_the_browser_keeps_nothing(browser, book):
    page = browser.new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})"
    )
    page.goto((book / "01_vanishing_gradients.html").as_uri())
    answers, opened = page.locator("details.answer"), page.locator("details.answer[open]")
    expect(opened).to_have_count(0)
    answers.first.locator("summary").click()
    expect(opened).to_have_count(1)
    page.get_by_label("show all answers").check()
    expect(opened).to_have_count(answers.count())
    page.get_by_label("show all answers").uncheck()
    expect(opened).to_have_count(1)
    page.close()


def test_a_finished_chapter_is_marked_where_the_server_leaves_out_html(browser, book):
    page = browser.new_page()
    page.route(
        "http://book.test/**",
        lambda route: route.fulfill(path=served(book, route.request.url)),
    )
    page.goto("http://book.test/01_vanishing_gradients")
    page.get_by_label("I have finished this chapter").check()
    expect(page.locator(".sidebar a.finished")).to_have_count(1)
    page.goto("http://book.test/01_vanishing_gradients.html")
    expect(page.get_by_label("I have finished this chapter")).to_be_checked()
    page.add_init_script("window.print = () => {}")
    page.goto("http://book.test/print.html")
    expect(page.locator(".chapter-tools").first).to_be_attached()
    expect(page.get_by_label("I have finished this chapter")).to_have_count(0)
    page.close()


def served(book: Path, url: str) -> Path:
    path = book / url.partition("book.test/")[2].partition("?")[0]
    return path if path.is_file() else path.with_name(f"{path.name}.html")


def test_without_javascript_answers_are_open_and_pictures_stand_for_widgets(open_page):
    page = open_page("02_residual_blocks", PHONE, java_script_enabled=False)
    assert page.locator("details.answer[open]").count() > 10
    assert page.locator("details.answer:not([open])").count() == 0
    for image in page.locator("main .picture:not(.frames *) img").all()[:5]:
        place = image.bounding_box()
        assert place["x"] >= 0 and 250 < place["width"] <= PHONE["width"] - place["x"]
    explorer = page.locator(".explorer-place").first
    assert explorer.locator("img").is_visible() and explorer.locator("details").count() == 1
    assert "layer1.0.add" in explorer.locator("img").get_attribute("alt")
    frames, strip = page.locator(".frames"), page.locator(".frames figure")
    assert strip.count() > 2 and strip.first.is_visible()
    assert frames.locator("button").count() == 0
    assert len(strip.nth(1).locator("img").get_attribute("alt")) > 20
    assert frames.evaluate("(e) => getComputedStyle(e).overflowX") == "auto"


def test_two_lines_that_start_the_course_are_unfolded_and_copied(open_page, viewport):
    page = open_page("03_resnet18_34", viewport)
    tools = page.locator(".chapter-tools")
    assert tools.bounding_box()["height"] < 60  # one line, nothing that pushes the text down
    tools.get_by_text("Run this chapter").click()
    lines = tools.locator("pre > code")
    place = lines.bounding_box()
    assert place["x"] + place["width"] <= viewport["width"]  # whole, with nothing to scroll
    assert lines.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    tools.get_by_role("button", name="Copy to clipboard").click()
    page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
    page.locator("main textarea").press("Control+V")
    assert page.locator("main textarea").input_value() == "\n".join(START)
    page.emulate_media(media="print")
    expect(tools).not_to_be_visible()


def test_formulas_are_drawn(open_page):
    page = open_page("02_residual_blocks")
    high = page.locator("math[display=block]").first.bounding_box()
    assert high["height"] > 25 and high["width"] > 60  # a fraction in tall brackets


def explorer(page):
    page.locator("[data-explorer]").first.scroll_into_view_if_needed()
    box = page.locator(".explorer-place .resnet-explorer").first
    box.wait_for()
    return box


def test_the_explorer_is_touched_without_a_kernel(open_page, viewport):
    page = open_page("03_resnet18_34", viewport)
    box = explorer(page)
    expect(box).to_have_attribute("data-at", "layer2.0.conv1")  # where the notebook stands
    expect(page.locator(".explorer-place > .enlargeable").first).to_be_hidden()
    box.locator(".bar[data-layer='layer3.1']").click()
    expect(box).to_have_attribute("data-at", "layer3.1")
    expect(box.locator(".words")).to_contain_text("layer3.1")
    box.get_by_role("button", name="next").click()
    expect(box).to_have_attribute("data-at", "layer4.0")


def test_the_data_of_an_explorer_are_loaded_when_it_comes_into_view(open_page, book):
    page, urls = open_page("index"), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto((book / "03_resnet18_34.html").as_uri())
    page.wait_for_timeout(300)
    assert page.locator(".explorer-place img").count() == page.locator(".explorer-place").count()
    assert not [url for url in urls if "c03-w1" in url]
    explorer(page)
    expect(page.get_by_text("is being loaded")).to_have_count(0)
    assert len([url for url in urls if url.endswith("/explorers/03_resnet18_34-c03-w1.js")]) == 1
    assert all(url.startswith(("file:", "data:")) for url in urls)


def test_a_network_runs_in_the_page(open_page, viewport):
    page = open_page("00_start_here", viewport)
    box = explorer(page)
    canvas = box.locator("canvas.sheet")
    assert box.evaluate("root => root.scrollWidth - root.clientWidth") <= 0
    place = canvas.bounding_box()
    assert place["width"] == pytest.approx(place["height"], abs=1)
    box.get_by_role("button", name="empty page").click()
    expect(box.locator(".told")).to_have_text(re.compile("^your drawing: .+ %$"), timeout=15_000)
    empty = box.locator(".scores td:last-child").all_text_contents()
    canvas.evaluate("canvas => canvas.scrollIntoView({ block: 'center' })")
    place = canvas.bounding_box()
    across, down = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(across, down - 80)
    page.mouse.down()
    page.mouse.move(across, down + 80, steps=6)
    page.mouse.up()
    expect(box.locator(".scores td:last-child").first).not_to_have_text(empty[0])
    expect(box.locator(".told")).to_contain_text(" %")
    box.get_by_role("radio", name=re.compile(" 3 of 20")).click()
    expect(box.locator(".told")).to_contain_text("picture 3:")
    before = box.locator(".scores td:last-child").all_text_contents()
    box.locator('.bar[data-layer="layer1.0"]').click()
    box.get_by_role("button", name="branch silent").click()
    expect(box.locator(".told")).to_contain_text("layer1.0: branch silent")
    after = box.locator(".scores td:last-child").all_text_contents()
    assert len(after) == 10
    assert after != before


def test_weights_are_fetched_when_they_are_needed_and_once(open_page):
    page, urls = open_page("00_start_here"), []
    page.on("request", lambda request: urls.append(request.url))
    box = explorer(page)
    weights = "/explorers/weights-drawn-garments.js"
    assert not [url for url in urls if url.endswith(weights)]
    for number in (2, 3):
        box.get_by_role("radio", name=re.compile(f" {number} of 20")).click()
        expect(box.locator(".told")).to_contain_text(f"picture {number}:")
    assert len([url for url in urls if url.endswith(weights)]) == 1


def test_the_explorer_follows_the_theme_of_the_page(open_page):
    page = open_page("03_resnet18_34", theme="navy")
    box = explorer(page)
    expect(box).to_have_attribute("data-theme", "dark")
    for name, theme in (("rust", "light"), ("ayu", "dark"), ("light", "light"), ("coal", "dark")):
        page.evaluate(f"document.documentElement.classList.replace('navy', '{name}')")
        expect(box).to_have_attribute("data-theme", theme)
        page.evaluate(f"document.documentElement.classList.replace('{name}', 'navy')")


@pytest.mark.parametrize("theme", ["light", "navy"])
def test_axe_finds_nothing_in_the_explorer(open_page, theme):
    page = open_page("02_residual_blocks", theme=theme)
    box = explorer(page)
    box.locator(".bar[data-layer='layer2.0']").click()
    assert axe(page, ".resnet-explorer") == []


def test_the_explorer_obeys_the_keyboard_and_the_page_does_not_turn(open_page):
    page = open_page("03_resnet18_34")
    box = explorer(page)
    box.locator(".strip").focus()
    page.keyboard.press("ArrowRight")
    expect(box).to_have_attribute("data-at", "layer2.0.bn1")
    page.keyboard.press("End")
    expect(box).to_have_attribute("data-at", "fc")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)  # a page turns a little later
    assert "03_resnet18_34" in page.url


@pytest.mark.parametrize(
    "data",
    [
        *("", "explorerData('03_resnet18_34-c03-w1', {", "explorerData('another', {});"),
        "explorerData('03_resnet18_34-c03-w1', {network: {rows: 7}});",
    ],
    ids=["missing", "cut", "another", "senseless"],
)
def test_an_explorer_that_cannot_be_loaded_leaves_its_picture_and_a_note(page, changed, data):
    files = {"broken": data} if data else {}
    page.goto(changed("03_resnet18_34", "/03_resnet18_34-c03-w1.js", "/broken.js", **files))
    place = page.locator(".explorer-place").first
    place.scroll_into_view_if_needed()
    place.get_by_text("could not be loaded").wait_for()
    assert place.locator("img").is_visible()
    assert place.locator(".resnet-explorer").count() == 0


# Other widgets: frames that are drawn in advance.


def framed(page, number: int = 0):
    box = page.locator(".frames").nth(number)
    box.scroll_into_view_if_needed()
    box.locator(".frames-words").wait_for()
    return box


def words(box) -> str:
    shown = box.locator(".frames-words").inner_text()
    assert box.get_by_role("img", name=shown, exact=True).count() == 1
    return shown


def test_a_block_that_cannot_be_added_can_be_chosen(open_page):
    page = open_page("02_residual_blocks")
    box = framed(page)
    assert "cannot be added" in words(box)
    box.get_by_label("shortcut", exact=True).select_option(label="projection: 1×1 convolution")
    assert "cannot be added" not in words(box) and "128×28×28 comes out" in words(box)
    box.get_by_label("stride", exact=True).select_option("1")
    assert "128×56×56 comes out" in words(box)


@pytest.mark.parametrize("name", NAMES)
def test_every_widget_shows_each_of_its_frames(open_page, book, name):
    page = open_page(name)
    files = sorted((book / "explorers").glob(f"{name}-*.js"))
    explorers = [file for file in files if is_explorer(file.read_text(encoding="utf-8"))]
    assert page.locator("[data-explorer]").count() == len(explorers)
    assert page.locator(".frames").count() == len(files) - len(explorers)
    for number in range(len(files) - len(explorers)):
        box = framed(page, number)
        file = book / box.get_attribute("data-frames")
        stored = Frames.from_js(file.read_text(encoding="utf-8"))
        places = list(itertools.product(*(range(len(one)) for one in stored.choices.values())))
        choices = box.locator("select")
        assert words(box) == stored.first.words
        for choice in range(choices.count()):
            options = choices.nth(choice).locator("option").count()
            for option in range(options):
                choices.nth(choice).select_option(index=option)
                chosen = tuple(int(one.input_value()) for one in choices.all())
                assert words(box) == stored.frames[places.index(chosen)].words
                drawn, image = box.locator(".frames-drawing svg"), box.locator("img[src*='/png;']")
                assert drawn.count() + image.count() == 1, "a drawing stands in the page itself"
                for each in image.all():
                    assert each.evaluate("(i) => i.decode().then(() => i.naturalWidth)") > 100
                for each in drawn.all():
                    assert each.evaluate("(e) => e.getBBox().width") > 100


def test_frames_obey_the_keyboard_and_the_page_does_not_turn(open_page):
    page = open_page("01_vanishing_gradients")
    box = framed(page)
    first = words(box)
    box.locator("select").first.focus()
    page.keyboard.press("ArrowRight")
    assert "01_vanishing_gradients" in page.url and words(box) != first


def test_a_dot_says_its_layer_under_the_mouse_and_a_list_says_them_all(open_page, viewport):
    box = framed(open_page("01_vanishing_gradients", viewport))
    box.get_by_label("activation", exact=True).select_option(label="ReLU")
    tips, marks = box.locator(".gradient-tip"), box.locator(".gradient-mark")
    for layer in (2, 7):
        marks.nth(layer - 1).hover()
        expect(tips.locator("visible=true")).to_have_count(1)
        expect(tips.nth(layer - 1)).to_be_visible()
        expect(tips.nth(layer - 1)).to_have_text(re.compile(rf"layer {layer}: [\d.e+-]+"))
    box.get_by_text("initialisation").hover()
    expect(tips.locator("visible=true")).to_have_count(0)
    box.get_by_text("Every point in words").press("Enter")
    listed = box.locator(".frames-points li")
    expect(listed.last).to_be_visible()
    assert listed.all_inner_texts() == tips.all_text_contents() and listed.count() == 31


def test_a_channel_under_the_mouse_lights_up_what_feeds_it_in_the_book(open_page):
    page = open_page("04_bottleneck_resnext")
    box = framed(page)
    box.get_by_label("groups", exact=True).select_option("4")
    faint = "all => all.filter(e => getComputedStyle(e).opacity < 0.5).length"
    assert box.locator("path.line").evaluate_all(faint) == 0
    box.locator(".out2 circle").last.hover()  # the third channel: of the second group
    assert box.locator("path.line").evaluate_all(faint) == 14  # of 16
    said = box.locator(".out2 title").text_content()
    assert said == "channel out 3 is fed by channels in 3 to 4"
    assert said in box.locator(".frames-points li").all_text_contents()
    assert axe(page, ".frames") == []


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90" width="90">{}</svg>'
FAR, OVER = "https://example.invalid/x", "document.title = 'taken over'"
HTML = 'xmlns="http://www.w3.org/1999/xhtml"'
HOSTILE = [
    *(f"<script>{OVER}</script>", f'<g onclick="{OVER}"/>', f'<a href="javascript:{OVER}"/>'),
    *(f'<foreignObject><iframe {HTML} src="{FAR}"/></foreignObject>', f"<p {HTML}>over</p>"),
    *(f'<image href="{FAR}"/>', '<animate attributeName="x" to="9"/>', f'<g xml:base="{FAR}"/>'),
    *(f'<rect fill="url({FAR}#a)"/>', f'<rect style="background:URL ({FAR})"/>'),
    *(f"<style>@import '{FAR}';</style>", f"<style>g {{ fill: u\\72l({FAR}) }}</style>"),
    f"<style>g {{ cursor: image-set<g> is</g>('{FAR}' 1x) }}</style>",
    *("<g>", "</svg><svg>", "&nbsp;"),  # damaged
]
TAME = (
    "<style>* { display: none !important } :host { position: fixed !important; inset: 0 !important;"
    " z-index: 9999; width: 9999px !important }</style><text>words</text>"
)


def test_a_picture_with_more_than_a_drawing_stays_an_image_and_none_leaves_its_box(page, changed):
    pictures = [TAME, *HOSTILE]
    made = Frames(
        "hostile",
        {"which": list(map(str, range(len(pictures))))},
        [Frame(SVG.format(piece), f"words {i}") for i, piece in enumerate(pictures)],
        start=1,
        strip=[0],
    )
    key, data = "02_residual_blocks-c02-w2", made.to_js("hostile")
    troubles = watch(page)
    page.goto(changed("02_residual_blocks", key, "hostile", hostile=data))
    box = framed(page)
    for i, piece in enumerate(pictures):
        box.get_by_label("which", exact=True).select_option(index=i)
        assert words(box) == f"words {i}"
        assert box.locator("svg").count() == (piece is TAME), piece
        middle = "document.elementFromPoint(innerWidth / 2, 9).closest('.frames')"
        assert page.evaluate(middle) is None
        assert page.locator("h1").last.is_visible()
    assert not any(FAR in each for each in troubles) and page.title() != "taken over"


def test_frames_that_cannot_be_loaded_leave_the_strip_and_a_note(page, changed):
    troubles = watch(page)
    page.goto(changed("02_residual_blocks", 'frames="explorers/', 'frames="gone/'))
    page.locator(".frames").first.scroll_into_view_if_needed()
    page.get_by_text("could not be loaded").wait_for()
    assert page.locator(".frames figure").count() > 2
    assert any("gone/" in trouble for trouble in troubles)


@pytest.mark.parametrize("word", ["GroupedConvExplorer", "잔차", "残差", "degradation"])
def test_the_search_finds_words_of_outputs_and_of_three_languages(open_page, word):
    page = open_page("index")
    search(page, word)
    first = page.locator("#mdbook-searchresults li").first
    expect(first).to_contain_text(word, ignore_case=True)
