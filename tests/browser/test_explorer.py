"""The explorer's front end in Chromium, on pages without a kernel: touched as a learner would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

pytest.importorskip("playwright")

from helpers import Net
from pages import axe, explorer_page
from playwright.sync_api import Locator, Page, expect
from test_shape_explorer import Again
from test_tracing_torchvision import KIND, build, inputs
from test_tracing_values import hooked

from resnet_course import create_model, drawn_garments, trace
from resnet_course.data.batches import to_float
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer

TEXTS = """root => [...root.querySelectorAll('.strip text')].map(e => {
  const {left, right, top, bottom} = e.getBoundingClientRect();
  return [e.textContent, left, right, top, bottom];
})"""
LETTERS = """root => [...root.querySelectorAll('*')]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .filter(e => e.getClientRects().length)
  .map(e => [parseFloat(getComputedStyle(e).fontSize), e.textContent])"""

# What sticks out on the right; the strip may be scrolled.
CUT = """root => [...root.querySelectorAll('*')].filter(e => !e.closest('.strip, .tip'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"""


def page_of(data: dict, options: dict | None = None) -> str:
    given = f"{json.dumps(data)}, {json.dumps(options or {})}"
    return explorer_page(f"resnetExplorer.show(document.getElementById('place'), {given})")


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    splits = drawn_garments(10, 10)
    return to_float(splits.test_images[:1], splits.mean, splits.std)


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    return trained_model("drawn-garments")


@pytest.fixture(scope="module")
def data(trained, picture) -> dict:
    """What the book has of the small trained network and one garment."""
    return ShapeExplorer(trained, picture, title="resnet14").page_data()


@pytest.fixture
def opened(new_page) -> Callable[..., Locator]:
    def open_page(data: dict, width: int = 960, options: dict | None = None, **more) -> Locator:
        page = new_page(width, **more)
        page.set_content(page_of(data, options))
        root = page.locator(".resnet-explorer")
        expect(root).to_have_attribute("data-at", re.compile("."))
        return root

    return open_page


def bar(root: Locator, name: str) -> Locator:
    return root.locator(f'.strip .bar[data-layer="{name}"]')


def test_a_click_goes_to_a_bar_a_layer_in_a_block_an_arc_and_the_plus(opened, data):
    root = opened(data)
    bar(root, "layer1.1").click()
    expect(root).to_have_attribute("data-at", "layer1.1")
    expect(root.locator(".operation")).to_contain_text("BasicBlock · 7 steps")
    root.locator('.part[data-layer="layer1.1.conv2"]').click()
    expect(root).to_have_attribute("data-at", "layer1.1.conv2")
    expect(root.locator(".numbers")).to_contain_text("3·3·16·16 = 2,304")
    root.locator('.sign[data-layer="layer2.1.add"]').click()
    expect(root).to_have_attribute("data-at", "layer2.1.add")
    expect(root.locator(".volume figcaption strong")).to_have_text(["x", "F(x)", "x + F(x)"])
    root.locator('path.shortcut[data-layer="layer1.0.add"]').dispatch_event(
        "pointerdown", {"pointerId": 1, "bubbles": True}
    )
    expect(root).to_have_attribute("data-at", "layer1.0.add")


def test_keys_walk_open_and_close(opened, data):
    root = opened(data)
    strip = root.get_by_role("slider")
    strip.focus()
    for key, place in [
        ("ArrowRight", "bn1"),
        ("ArrowLeft", "conv1"),
        ("End", "fc"),
        ("Home", "conv1"),
        *[("ArrowRight", name) for name in ("bn1", "relu", "maxpool", "layer1.0")],
        ("ArrowDown", "layer1.0.conv1"),  # opens
        ("ArrowRight", "layer1.0.bn1"),
        ("ArrowUp", "layer1.0"),  # closes
        ("ArrowRight", "layer1.1"),
    ]:
        strip.press(key)
        expect(root).to_have_attribute("data-at", place)
    assert "layer1.1" in strip.get_attribute("aria-valuetext")
    assert bar(root, "layer1.0.conv1").count() == 0


def test_keys_of_the_page_around_reach_it_from_every_control(opened, data):
    root = opened(data)
    root.evaluate(
        """root => {
          window.heard = [];
          document.body.addEventListener('keydown', ({key}) => {
            if (!['Control', 'Shift'].includes(key)) heard.push(key);
          });
        }"""
    )
    root.get_by_role("combobox", name="speed").press("Control+s")
    for control in (root.get_by_role("slider"), root.get_by_role("button", name="next")):
        for keys in ("Control+s", "Shift+Enter", "Escape", "Enter", "ArrowRight"):
            control.press(keys)
    assert root.evaluate("() => heard") == ["s", *["s", "Enter", "Escape"] * 2]


def test_the_button_that_leads_no_further_leaves_its_focus_to_the_strip(opened, data):
    root = opened(data)
    root.get_by_role("slider").press("End")
    root.get_by_role("slider").press("ArrowLeft")
    root.get_by_role("button", name="next").press("Enter")
    expect(root).to_have_attribute("data-at", "fc")
    expect(root.get_by_role("slider")).to_be_focused()


def test_a_stage_of_one_block_opens_to_the_block_and_closes_for_good(opened):
    root = opened(ShapeExplorer("resnet8", (1, 3, 32, 32)).page_data())
    root.get_by_role("button", name="show blocks").click()
    bar(root, "layer1.0").click()
    strip = root.get_by_role("slider")
    for key, place in [
        ("ArrowUp", "layer1"),
        ("ArrowUp", "layer1"),
        ("ArrowDown", "layer1.0"),
        ("ArrowDown", "layer1.0.conv1"),
    ]:
        strip.press(key)
        expect(root).to_have_attribute("data-at", place)


def test_back_and_next_can_be_pressed_where_they_lead_somewhere(opened):
    blocks = [nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()) for _ in range(2)]
    root = opened(ShapeExplorer(nn.Sequential(*blocks), (1, 8, 8)).page_data())
    back, following = (root.get_by_role("button", name=name) for name in ("back", "next"))
    root.get_by_role("button", name="show blocks").click()
    bar(root, "0").click()
    expect(back).to_be_disabled()
    root.locator('.part[data-layer="0.0"]').click()  # the first row, in a closed block
    back.click()
    expect(root).to_have_attribute("data-at", "0")
    root.get_by_role("button", name="show layers").click()
    bar(root, "1.1").click()
    expect(following).to_be_disabled()
    root.get_by_role("button", name="▾ 1").click()  # the last block, which is open
    following.click()
    expect(root).to_have_attribute("data-at", "1.0")


def inception() -> nn.Module:
    """Three branches side by side; the second has two layers."""
    return Net(
        lambda self, x: torch.cat([self.a(x), self.b2(self.b1(x)), self.c(x)], 1),
        **{name: nn.Conv2d(4, 4, 1) for name in ("a", "b1", "b2", "c")},
    )


def squeeze() -> nn.Module:
    layers = {"pool": nn.AdaptiveAvgPool2d(1), "conv": nn.Conv2d(4, 4, 1), "gate": nn.Sigmoid()}
    return Net(lambda self, x: x * self.gate(self.conv(self.pool(x))), **layers)


class Dense(nn.Module):
    """Each layer reads what all others before it gave: too many lines for a small box."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4 * (i + 1), 4, 1) for i in range(layers))

    def forward(self, x):
        found = [x]
        for layer in self.layers:
            found.append(layer(torch.cat(found, 1)))
        return torch.cat(found, 1)


@pytest.mark.parametrize(
    ("block", "sign", "levels", "meeting"),
    [
        (inception(), "concatenate", [3, 1, 1], 3),
        (squeeze(), "multiply", [1, 1, 1, 1], 2),
        (Dense(2), "concatenate", [1, 1, 1, 1, 1], 5),
        (Dense(8), "", [1] * 12, 0),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)), "", [1, 1, 1], 0),
    ],
)
def test_a_closed_block_is_drawn_as_it_runs(block, sign, levels, meeting, opened):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), block)
    widget = ShapeExplorer(model, (1, 3, 8, 8))
    widget.place = "1"
    picture = opened(widget.page_data()).locator(".operation svg.block")
    boxes = picture.locator(".part").evaluate_all(
        "all => all.map(e => e.querySelector('rect, circle').getBoundingClientRect())"
        ".map(({x, y, right, height}) => [Math.round(y + height / 2), x, right])"
    )
    rows = sorted({y for y, _, _ in boxes})
    assert [sum(y == row for y, _, _ in boxes) for row in rows] == levels
    for row in rows:
        beside = sorted((x, right) for y, x, right in boxes if y == row)
        assert all(a[1] < b[0] for a, b in zip(beside, beside[1:], strict=False))
    assert picture.locator(f".line.{sign or 'none'}").count() == meeting
    assert bool(sign) == bool(picture.locator(f".sign.{sign or 'none'}").count())
    is_list = picture.get_by_text("in the order they run").count()
    lines = picture.locator(".line").count()
    assert (lines == 0) == bool(is_list) == (isinstance(block, Dense) and len(rows) > 9)


def test_each_place_is_reached_where_names_come_twice(opened):
    widget = ShapeExplorer(Again(), (1, 3, 5, 5))
    widget.level = "layers"
    root = opened(widget.page_data())
    bars = root.locator(".strip .bar.row")
    names = [row.name for row in widget.trace]
    assert bars.count() == len(names)
    strip = root.get_by_role("slider")
    for row, name in enumerate(names):
        bars.nth(row).click()
        at_ = (root.get_attribute("data-at"), root.get_attribute("data-layer"))
        assert at_ == (name, str(row)) and f"step {row + 1} of" in root.inner_text()
        strip.press("ArrowLeft" if row else "Home")
        assert root.get_attribute("data-layer") == str(max(row - 1, 0))
    for first, last in ((6, 7), (4, 5), (0, 1)):
        bars.nth(first).click()
        strip.press("ArrowUp")  # closes the folder around it; both, where it works twice
        expect(root).to_have_attribute("data-layer", str(last))
        strip.press("ArrowDown")
        expect(root).to_have_attribute("data-layer", str(first))
    root.get_by_role("button", name="show blocks").click()
    for folder, last in enumerate((1, 5, 7)):
        root.locator(".strip .bar.folder").nth(folder).click()
        expect(root).to_have_attribute("data-layer", str(last))
        part = root.locator(".close-up .part").first
        part.click()
        expect(root).to_have_attribute("data-layer", str(last - 1))


def test_the_pointer_reads_names_and_drags_along(opened, data):
    root = opened(data)
    bar(root, "layer3.0").hover()
    tip = root.locator(".tip")
    expect(tip).to_contain_text("layer3.0")
    expect(tip).to_contain_text("32×14×14 → 64×7×7")
    expect(tip).to_contain_text("55,552 parameters")
    page = root.page
    start, end = bar(root, "conv1").bounding_box(), bar(root, "layer2.1").bounding_box()
    y = start["y"] + start["height"] / 2
    page.mouse.move(start["x"] + start["width"] / 2, y)
    page.mouse.down()
    seen = []
    for i in range(21):
        page.mouse.move(start["x"] + (end["x"] + end["width"] / 2 - start["x"]) * i / 20, y)
        seen.append(root.get_attribute("data-at"))
    page.mouse.up()
    assert seen[-1] == "layer2.1" and {"bn1", "layer1.0", "layer2.0"} <= set(seen)


def test_a_pinch_ends_where_it_began(opened, data):
    root = opened(data)
    one, two = bar(root, "layer1.0"), bar(root, "layer2.1")

    def finger(number: int, kind: str, where: Locator, x: int) -> None:
        event = {"pointerId": number, "pointerType": "touch", "clientX": x, "buttons": 1}
        where.dispatch_event(f"pointer{kind}", event | {"bubbles": True})

    before = root.get_attribute("data-at")
    finger(1, "down", one, 300)
    finger(2, "down", two, 500)
    finger(2, "move", two, 540)
    finger(1, "up", one, 300)
    finger(2, "move", two, 800)
    finger(2, "up", two, 800)
    assert root.get_attribute("data-at") == before
    finger(3, "down", two, 500)
    finger(3, "up", two, 500)
    expect(root).to_have_attribute("data-at", "layer2.1")


@pytest.mark.parametrize("name", ["conv1", "bn1", "layer1.0.conv2", "layer1.0.add", "fc"])
def test_the_value_under_the_pointer_is_that_of_torch(name, opened, data, trained, picture):
    """Each of the numbers of the page is a number of the network, to three digits."""
    root = opened(data)
    heard = hooked(trained, picture)
    heard["layer1.0.add"] = heard["maxpool"] + heard["layer1.0.bn2"]
    go_to(root, name)
    out = root.locator(".volume.out svg")
    out.focus()
    if heard[name].ndim == 4:
        for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
            out.press(key)
    words = root.locator(".products").inner_text()
    place = map(int, numbers_in(words.split(":")[0]))  # channel, row, column
    shown = numbers_in(words.split(":")[1])[0]
    assert shown == pytest.approx(heard[name][(0, *place)].item(), abs=0.006, rel=0.006)
    if " = " in words and name == "layer1.0.add":
        assert sum(numbers_in(words.split("=")[1])) == pytest.approx(shown, abs=0.02)


def go_to(root: Locator, name: str) -> None:
    block = name.rpartition(".")[0]
    if block:
        bar(root, block).click()
        root.locator(f'.part[data-layer="{name}"]').click()
    else:
        bar(root, name).click()
    expect(root).to_have_attribute("data-at", name)


def numbers_in(words: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", words.replace("−", "-"))]


def test_the_window_and_the_frame_of_a_value(opened, data):
    root = opened(data)
    go_to(root, "conv1")
    out = root.locator(".volume.out svg")
    out.focus()  # the value in the middle: row 14, column 14
    expect(root.locator(".products")).to_contain_text("row 14, column 14")
    expect(root.locator(".volume.in .window-frame")).to_have_count(1)
    card = root.locator(".volume.in .card").last.locator(".edge").bounding_box()
    frame = root.locator(".volume.in .window-frame").bounding_box()
    unit = card["width"] / 28
    assert (frame["x"] - card["x"]) / unit == pytest.approx(13, abs=0.3)
    assert frame["width"] / unit == pytest.approx(3, abs=0.6)
    seen = root.locator(".seen .field")
    assert [float(seen.get_attribute(k)) for k in ("x", "y", "width")] == [13, 13, 3]


def test_another_width_keeps_what_is_pointed_at(opened, data):
    root = opened(data)
    products, shown = root.locator(".products"), root.locator(".volume.out svg")
    shown.focus()
    expect(products).to_contain_text("channel 0")
    before = products.text_content()
    root.page.set_viewport_size({"width": 700, "height": 900})
    expect(root).to_have_class(re.compile("portrait"))
    assert products.text_content() == before
    expect(shown).to_be_focused()


def test_keys_go_from_channel_to_channel(opened, data):
    root = opened(data)
    go_to(root, "conv1")
    out = root.locator(".volume.out svg")
    expect(out).to_have_attribute("aria-label", re.compile("with Shift .* from channel to channel"))
    out.focus()
    shown = []
    for key in ["Shift+ArrowDown"] * 4 + ["Shift+ArrowUp"] * 4:
        out.press(key)
        shown.append(numbers_in(root.locator(".products strong").inner_text())[:3])
    channels = data["maps"]["0"]["channels"]
    assert shown == [[channels[k], 14, 14] for k in (1, 2, 3, 3, 2, 1, 0, 0)]
    go_to(root, "fc")
    expect(out).not_to_have_attribute("aria-label", re.compile("channel"))


def test_an_equation_that_does_not_hold_is_left_out(opened, data):
    other = json.loads(json.dumps(data))
    other["maps"]["0"]["weight_scale"] *= 2
    for each, count in ((data, 1), (other, 0)):
        root = opened(each)
        go_to(root, "conv1")
        root.locator(".volume.out svg").focus()
        assert root.locator(".products").inner_text().count(" = ") == count


# What is lit in what goes in: [volume, channel or -1 for a box, row, column] of each value.
LIT = """root => [...root.querySelectorAll('.volume:not(.out) .volume-picture')].flatMap((svg, i) =>
  [...svg.querySelectorAll('.light > *')].flatMap((mark) => {
    const { card, rows, columns } = mark.dataset;
    const box = svg.querySelector(`.card[data-card="${card}"]`);
    const channel = Number(box.dataset.channel ?? -1);
    const every = (ys, xs) => ys.flatMap((y) => xs.map((x) => [i, channel, y, x]));
    const listed = (text) => text.split(' ').filter(Boolean).map(Number);
    if (rows !== undefined) return every(listed(rows), listed(columns));
    if (svg.querySelector(`.pixels[data-card="${card}"]`)) return []; // these say it better
    const paper = box.querySelector('.edge, .front');
    const span = (from, length, count) => {
      const unit = paper.getAttribute(length) / count;
      const first = Math.round((mark.getAttribute(from) - paper.getAttribute(from)) / unit);
      const size = Math.max(1, Math.round(mark.getAttribute(length) / unit));
      return [...Array(size).keys()].map((n) => first + n).filter((n) => n >= 0 && n < count);
    };
    const [high, wide] = svg.dataset.sides.split(' ');
    return every(span('y', 'height', Number(high)), span('x', 'width', Number(wide)));
  }))"""


def conv(*given, **options) -> nn.Conv2d:
    return nn.Conv2d(*given, padding=1, **options)


def two(join: Callable) -> nn.Module:
    """Two convolutions, and a function of what they give."""
    return Net(lambda self, x: join(self.a(x), self.b(x)), a=conv(1, 4, 3), b=conv(1, 4, 3))


def after(last: nn.Module, between: Callable = lambda x: x) -> nn.Module:
    """A convolution and another layer."""
    return Net(lambda self, x: self.last(between(self.a(x))), a=conv(1, 4, 3), last=last)


def turned(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


SQUEEZE = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 4, 1))
# The last row of each: must something be lit, or only nothing that is wrong?
READS = {
    "dilated": (after(nn.Conv2d(4, 3, 3, padding=2, dilation=2)), True),
    "dilated unevenly": (after(nn.Conv2d(4, 3, (2, 3), 2, (0, 3), (1, 3))), True),
    **{
        mode: (after(nn.Conv2d(4, 3, 3, padding=2, padding_mode=mode)), True)
        for mode in ("circular", "reflect", "replicate")
    },
    "grouped": (after(conv(4, 8, 3, groups=2)), True),
    "depthwise": (after(conv(4, 4, 3, groups=4)), True),
    "shuffled": (after(conv(4, 4, 3, groups=4), lambda x: x[:, [2, 3, 0, 1]]), False),
    "own class": (after(type("Own", (nn.Conv2d,), {})(4, 3, 3)), True),
    "average": (after(nn.AvgPool2d(3, 2, 1)), True),
    "adaptive": (after(nn.AdaptiveAvgPool2d((5, 4))), True),
    "concatenation": (two(lambda a, b: torch.cat([a, b], 1)), True),
    "concatenation along rows": (two(lambda a, b: torch.cat([a, b], 2)), False),
    "concatenation of parts": (two(lambda a, b: torch.cat([a[:, :2], b, a[:, 2:]], 1)), False),
    "sum": (two(lambda a, b: a + b), True),
    "sum with a mirrored one": (two(lambda a, b: a + b.flip(3)), False),
    "gate": (Net(lambda self, x: self.a(x) * self.b(x), a=conv(1, 4, 3), b=SQUEEZE), True),
    "flatten": (after(nn.Flatten()), True),
    "flatten channels last": (after(nn.Flatten(), turned), False),
    "padding": (after(nn.ZeroPad2d((3, 0, 1, 0))), False),
    "zoom": (after(nn.Upsample(scale_factor=2, mode="bilinear")), False),
    "group norm": (after(nn.GroupNorm(2, 4)), False),
    "layer norm": (after(nn.LayerNorm([4, 8, 9])), False),
    "batch norm": (after(nn.BatchNorm2d(4)), True),
    "sigmoid": (after(nn.Sigmoid()), True),
    "softmax": (after(nn.Softmax(1)), False),
    "mean": (Net(lambda self, x: self.a(x).mean((2, 3)), a=conv(1, 4, 3)), True),
    "linear, channels last": (after(nn.Linear(4, 5), turned), True),
    "linear along columns": (after(nn.Linear(9, 5)), False),
}


@pytest.mark.parametrize("name", READS)
def test_only_what_a_value_is_made_of_is_lit(name, opened):
    """A gradient tells what a value is made of; the first layers' maps are those that go in."""
    torch.manual_seed(0)
    model, something = READS[name]
    x, given = torch.randn(1, 1, 8, 9), {}
    model.eval()
    widget = ShapeExplorer(model, x)
    last = len(widget.trace) - 1
    widget.layer = last
    sources = [widget.trace[e.source].name for e in widget.trace.edges if e.target == last]
    for own, part in model.named_modules():
        part.register_forward_hook(lambda _, __, out, name=own: given.update({name: out}))
    value = model(x)
    if widget.network["rows"][last].get("out_last"):
        value = value.movedim(-1, 1)
    root = opened(widget.page_data())
    picture = root.locator(".volume.out svg")
    picture.focus()
    for keys in ([], ["ArrowUp"] * 9 + ["ArrowLeft"] * 9, ["ArrowDown", "ArrowRight"] * 2):
        for key in keys:
            picture.press(key)
        place = numbers_in(root.locator(".products strong").inner_text().split(":")[0])
        one = value[(0, *map(int, place))]
        made_of = torch.autograd.grad(one, [given[s] for s in sources], retain_graph=True)
        lit = {tuple(each) for each in root.evaluate(LIT)}
        shown = root.locator(".volume:not(.out) .volume-picture").evaluate_all(
            "all => all.map(svg => [...svg.querySelectorAll('[data-channel]')]"
            ".map(e => Number(e.dataset.channel)))"
        )
        expected = set()
        for i, (gradient, channels) in enumerate(zip(made_of, shown, strict=True)):
            for channel, row, column in gradient[0].nonzero().tolist():
                if channel in channels or not channels:
                    expected.add((i, channel if channels else -1, row, column))
        assert lit == expected if something else lit in (set(), expected)


def test_a_strip_that_becomes_short_is_not_stretched(opened):
    root = opened(ShapeExplorer("resnet152").page_data())
    strip = root.get_by_role("slider")
    root.get_by_role("button", name="show layers").click()
    for _ in range(4):
        root.get_by_role("button", name="zoom in").click()
    assert strip.evaluate("strip => strip.scrollWidth > strip.clientWidth + 100")
    root.get_by_role("button", name="show stages").click()
    assert strip.evaluate("strip => strip.scrollWidth < 2 * strip.clientWidth")


def test_zoom_with_buttons_and_the_wheel(opened):
    root = opened(ShapeExplorer("resnet152").page_data())
    wide = "e => e.querySelector('.strip svg').clientWidth"
    before = root.evaluate(wide)
    root.get_by_role("button", name="zoom in").click()
    assert root.evaluate(wide) > 1.3 * before
    root.get_by_role("slider").focus()
    bar(root, "layer3.10").hover()
    root.page.mouse.wheel(0, -400)
    zoomed = root.evaluate(wide)
    assert zoomed > 1.8 * before
    bar(root, "layer3.10").click()
    expect(root).to_have_attribute("data-at", "layer3.10")
    for _ in range(9):
        root.get_by_role("button", name="zoom out").click()
    assert root.evaluate(wide) == before


def test_play_walks_to_the_end_and_stops(opened):
    root = opened(
        ShapeExplorer(nn.Sequential(*[nn.Conv2d(1, 1, 1) for _ in range(3)]), (1, 8, 8)).page_data()
    )
    root.get_by_label("speed").select_option("fast")
    root.get_by_role("button", name="play").click()
    expect(root).to_have_attribute("data-at", "2")
    expect(root.get_by_role("button", name="play")).to_be_visible()


def twice() -> nn.Module:
    """One layer used twice, two inputs, and a concatenation."""
    return Net(
        lambda self, a, b: (self.head(torch.cat([self.conv(self.conv(a)), b], 1)), a * b),
        conv=nn.Conv2d(3, 3, 3, padding=1),
        head=nn.Conv2d(6, 2, 1),
    )


ODD = {
    "twice": lambda: ShapeExplorer(twice(), [(1, 3, 16, 16), (1, 3, 16, 16)]),
    "broken": lambda: ShapeExplorer(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(3, 2, 3)), (1, 9, 9)
    ),
    "vectors": lambda: ShapeExplorer(nn.Sequential(nn.Linear(9, 300), nn.Linear(300, 2)), (1, 9)),
    "names": lambda: ShapeExplorer(
        nn.Sequential(nn.ModuleDict({"<b>" + "x" * 60: nn.ReLU()})["<b>" + "x" * 60]), (1, 9, 9)
    ),
    "sound": lambda: ShapeExplorer(nn.Conv1d(2, 3, 5, stride=2), torch.zeros(1, 2, 40)),
    "attention": lambda: ShapeExplorer(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        torch.zeros(1, 5, 8),
    ),
}


def overlapping(texts: list) -> list[tuple[str, str]]:
    found = []
    for i, (a, *one) in enumerate(texts):
        for b, *two in texts[i + 1 :]:
            across = min(one[1], two[1]) - max(one[0], two[0])
            down = min(one[3], two[3]) - max(one[2], two[2])
            if across > 0.5 and down > 0.5:
                found.append((a, b))
    return found


def torchvision_data(name: str) -> dict:
    return ShapeExplorer(build(name), inputs(name)[0].shape, title=name).page_data()


NAMES = [name for name, kind in KIND.items() if kind == "classification"]


@pytest.mark.parametrize("part", range(6))
def test_no_two_labels_touch_in_any_network_of_torchvision(part, page):
    for name in NAMES[part::6]:
        assert_labels(page, torchvision_data(name), name)


@pytest.mark.parametrize("name", ODD)
def test_no_two_labels_touch_in_odd_networks(name, page):
    assert_labels(page, ODD[name]().page_data(), name)


def assert_labels(page: Page, data: dict, name: str) -> None:
    for width in (960, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.set_content(page_of(data))
        root = page.locator(".resnet-explorer")
        levels = root.locator(".levels button")
        for level in range(levels.count() + 1):
            if level:
                levels.nth(level - 1).click()
            texts = root.evaluate(TEXTS)
            assert texts and overlapping(texts) == [], (name, width, level)
            inside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert inside[0] <= inside[1], (name, width, level)


def test_a_phone_shows_all_of_it_in_letters_of_twelve_pixels(opened, data):
    root = opened(data, 390, device_scale_factor=2, has_touch=True, is_mobile=True)
    for place in ("conv1", "layer2.0", "fc"):
        bar(root, place).tap()
        expect(root).to_have_attribute("data-at", place)
        small = [each for each in root.evaluate(LETTERS) if each[0] < 12]
        assert small == []
        assert root.evaluate(CUT) == []
    root.locator(
        '.sign[data-layer="layer1.0.add"], path[data-layer="layer1.0.add"]'
    ).first.dispatch_event("pointerdown", {"pointerId": 1, "bubbles": True})
    expect(root.locator(".volume")).to_have_count(3)


def test_the_lecture_has_large_letters(opened, data):
    root = opened(data, 1280, {"large": True})
    bar(root, "layer1.0").click()
    assert [each for each in root.evaluate(LETTERS) if each[0] < 17] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(theme, opened, data):
    root = opened(data)
    root.page.evaluate("document.body.style.background = '#fff'")
    root.evaluate(f"e => {{ e.dataset.theme = '{theme}' }}")
    for place in ("conv1", "layer1.0"):
        bar(root, place).click()
        assert axe(root.page, ".resnet-explorer") == []


def test_a_module_that_fails_keeps_its_strip_up_to_the_red_layer(opened):
    data = ODD["broken"]().page_data()
    root = opened(data)
    root.get_by_role("slider").press("End")
    alert = root.get_by_role("alert")
    expect(alert).to_contain_text("It stops at 1, where 1×2×7×7")
    expect(alert).to_contain_text("was built for 3 channels")
    assert bar(root, "0").count() == 1
    fill = bar(root, "1").locator(".box").evaluate("e => getComputedStyle(e).fill")
    assert fill == "rgb(179, 0, 27)"


def test_hostile_names_are_text(opened):
    model = nn.Sequential()
    model.add_module("<img src=x onerror=alert(1)>", nn.Conv2d(1, 1, 1))
    root = opened(ShapeExplorer(model, (1, 4, 4), title="<script>alert(1)</script>").page_data())
    assert root.locator("img, script").count() == 0
    expect(root).to_contain_text("<img src=x onerror=alert(1)>")


def test_the_shapes_of_the_page_are_those_of_the_trace(opened):
    root = opened(ShapeExplorer("resnet18").page_data())
    root.get_by_role("button", name="show layers").click()
    strip = root.get_by_role("slider")
    strip.press("Home")
    for row in list(trace(create_model("resnet18"), (3, 224, 224)))[:12]:
        expect(root).to_have_attribute("data-at", row.name)
        shapes = root.locator(".volume .shape").all_inner_texts()
        assert shapes[-1] == "×".join(map(str, row.out_shape))
        assert shapes[0] == "×".join(map(str, row.in_shape))
        strip.press("ArrowRight")
