"""The explorer's panel with Python behind it, asked and answered step by step."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers import Net
from PIL import Image
from torch import nn

pytest.importorskip("playwright")

from pages import explorer_page
from playwright.sync_api import Locator, Page, expect
from test_explorer import CUT, bar

from resnet_course import drawn_garments
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.explorer_pictures import pictures_of

# What JupyterLab gives to `render`, with a box for what the page sends.
MODEL = """state => {
  const hearers = [];
  window.sent = [];
  window.hear = (event, ...given) =>
    hearers.filter(([events]) => events.includes(event)).forEach(([, f]) => f(...given));
  window.take = (news) => { Object.assign(state, news); hear('change:network'); };
  window.answer = (message, buffers) =>
    hear('msg:custom', message, buffers.map((b) => new DataView(Uint8Array.from(b).buffer)));
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes() {},
    send: (message, _, buffers = []) =>
      sent.push([message, buffers.map((b) => [...new Uint8Array(b)])]),
    on: (names, f) => hearers.push([names.split(' '), f]),
    off() {},
  };
  for (const el of document.querySelectorAll('.view')) resnetExplorer.render({model, el});
}"""
STATE = ("network", "layer", "place", "opened")


class Kernel:
    """Python behind the page: it answers when it is told to."""

    def __init__(self, page: Page, explorer: ShapeExplorer, views: int = 1) -> None:
        self.page, self.explorer = page, explorer
        explorer.send = self.send
        boxes = "<div class='view'></div>" * views
        page.set_content(explorer_page("", boxes))
        page.evaluate(MODEL, self.state())
        self.views = page.locator(".resnet-explorer").all()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self.explorer, name) for name in STATE}

    def send(self, message: dict, buffers: list = ()) -> None:
        self.page.evaluate("given => answer(...given)", [message, [list(b) for b in buffers]])

    def work(self, *asks: str, most: int = 99) -> None:
        """Answer what has come, in its order; of certain asks, if some are given."""
        sent = self.page.evaluate("most => sent.splice(0, most)", most)
        for message, buffers in sent:
            if asks and message["ask"] not in asks:
                continue
            before = self.explorer.network["id"]
            self.explorer._answer(None, message, [bytes(b) for b in buffers])
            if self.explorer.network["id"] != before:
                self.page.evaluate("take", self.state())

    def rest(self) -> None:
        """Answer until nothing is asked any more."""
        while self.page.evaluate("sent.length"):
            self.work()


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(10, 60)


@pytest.fixture
def kernel(page, splits):
    return lambda model=None, **more: Kernel(
        page, ShapeExplorer(model or trained_model(splits.source), splits), **more
    )


def choose(root: Locator, number: int) -> None:
    root.get_by_role("radio", name=re.compile(f" {number} of 20")).click()


def scores(root: Locator) -> list[float]:
    texts = root.locator(".scores td:last-child").all_text_contents()
    return [float(text.replace("−", "-")) for text in texts]


def right(kernel: Kernel, number: int) -> list[float]:
    """Return torch's scores of a picture of the panel, counted from 1."""
    now = kernel.explorer._now
    x = now.pictures.to_input(now.pictures.pixels[number - 1 : number])
    with torch.no_grad():
        return now.model.eval()(x)[0].tolist()


def test_a_picture_of_the_next_network_is_not_kept_waiting_by_the_last_one(kernel):
    kernel = kernel()
    (root,) = kernel.views
    kernel.rest()
    kernel.explorer.choose("your model", 28, 1)  # Python is ahead of the page
    choose(root, 3)
    kernel.work()  # it speaks of a network that is gone: no answer
    kernel.page.evaluate("take", kernel.state())
    kernel.rest()
    choose(root, 5)
    kernel.rest()
    assert scores(root) == pytest.approx(right(kernel, 5), abs=0.06)


def test_a_run_that_fails_is_said_at_once_and_the_next_one_runs(kernel):
    fails = Mock(side_effect=lambda x: x)
    shipped = trained_model("drawn-garments")
    kernel = kernel(Net(lambda self, x: fails(self.network(x)), network=shipped))
    (root,) = kernel.views
    kernel.rest()
    fails.side_effect = RuntimeError("no more memory")
    choose(root, 3)
    kernel.rest()
    expect(root.locator(".status")).to_contain_text("no more memory")
    expect(root).not_to_have_attribute("data-busy", "")
    fails.side_effect = lambda x: x
    choose(root, 5)
    kernel.rest()
    assert scores(root) == pytest.approx(right(kernel, 5), abs=0.06)
    expect(root.locator(".status")).to_have_text("")


def test_two_views_of_one_object_do_not_take_the_answers_of_each_other(kernel):
    kernel = kernel(views=2)
    one, two = kernel.views
    kernel.rest()
    choose(one, 3)
    choose(two, 5)
    kernel.rest()
    assert scores(one) == pytest.approx(right(kernel, 3), abs=0.06)
    assert scores(two) == pytest.approx(right(kernel, 5), abs=0.06)


def test_a_view_gets_maps_though_another_one_has_run_often_since(kernel):
    kernel = kernel(views=2)
    one, two = kernel.views
    kernel.rest()
    choose(one, 3)
    for number in range(5, 10):
        kernel.rest()
        choose(two, number)
    kernel.rest()
    bar(one, "bn1").click()
    kernel.rest()
    expect(one.locator(".volume.out image")).to_have_count(4)
    assert scores(one) == pytest.approx(right(kernel, 3), abs=0.06)


def test_maps_of_the_picture_before_are_not_taken_for_those_of_this_one(kernel):
    kernel = kernel()
    (root,) = kernel.views
    kernel.rest()
    choose(root, 3)
    bar(root, "bn1").click()  # asks for its maps before the picture has run
    bar(root, "layer3.1").click()
    kernel.rest()
    bar(root, "bn1").click()
    kernel.rest()
    third = root.locator(".volume.out image").first.get_attribute("href")
    choose(root, 1)
    kernel.rest()
    assert root.locator(".volume.out image").first.get_attribute("href") != third


def test_all_channels_or_four_leave_the_value_and_the_focus_where_they_were(kernel):
    kernel = kernel()
    (root,) = kernel.views
    kernel.rest()
    out, products = root.locator(".volume.out svg"), root.locator(".products")
    out.focus()
    before = products.inner_text()
    for name in ("16 channels", "four channels"):
        root.get_by_role("button", name=name).press("Enter")
        expect(root.locator(".legend button")).to_be_focused()
        expect(root.locator(".volume.out .window-frame")).to_have_count(1)
        assert products.inner_text() == before
        for _ in range(9):  # a channel that is not among the four
            out.press("Shift+ArrowDown")
        assert products.inner_text() != before


@pytest.mark.parametrize("channels", [2, 24])  # all of them are shown, or some
def test_a_convolution_that_is_left_out_has_no_products(page, channels):
    layers = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)]
    block = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    model = nn.Sequential(nn.Conv2d(1, channels, 3), block, nn.ReLU())
    kernel = Kernel(page, ShapeExplorer(model, torch.rand(1, 1, 12, 12)))
    (root,) = kernel.views
    root.get_by_role("button", name="show layers").click()
    bar(root, "1.2").click()
    kernel.rest()
    root.locator(".volume.out svg").focus()
    products = root.locator(".products")
    expect(products).to_contain_text(" = ")
    root.get_by_role("button", name="removed", exact=True).click()
    kernel.rest()
    expect(products).to_have_text(re.compile(r"^channel \d+, row 5, column 5: −?[\d.]+$"))


def test_an_answer_is_told_with_the_picture_that_it_is_of(kernel):
    kernel = kernel()
    (root,) = kernel.views
    kernel.rest()
    choose(root, 3)
    choose(root, 5)
    kernel.work("run", most=1)
    kernel.page.wait_for_timeout(700)
    words = root.locator(".told").inner_text()
    name = kernel.explorer._now.pictures.names[2]
    assert words == "" or words.startswith(f"{name}, picture 3:")
    kernel.rest()
    expect(root.locator(".told")).to_contain_text("picture 5:")
    marks = root.locator(".bar-before").evaluate_all("all => all.map(e => e.style.left)")
    bars = root.locator(".bar-share").evaluate_all("all => all.map(e => e.style.width)")
    shares = [
        [float(re.search(r"[\d.e-]+(?=%)", each)[0]) for each in all] for all in (marks, bars)
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)  # nothing was changed


def test_a_picture_without_an_answer_keeps_none_of_the_last_one(kernel):
    by_zero = Net(
        lambda self, x: self.network(x / x.std().round(decimals=3)),
        network=trained_model("drawn-garments"),
    )
    kernel = kernel(by_zero)
    (root,) = kernel.views
    kernel.rest()
    assert root.locator(".answer").inner_text()
    root.get_by_role("button", name="empty page").click()
    kernel.rest()
    expect(root.locator(".answer")).to_be_hidden()
    expect(root.locator(".scores")).to_be_hidden()
    expect(root.locator(".told")).to_have_text("your drawing: no answer in numbers")
    choose(root, 5)
    kernel.rest()
    expect(root.locator(".scores")).to_be_visible()


def test_the_answer_of_a_kernel_that_was_busy_is_shown_at_last(kernel, page):
    page.clock.install()
    kernel = kernel()
    (root,) = kernel.views
    kernel.rest()
    choose(root, 3)
    page.clock.run_for(9000)
    expect(root.locator(".status")).to_contain_text("Python does not answer")
    kernel.rest()
    assert scores(root) == pytest.approx(right(kernel, 3), abs=0.06)
    expect(root.locator(".status")).to_have_text("")


def drawn(root: Locator, channel: int = 0) -> torch.Tensor:
    """Return one channel of what the canvas shows: 255 is white."""
    given = root.locator("canvas.sheet").evaluate(
        "c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    return torch.tensor(given[2:]).reshape(*given[:2], 4)[..., channel]


def test_a_second_finger_leaves_the_line_of_the_first_alone(kernel):
    kernel = kernel()
    (root,) = kernel.views
    root.get_by_role("button", name="empty page").click()
    box = root.locator("canvas.sheet").bounding_box()
    touches = kernel.page.context.new_cdp_session(kernel.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        found = [
            {"id": i, "x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            for i, (x, y) in enumerate(points)
        ]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": found})

    touch("touchStart", (0.1, 0.1))
    touch("touchMove", (0.1, 0.4))
    touch("touchStart", (0.1, 0.4), (0.9, 0.9))
    touch("touchMove", (0.1, 0.6), (0.9, 0.7))
    touch("touchMove", (0.1, 0.8), (0.9, 0.6))
    touch("touchEnd")
    pixels = drawn(root)
    assert (pixels[3:22, 2] < 120).all()
    assert (pixels[:, 6:] == 255).all()


def small(outputs: int, channels: int) -> nn.Module:
    layers = nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(4, outputs)).eval()


def test_the_bucket_looks_at_all_three_colours(page):
    picture = torch.ones(1, 3, 20, 20)
    picture[:, 1:, 5:10, 5:10] = 0  # red on white
    kernel = Kernel(page, ShapeExplorer(small(2, 3), picture, classes=["a", "b"]))
    (root,) = kernel.views
    root.locator("summary").click()
    root.get_by_role("radio", name="fill").click()
    root.locator("canvas.sheet").click(position={"x": 5, "y": 5})
    red = drawn(root)
    assert (red[5:10, 5:10] == 255).all()
    assert not red[10:].any()


def test_a_grey_photograph_is_shown_as_it_is_and_garments_as_printed(page, splits):
    for source, given in {"mine": lambda x: x, splits.source: lambda x: 255 - x}.items():
        (root,) = Kernel(page, ShapeExplorer(small(10, 1), replace(splits, source=source))).views
        picture = given(pictures_of(splits).pixels[0, 0])
        assert torch.equal(drawn(root), picture)
        address = root.locator("image.picture").first.get_attribute("href")
        strip = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        assert np.array_equal(np.asarray(strip.convert("L")), picture)
        root.get_by_role("button", name="empty page").click()
        assert (drawn(root) == 255).all()
        root.get_by_role("radio", name="fill").click()
        root.locator("canvas.sheet").click(position={"x": 5, "y": 5})
        assert (drawn(root) < 60).all()


def test_as_it_was_brings_back_the_picture_that_was_chosen(kernel):
    kernel = kernel()
    (root,) = kernel.views
    choose(root, 7)
    before = drawn(root)
    root.get_by_role("button", name="empty page").click()
    root.get_by_role("button", name="as it was").click()
    assert torch.equal(drawn(root), before)


@pytest.mark.parametrize("width", [390, 1000])
def test_long_names_and_tall_pictures_fit(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    names = [f"class_{i}_{'x' * 40}" for i in range(30)] + ["a name of many words <b>" * 4] * 10
    explorer = ShapeExplorer(small(40, 1), torch.rand(1, 1, 200, 40), classes=names)
    (root,) = Kernel(page, explorer).views
    root.locator("summary").click()
    assert root.locator(".picture-panel").evaluate(CUT) == []
    box = root.locator("canvas.sheet").bounding_box()
    assert box["height"] < 300
    assert box["height"] / box["width"] == pytest.approx(5, rel=0.05)
    inside, panel = (root.locator(each).bounding_box() for each in (".scores", ".panel-body"))
    assert inside["x"] + inside["width"] <= panel["x"] + panel["width"]


def test_a_finger_hits_every_slider(kernel):
    (root,) = kernel().views
    heights = root.locator(".picture-panel input[type=range]").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24
