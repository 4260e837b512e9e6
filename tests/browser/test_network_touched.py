"""A network that runs in the page: pictures chosen, drawn and changed, parts switched off."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import torch

pytest.importorskip("playwright")

from pages import axe, explorer_page
from playwright.sync_api import Locator, expect
from test_explorer import CUT, LETTERS, numbers_in

from resnet_course import drawn_garments, trace
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explorer_maps import FeatureMaps
from resnet_course.widgets.explorer_pictures import pictures_of
from resnet_course.widgets.explorer_steps import flat_weights

PIXELS = """canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]
  .filter((_, i) => i % 4 === 0).map(v => 255 - v)"""


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(10, 60)


@pytest.fixture(scope="module")
def model():
    return trained_model("drawn-garments")


@pytest.fixture(scope="module")
def page_html(model, splits) -> str:
    data = ShapeExplorer(model, splits, title="resnet14").page_data()
    numbers = flat_weights(model).view(torch.int16).tolist()
    text = json.dumps("".join(chr(number & 0xFFFF) for number in numbers))
    return explorer_page(
        f"let broken = false; const text = {text};"
        "const weights = async () => { if (broken) throw new Error('not found'); return text; };"
        f"resnetExplorer.show(document.getElementById('place'), {json.dumps(data)}, {{weights}})"
    )


@pytest.fixture
def opened(new_page, page_html) -> Callable[..., Locator]:
    def open_page(width: int = 960, **more) -> Locator:
        page = new_page(width, **more)
        page.set_content(page_html)
        return page.locator(".resnet-explorer")

    return open_page


def scores(root: Locator) -> dict[str, float]:
    """Return the logits that stand in the page."""
    rows = root.locator(".scores tr").all()[1:]
    cells = [[row.locator("th").inner_text(), row.locator("td").last.inner_text()] for row in rows]
    return {name: float(number.replace("−", "-")) for name, number in cells}


def after_run(root: Locator, act: Callable[[], object]) -> None:
    """Do something, and wait until the network has run and the page has told its answer."""
    root.locator(".told").evaluate("told => { told.textContent = ''; }")
    act()
    expect(root.locator(".told")).to_contain_text("%")  # said when the hand rests
    expect(root).not_to_have_attribute("data-busy", "")


def picture(root: Locator, splits) -> torch.Tensor:
    """Return the picture that is drawn in the page, as the network takes it."""
    pixels = torch.tensor(root.locator("canvas.sheet").evaluate(PIXELS), dtype=torch.uint8)
    return pictures_of(splits).to_input(pixels.reshape(1, 1, 28, 28))


def right(root: Locator, model, splits, changes=()) -> dict[str, float]:
    """Return torch's logits for the picture that is drawn in the page."""
    x = picture(root, splits)
    found = FeatureMaps(model, x, trace(model, x), None, changes).output
    return dict(zip(splits.classes, found.tolist(), strict=True))


def test_another_picture_is_seen_by_the_whole_network(opened, model, splits):
    root = opened()
    assert scores(root) == pytest.approx(right(root, model, splits), abs=0.06)
    after_run(root, root.get_by_role("radio", name=re.compile("Trouser, 7 of 20")).click)
    assert scores(root) == pytest.approx(right(root, model, splits), abs=0.06)
    expect(root.locator(".told")).to_have_text(re.compile(r"Trouser, picture 7: Trouser \d+ %"))
    expect(root.locator(".answer")).to_contain_text("Trouser")
    root.locator('.bar[data-layer="fc"]').click()
    numbers = root.locator(".volume.out text").all_text_contents()
    shown = [float(text.split()[0].replace("−", "-")) for text in numbers]
    assert shown == pytest.approx([*right(root, model, splits).values()], abs=0.06)


def test_the_value_that_was_pointed_at_is_that_of_the_picture_that_is_shown(opened, model, splits):
    root = opened()
    root.locator(".volume.out svg").focus()
    products = root.locator(".products")
    for number in (7, 2):
        before = products.inner_text()
        after_run(root, root.get_by_role("radio", name=re.compile(f" {number} of 20")).click)
        expect(products).not_to_have_text(before)
        *place, value = numbers_in(products.locator("strong").inner_text())
        wanted = model.conv1(picture(root, splits))[(0, *map(int, place))]
        assert value == pytest.approx(wanted.item(), abs=0.006, rel=0.006)
        expect(root.locator(".volume.in .window-frame")).to_have_count(1)


def test_one_draws_and_the_answer_follows(opened, model, splits):
    root = opened(390, has_touch=True)
    after_run(root, root.get_by_role("button", name="empty page").click)
    assert root.locator("canvas.sheet").evaluate(PIXELS) == [0] * 784
    box = root.locator("canvas.sheet").bounding_box()
    mouse = root.page.mouse

    def draw() -> None:
        mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.1 * box["height"])
        mouse.down()
        mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.9 * box["height"], steps=8)
        mouse.up()

    after_run(root, draw)
    pixels = torch.tensor(root.locator("canvas.sheet").evaluate(PIXELS)).reshape(28, 28)
    assert (pixels[4:24, 11] > 150).all()
    assert not pixels[:, 20:].any()
    assert scores(root) == pytest.approx(right(root, model, splits), abs=0.06)
    expect(root.locator(".told")).to_have_text(re.compile(r"^your drawing: .+ %$"))
    after_run(root, root.get_by_role("button", name="as it was").click)
    expect(root.locator(".told")).to_have_text(re.compile(r"^Bag, picture 1: Bag"))


def test_shift_turn_and_noise(opened, model, splits):
    root = opened()
    canvas = root.locator("canvas.sheet")
    before = torch.tensor(canvas.evaluate(PIXELS)).reshape(28, 28)
    after_run(root, lambda: root.get_by_label("shift →").fill("3"))
    moved = torch.tensor(canvas.evaluate(PIXELS)).reshape(28, 28)
    assert torch.equal(moved[:, 3:], before[:, :-3])
    assert not moved[:, :3].any()
    after_run(root, lambda: root.get_by_label("shift →").fill("0"))
    after_run(root, lambda: root.get_by_label("turn").fill("90"))
    turned = torch.tensor(canvas.evaluate(PIXELS)).reshape(28, 28)
    assert torch.equal(turned, before.rot90(-1))  # clockwise
    after_run(root, lambda: root.get_by_label("noise").fill("40"))
    assert scores(root) == pytest.approx(right(root, model, splits), abs=0.06)
    expect(root.locator(".told")).to_contain_text("picture 1, turned by 90°, noise 40 %:")


@pytest.mark.parametrize(("way", "source"), [("shortcut off", 8), ("branch silent", 3)])
def test_a_shortcut_or_a_branch_is_switched_off(opened, model, splits, way, source):
    root = opened()
    whole = scores(root)
    root.locator('.sign[data-layer="layer1.0.add"]').click()
    after_run(root, root.get_by_role("button", name=way, exact=True).click)
    assert scores(root) == pytest.approx(right(root, model, splits, [(9, source)]), abs=0.06)
    expect(root.locator(".volume.off")).to_have_count(1)
    expect(root.locator(".volume figcaption strong")).to_have_text(["x", "F(x)", "out"])
    expect(root.locator(".told")).to_contain_text(f"layer1.0: {way}")
    sums = root.locator(".volume.out image").first.get_attribute("href")
    passed = root.locator(".volume:not(.off) image").first.get_attribute("href")
    assert sums == passed
    after_run(root, root.get_by_role("button", name=re.compile("Make it whole")).click)
    assert scores(root) == pytest.approx(whole, abs=0.01)
    expect(root.locator(".off")).to_have_count(0)


def test_the_mark_of_before_is_that_of_the_picture_as_it_was_chosen(opened):
    root = opened()
    marks = root.locator(".bar-before")
    expect(marks).to_have_count(10)
    root.locator('.sign[data-layer="layer1.0.add"]').click()
    after_run(root, root.get_by_role("button", name="shortcut off", exact=True).click)
    after_run(root, root.get_by_role("radio", name=re.compile(" 5 of 20")).click)
    after_run(root, lambda: root.get_by_label("shift →").fill("3"))
    after_run(root, root.get_by_role("button", name=re.compile("Make it whole")).click)
    expect(marks).to_have_count(0)
    after_run(root, lambda: root.get_by_label("shift →").fill("0"))
    expect(marks).to_have_count(10)


def test_whole_again_by_a_key_leaves_the_focus_beside_it(opened):
    root = opened()
    for block in ("layer1.0", "layer2.1"):
        root.locator(f'.sign[data-layer="{block}.add"]').click()
        root.get_by_role("button", name="shortcut off", exact=True).click()
    root.locator('.bar[data-layer="fc"]').click()
    undo = root.locator(".undo button")
    undo.first.press("Enter")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(root.locator(".strip")).to_be_focused()


def test_keys_choose_erase_and_switch(opened, model, splits):
    root = opened()
    first = root.get_by_role("radio", name=re.compile(" 1 of 20"))
    first.focus()
    after_run(root, lambda: first.press("ArrowRight"))
    expect(root.get_by_role("radio", name=re.compile(" 2 of 20"))).to_be_focused()
    expect(root.get_by_role("radio", name=re.compile(" 2 of 20"))).to_be_checked()
    root.get_by_role("radio", name="draw").press("ArrowRight")
    expect(root.get_by_role("radio", name="erase")).to_be_checked()
    canvas = root.locator("canvas.sheet")
    canvas.focus()
    canvas.press("ArrowUp")
    expect(root.locator(".told")).to_have_text("row 13, column 14")
    before = canvas.evaluate(PIXELS)
    canvas.press(" ")
    expect(root.locator(".told")).to_have_text("row 13, column 14: erased")
    after_run(root, lambda: canvas.press(" "))
    assert canvas.evaluate(PIXELS)[13 * 28 + 14] == 0 < before[13 * 28 + 14]
    assert scores(root) == pytest.approx(right(root, model, splits), abs=0.06)
    expect(root).to_have_attribute("data-at", "conv1")  # arrows have not walked


def test_the_heat_lies_on_the_picture(opened):
    root = opened()
    expect(root.locator(".heat")).to_be_hidden()
    alpha = """c => Math.max(...[...c.getContext('2d').getImageData(0, 0, 7, 7).data]
      .filter((_, i) => i % 4 === 3))"""
    another = root.get_by_role("radio", name=re.compile(" 5 of 20"))
    for act in (root.get_by_label("heat").check, another.click):  # on the first picture too
        after_run(root, act)
        expect(root.locator(".heat")).to_be_visible()
        assert root.locator(".heat").evaluate(alpha) == 215


def test_weights_that_cannot_be_had_are_told_and_asked_for_again(opened):
    root = opened()
    root.page.evaluate("broken = true")
    root.get_by_role("radio", name=re.compile(" 3 of 20")).click()
    expect(root.locator(".status")).to_have_text("not found")
    root.page.evaluate("broken = false")
    after_run(root, root.get_by_role("radio", name=re.compile(" 4 of 20")).click)
    expect(root.locator(".status")).to_have_text("")


@pytest.mark.parametrize("width", [390, 765, 960])
def test_the_panel_fits_and_can_be_read(opened, width):
    root = opened(width)
    after_run(root, root.get_by_role("radio", name=re.compile(" 2 of 20")).click)
    assert root.evaluate(CUT) == []
    assert [each for each in root.evaluate(LETTERS) if each[0] < 12] == []
    assert axe(root.page, ".resnet-explorer") == []
