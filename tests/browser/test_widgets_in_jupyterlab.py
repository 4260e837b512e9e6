"""The controls of the widgets but the explorer, in JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright")

from lab import Notebook, jupyterlab, write
from nbformat.v4 import new_code_cell
from pages import assert_readable
from playwright.sync_api import Locator, expect

CELLS = {
    "builder": "BlockBuilder('BasicBlock', 64, 128, 2)",
    "lab": "GradientFlowLab(drawn_garments(128, 10), depth=10)",
    "groups": "GroupedConvExplorer(8, 8, 1)",
    "browser": "PredictionBrowser(splits=drawn_garments(10, 400))",
}
IMPORTS = """\
from torch import nn

from resnet_course import TrainConfig, create_model, drawn_garments, fit
from resnet_course.widgets import *
"""
TRAINING = """\
# a run of many minutes, unless someone stops it
splits = drawn_garments(2000, 100)
config = TrainConfig(epochs=500, bfloat16=False, device="cpu")
history = fit(create_model("resnet8", in_channels=1), splits, config, monitor=TrainingMonitor())
print("steps:", len(history.step_losses))
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("notebooks")
    write(folder / "widgets.ipynb", [*map(new_code_cell, (IMPORTS, *CELLS.values()))])
    write(folder / "training.ipynb", [*map(new_code_cell, (IMPORTS, TRAINING))])
    with jupyterlab(folder, tmp_path_factory.mktemp("private")) as address:
        yield address


@pytest.fixture(scope="module")
def notebook(browser, url) -> Iterator[Notebook]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    notebook = Notebook(context.new_page(), url, "widgets.ipynb")
    notebook.run()
    expect(notebook.live()).to_have_count(len(CELLS), timeout=30_000)
    yield notebook
    context.close()


@pytest.fixture
def widgets(notebook) -> dict[str, Locator]:
    """Name → widget; the state goes on from test to test."""
    return {name: notebook.live().nth(i) for i, name in enumerate(CELLS)}


def choose(widget: Locator, label: str, option: str) -> None:
    widget.get_by_label(label, exact=True).select_option(label=option)


def words(widget: Locator) -> Locator:
    return widget.locator("svg").last


def test_the_block_builder_shows_what_cannot_be_added(widgets):
    widget = widgets["builder"]
    choose(widget, "shortcut", "identity: the input itself")
    choose(widget, "stride", "2")
    expect(words(widget)).to_contain_text("128 channels against 64 and maps of 28×28 against 56×56")
    choose(widget, "stride", "1")
    expect(words(widget)).to_contain_text("128 channels against 64")
    choose(widget, "shortcut", "projection: 1×1 convolution")
    expect(words(widget)).to_contain_text("conv 1×1, stride 1 → batch norm")
    expect(words(widget)).to_contain_text("128×56×56")


def test_the_shortcut_is_switched_at_the_plus_also_with_the_keyboard(widgets):
    widget = widgets["builder"]
    choose(widget, "stride", "2")
    choose(widget, "shortcut", "projection: 1×1 convolution")
    expect(words(widget)).to_contain_text("8,448 parameters")
    switch = widget.get_by_role("button", name="shortcut: on")
    expect(switch).to_be_visible()
    for _ in range(50):  # a picture that is just drawn anew has no place for a moment
        plus, button = words(widget).locator("circle").bounding_box(), switch.bounding_box()
        if plus and button:
            break
        widget.page.wait_for_timeout(100)
    middles = [box["x"] + box["width"] / 2 for box in (plus, button)]
    assert abs(middles[0] - middles[1]) < 4
    assert 0 <= button["y"] - plus["y"] - plus["height"] < 40
    switch.focus()
    switch.press("Enter")
    expect(words(widget)).not_to_contain_text("+")
    expect(words(widget)).to_contain_text("221,696")  # 230,144 − 8,448
    assert widget.get_by_label("shortcut", exact=True).input_value().startswith("none")
    widget.get_by_role("button", name="shortcut: off").press("Enter")
    expect(words(widget)).to_contain_text("230,144")
    choose(widget, "block", "Bottleneck")
    expect(words(widget)).to_contain_text("128 channels give 512")
    choose(widget, "block", "BasicBlock")


def test_the_gradient_lab_measures_again(widgets):
    widget = widgets["lab"]
    picture = words(widget)
    widget.get_by_role("checkbox", name="batch norm").set_checked(False)
    widget.get_by_role("button", name="sigmoid").click()
    expect(picture).to_contain_text("sigmoid, 10 layers")
    expect(picture).to_contain_text("0.25 per layer")
    widget.get_by_role("button", name="ReLU").click()
    expect(picture).to_contain_text("ReLU, 10 layers")
    expect(picture).not_to_contain_text("0.25 per layer")
    widget.get_by_role("checkbox", name="batch norm").set_checked(True)
    expect(picture).to_contain_text("ReLU, batch norm, 10 layers")
    widget.get_by_role("button", name="keep this curve").click()
    expect(picture).to_contain_text("kept: ReLU, batch norm, 10 layers")
    handle = widget.get_by_role("slider", name="depth")
    handle.focus()
    handle.press("ArrowRight")
    expect(picture).to_contain_text("ReLU, batch norm, 11 layers")
    handle.press("ArrowLeft")
    widget.get_by_role("button", name="forget kept curves").click()
    expect(picture).not_to_contain_text("kept:")


def test_a_dot_of_the_gradient_lab_says_its_layer_and_a_step_shows_what_moves(widgets):
    widget = widgets["lab"]
    tips, marks = widget.locator(".gradient-tip"), widget.locator(".gradient-mark")
    for layer in (2, 7):
        marks.nth(layer - 1).hover()
        expect(tips.nth(layer - 1)).to_be_visible()
        expect(tips.nth(layer - 1)).to_have_text(re.compile(rf"layer {layer}: [\d.e+-]+"))
        expect(tips.locator("visible=true")).to_have_count(1)
    widget.get_by_text("initialisation").hover()
    expect(tips.locator("visible=true")).to_have_count(0)
    widget.get_by_role("button", name="train one step").click()
    expect(widget).to_contain_text("One step of training (learning rate 0.1) has changed")
    expect(words(widget)).to_contain_text("does a layer move?")
    widget.get_by_role("button", name="train one step").click()
    expect(widget).not_to_contain_text("has changed")


def test_the_grouped_convolution_loses_lines(widgets):
    widget = widgets["groups"]
    choose(widget, "groups", "1")
    expect(words(widget)).to_contain_text("64 of 64 lines")
    choose(widget, "groups", "4")
    expect(words(widget)).to_contain_text("16 of 64 lines")
    expect(widget.locator("table")).to_contain_text("144")  # 3·3·2·8
    expect(widget.locator("table")).to_contain_text("28,224")  # 144·14·14
    handle = widget.get_by_role("slider", name="channels out")
    handle.focus()
    handle.press("ArrowLeft")
    expect(words(widget)).to_contain_text("7 channels out")
    handle.press("ArrowRight")
    expect(words(widget)).to_contain_text("16 of 64 lines")


def test_a_menu_keeps_its_keys_and_what_the_mouse_finds_is_a_list_too(widgets):
    widget = widgets["groups"]
    choose(widget, "groups", "1")
    menu = widget.get_by_label("groups", exact=True)
    menu.press("ArrowDown")
    expect(words(widget)).to_contain_text("32 of 64 lines")
    menu.press("ArrowDown")
    expect(words(widget)).to_contain_text("16 of 64 lines")
    widget.get_by_role("button", name="show every point").press("Enter")
    first = widget.get_by_role("listitem").first
    expect(first).to_have_text("channel in 1 feeds channels out 1 to 2")
    menu.press("ArrowUp")
    expect(first).to_have_text("channel in 1 feeds channels out 1 to 4")
    widget.get_by_role("button", name="hide every point").press("Enter")
    expect(widget.get_by_role("listitem")).to_have_count(0)


def test_a_channel_under_the_mouse_lights_up_what_feeds_it(widgets):
    widget = widgets["groups"]
    choose(widget, "groups", "4")
    expect(words(widget)).to_contain_text("16 of 64 lines")
    bright = "all => all.map(e => [e.classList.value.match(/from(\\d+) to(\\d+)/).slice(1), "
    bright += "getComputedStyle(e).opacity]).filter(e => e[1] === '1').map(e => e[0].join(' '))"
    widget.locator(".out2 circle").last.hover()  # the third channel: of the second group
    assert widget.locator("path.line").evaluate_all(bright) == ["2 2", "3 2"]
    widget.locator(".in7 circle").last.hover()
    assert widget.locator("path.line").evaluate_all(bright) == ["7 6", "7 7"]


PAIR = re.compile(r"(.+) → (.+) \((\d+)\)")


def test_the_prediction_browser_pages_through_mistakes(widgets):
    widget = widgets["browser"]
    picture = widget.get_by_role("img").last
    menu = widget.get_by_label("show", exact=True)
    # ipywidgets writes its choices with spaces that do not break.
    options = [name.replace("\xa0", " ") for name in menu.locator("option").all_inner_texts()]
    pairs = [PAIR.fullmatch(option) for option in options]
    total = sum(int(pair[3]) for pair in pairs if pair)
    menu.select_option(index=0)
    expect(widget).to_contain_text(f"mistake 1 of {total}")
    first = picture.get_attribute("alt")
    widget.get_by_role("button", name="next").click()
    expect(widget).to_contain_text(f"mistake 2 of {total}")
    expect(picture).not_to_have_attribute("alt", first)
    right, predicted, count = pairs[1].groups()
    menu.select_option(index=1)
    expect(widget).to_contain_text(f"mistake 1 of {count}")
    expect(picture).to_have_attribute("alt", re.compile(re.escape(right)))
    menu.select_option(index=0)
    expect(widget).to_contain_text(f"mistake 1 of {total}")
    name = re.compile(rf"^{re.escape(right)} taken for {re.escape(predicted)}", re.IGNORECASE)
    widget.get_by_title(name).click()
    expect(widget).to_contain_text(f"mistake 1 of {count}")
    menu.select_option(index=0)
    expect(widget).to_contain_text(f"mistake 1 of {total}")
    handle = widget.get_by_role("slider", name="place")
    handle.focus()
    handle.press("ArrowRight")
    expect(widget).to_contain_text(f"mistake 2 of {total}")
    handle.press("Home")
    expect(widget).to_contain_text(f"mistake 1 of {total}")


# What everybody must be able to read.


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_words_outside_the_pictures_stand_out_from_the_ground(theme, notebook):
    notebook.theme(theme)
    words_ = notebook.live().locator("label, .widget-html-content, td, .widget-label")
    assert_readable(words_.locator("visible=true"), at_least=20)


def test_pictures_bring_their_own_light_ground_and_fit_the_page(notebook):
    for picture in notebook.live().locator("svg").all():
        assert picture.locator("rect").first.get_attribute("fill") == "#ffffff"
    for picture in notebook.live().locator("svg, img").all():
        box = picture.bounding_box()
        assert box is None or box["x"] + box["width"] <= 1440


NAMELESS = re.compile(
    r"- '?(?:slider|combobox|button|checkbox|radio|spinbutton)(?! (?:\"|\[disabled)).*"
)


def test_every_control_has_a_name_for_a_screen_reader(widgets):
    for widget in widgets.values():
        tree = widget.aria_snapshot()
        assert len(re.findall(r"(?:slider|combobox|button|checkbox) \"", tree)) >= 3
        assert NAMELESS.findall(tree) == []


# Training.


def test_the_stop_button_ends_the_training(page, url):
    notebook = Notebook(page, url, "training.ipynb")
    notebook.start()
    widget = notebook.live()
    expect(widget).to_contain_text(
        re.compile(r"epoch \d+ of 500, loss \d\.\d+, about"), timeout=60_000
    )
    expect(words(widget)).to_contain_text("training loss")
    widget.get_by_role("button", name="stop this run").click()
    notebook.wait_for_end(60)
    expect(widget).to_contain_text("stopped after")
    expect(widget.get_by_role("button", name="stop this run")).to_be_disabled()
    steps = page.get_by_text(re.compile(r"steps: \d+")).inner_text()
    assert 1 <= int(steps.split()[1]) < 500 * 16
