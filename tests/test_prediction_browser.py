"""PredictionBrowser: the right numbers, the right pictures in the right order, the right heat."""

from __future__ import annotations

import html
import io
import re
from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace
from unittest.mock import Mock

import ipywidgets as w
import matplotlib as mpl
import numpy as np
import PIL.Image
import pytest
import torch
import traitlets
from helpers import Net, equal
from torch import nn

from resnet_course import BasicBlock, create_model, drawn_garments
from resnet_course.data.batches import to_float
from resnet_course.measure.feature_maps import grad_cam
from resnet_course.measure.verdicts import Verdicts
from resnet_course.pictures.verdict_figures import close_up, shade, sheet, table
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import prediction_browser
from resnet_course.widgets.prediction_browser import PredictionBrowser

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(1, 160)


@pytest.fixture(scope="module")
def model():
    """A trained network that was spoiled: it is mostly right, and wrong in several ways."""
    net = trained_model("drawn-garments")
    noise = torch.randn(net.fc.weight.shape, generator=torch.Generator().manual_seed(0))
    net.fc.weight.data += 0.6 * noise
    return net


@pytest.fixture(scope="module")
def by_hand(model, splits):
    """Right class, predicted class and its probability, for one picture after the other."""
    x = to_float(splits.test_images, splits.mean, splits.std)
    with torch.no_grad():
        shares = torch.cat([model(one[None]) for one in x]).softmax(dim=1)
    best, answers = shares.max(dim=1)
    return list(zip(splits.test_labels.tolist(), answers.tolist(), best.tolist(), strict=True))


@pytest.fixture
def browser(model, splits):
    return PredictionBrowser(model, splits)


def chosen_by_hand(by_hand, pair):
    """Indices in the order that is asked for."""
    indices = [i for i, (right, says, _) in enumerate(by_hand) if right != says]
    if pair is not None:
        indices = [i for i, verdict in enumerate(by_hand) if verdict[:2] == pair]
    sign = 1 if pair is not None and pair[0] == pair[1] else -1
    return sorted(indices, key=lambda i: sign * by_hand[i][2])


def alt(browser) -> str:
    return html.unescape(re.search(r'<img alt="(.*?)"', browser.picture.value).group(1))


def most_frequent(browser, right: bool):
    pairs = [pair for pair, cell in browser.cells.items() if (pair[0] == pair[1]) == right]
    return max(pairs, key=lambda pair: int(browser.cells[pair].description or 0))


def shows(browser, expected: list[int]) -> bool:
    """Whether the places hold these pictures; not all are tried, since each is drawn."""
    assert browser.place.max == len(expected)
    found = {}
    for place in (1, 2, 3, len(expected) // 2, len(expected)):
        browser.place.value = place
        found[place] = browser.index
    return all(expected[place - 1] == index for place, index in found.items())


# The matrix.


def test_the_buttons_count_as_by_hand(browser, by_hand, splits):
    counts = np.zeros((10, 10), int)
    for right, says, _ in by_hand:
        counts[right, says] += 1
    assert len(browser.cells) == 100 and counts.sum() == len(browser.predictions) == 160
    for (right, says), cell in browser.cells.items():
        count, names = counts[right, says], splits.classes
        assert cell.description == (str(count) if count else "")
        assert cell.disabled == (count == 0)
        taken = "right" if right == says else f"taken for {names[says]}"
        between = ", " if right == says else " "
        assert cell.tooltip == f"{names[right]}{between}{taken}: {count} of {counts[right].sum()}"
        # Without a count the theme decides.
        colours = shade(count / counts[right].sum(), right == says) if count else (None, None)
        assert (cell.style.button_color, cell.style.text_color) == colours


def lightness(colour: str) -> float:
    c = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("right", [True, False])
def test_shades_get_darker_with_the_root_of_the_share_and_can_be_read(right):
    grounds = []
    for share in np.linspace(0, 1, 41):
        ground, ink = shade(float(share), right)
        dark, light = sorted((lightness(ground), lightness(ink)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink)
        red, _, blue = mpl.colors.to_rgb(ground)
        assert share < 0.05 or (blue > red) == right
        grounds.append(lightness(ground))
    assert grounds == sorted(grounds, reverse=True)
    exact = mpl.colormaps["Blues" if right else "Oranges"](0.5)
    assert shade(0.25, right)[0] == mpl.colors.to_hex(exact)


# Choosing and paging.


def test_at_first_it_shows_all_mistakes_the_most_confident_first(browser, by_hand):
    expected = chosen_by_hand(by_hand, None)
    assert browser.chosen is None and browser.index == expected[0]
    assert browser.show.label == "all mistakes, the most confident first"
    assert browser.where.value == f"mistake 1 of {len(expected)}"
    assert shows(browser, expected)


@pytest.mark.parametrize("right", [False, True])
def test_a_click_on_a_cell_chooses_its_pictures(browser, by_hand, splits, right):
    pair = most_frequent(browser, right)
    expected = chosen_by_hand(by_hand, pair)
    assert len(expected) > 3
    browser.forward.click()
    browser.cells[pair].click()
    assert browser.chosen == browser.show.value == pair
    kind = "right answer" if right else "mistake"
    assert browser.where.value == f"{kind} 1 of {len(expected)}"
    assert (browser.index, browser.place.max) == (expected[0], len(expected))
    browser.place.value = last = max(len(expected) - 3, 1)
    for index in expected[last - 1 :]:
        assert browser.index == index
        label, says, share = by_hand[index]
        assert f"Test picture {index} of drawn-garments" in alt(browser)
        assert f"the right class is {splits.classes[label]}," in alt(browser)
        assert f"the network says {splits.classes[says]}." in alt(browser)
        assert f"probabilities: {splits.classes[says]} {share:.2%}," in alt(browser)
        browser.forward.click()
    assert browser.index == expected[-1]  # the end is the end
    browser.back.click()
    assert browser.index == expected[-2]
    browser.place.value = 1
    browser.back.click()
    assert browser.index == expected[0]


def test_the_list_offers_every_pair_that_occurs_the_most_frequent_mistake_first(browser, splits):
    labels = [label for label, _ in browser.show.options]
    values = [value for _, value in browser.show.options]
    assert sorted(values[1:]) == [p for p in sorted(browser.cells) if browser.cells[p].description]
    counts = [int(browser.cells[pair].description) for pair in values[1:]]
    mistakes = sum(pair[0] != pair[1] for pair in values[1:])
    assert all(pair[0] != pair[1] for pair in values[1 : mistakes + 1])
    assert counts[:mistakes] == sorted(counts[:mistakes], reverse=True)
    (right, says), count = values[1], counts[0]
    assert labels[1] == f"{splits.classes[right]} → {splits.classes[says]} ({count})"


def test_list_cells_and_chosen_follow_each_other(browser, by_hand):
    pair, other = most_frequent(browser, False), most_frequent(browser, True)
    plain = browser.cells[other].layout
    browser.show.value = pair
    assert browser.chosen == pair and browser.index == chosen_by_hand(by_hand, pair)[0]
    frame = browser.cells[pair].layout
    assert frame.border_top == f"3px solid {browser.cells[pair].style.text_color}"
    assert browser.cells[other].layout is plain and plain.border_top == "3px solid transparent"
    browser.chosen = other
    assert browser.show.value == other and browser.index == chosen_by_hand(by_hand, other)[0]
    assert browser.cells[pair].layout is plain and browser.cells[other].layout is not plain
    never = next(pair for pair, cell in browser.cells.items() if not cell.description)
    for wrong in (never, (0, 10), (-1, -1)):
        with pytest.raises(traitlets.TraitError, match="a pair .* that occurs, such as"):
            browser.chosen = wrong
    assert browser.chosen == browser.show.value == other
    browser.show.index = 0
    assert browser.chosen is None and browser.cells[other].layout is plain
    assert browser.index == chosen_by_hand(by_hand, None)[0]


def test_a_click_sends_few_messages_and_a_picture_is_drawn_once(browser, monkeypatch):
    sent, drawn = [], Mock(side_effect=close_up)
    monkeypatch.setattr(w.Widget, "_send", lambda self, message, **_: sent.append(message))
    monkeypatch.setattr(prediction_browser, "close_up", drawn)
    browser.cells[most_frequent(browser, True)].click()
    assert 4 <= len(sent) <= 7 and drawn.call_count == 1
    sent.clear()
    first = browser.picture.value
    browser.forward.click()
    assert len(sent) == 3 and drawn.call_count == 2 and browser.picture.value != first
    browser.back.click()
    assert drawn.call_count == 2 and browser.picture.value == first


# The pictures.


@pytest.mark.parametrize("right", [False, True])
def test_heat_is_grad_cam_of_the_predicted_and_of_the_right_class(model, splits, right):
    verdicts = Verdicts(model, splits)
    pair = next(pair for pair in verdicts.pairs() if (pair[0] == pair[1]) == right)
    index = int(verdicts.order(pair)[0])
    figure = close_up(verdicts, index)
    x = to_float(splits.test_images[[index]], splits.mean, splits.std)
    heats = [grad_cam(model, x)] + ([] if right else [grad_cam(model, x, torch.tensor(pair[:1]))])
    panels, bars = figure.axes[:-1], figure.axes[-1]
    assert len(panels) == 1 + len(heats)
    picture = splits.test_images[index, 0].numpy()
    assert all(np.array_equal(axes.images[0].get_array(), picture) for axes in panels)
    assert panels[0].images[0].get_clim() == (picture.min(), picture.max())  # not made lighter
    names = [splits.classes[pair[1]], splits.classes[pair[0]]]
    for axes, heat, name in zip(panels[1:], heats, names, strict=False):
        assert np.allclose(axes.images[1].get_alpha(), 0.75 * heat[0].numpy(), atol=1e-3)
        assert axes.get_title() == f"what speaks for\n{name}"
    with torch.no_grad():
        best = model(x)[0].softmax(dim=0).topk(3)
    widths = [patch.get_width() for patch in bars.patches][1::2]  # a grey one lies below each
    assert np.allclose(widths, best.values, atol=1e-4)
    for text, number, share in zip(bars.texts, best.indices, best.values, strict=True):
        label = " (label)" if number == pair[0] else ""
        assert text.get_text() == f"{splits.classes[number]} {share:.2%}{label}"


def test_words_say_where_the_heat_is(model, splits, monkeypatch):
    verdicts = Verdicts(model, splits)
    heat = torch.zeros(2, 28, 28)
    heat[0, 25, 2] = heat[1, 3, 14] = 1.0
    monkeypatch.setattr(verdicts, "heat", lambda indices, targets: heat[: len(indices)])
    words = close_up(verdicts, int(verdicts.order(None)[0])).alt
    assert "is strongest at the bottom left." in words and "is strongest at the top." in words
    heat.zero_()
    assert "is strongest nowhere." in close_up(verdicts, int(verdicts.order(None)[0])).alt


def test_the_static_picture_shows_the_first_eight(browser, by_hand, model, splits):
    for pair in (None, most_frequent(browser, False)):
        browser.chosen = pair
        expected = chosen_by_hand(by_hand, pair)[:8]
        figure = browser.still()
        panels = [axes for axes in figure.axes if axes.images]
        assert len(panels) == len(expected)
        x = to_float(splits.test_images[expected], splits.mean, splits.std)
        for axes, index, heat in zip(panels, expected, grad_cam(model, x), strict=True):
            picture = splits.test_images[index, 0].numpy()
            assert np.array_equal(axes.images[0].get_array(), picture)
            assert np.allclose(axes.images[1].get_alpha(), 0.75 * heat.numpy(), atol=1e-3)
            right, says, share = by_hand[index]
            label, net = splits.classes[right], splits.classes[says]
            assert axes.get_title() == f"label: {label}\nnet: {net} {share:.2%}"
            assert f"label {label}, net {net} {share:.2%}" in figure.alt


def test_the_static_form_says_what_matters(browser, by_hand):
    page = browser.to_html()
    assert page.count("<img alt=") == page.count("data:image/png;base64,") == 2
    assert html.escape(browser.still().alt) in page
    words = browser.describe()
    mistakes = chosen_by_hand(by_hand, None)
    assert f"{1 - len(mistakes) / 160:.2%} of 160 test pictures" in words
    assert f"mistake: {browser.cells[most_frequent(browser, False)].tooltip}." in words
    assert f"Shown: mistake 1 of {len(mistakes)}. {alt(browser)}" in words
    assert browser.still().alt in words


def test_a_page_without_a_kernel_shows_the_heat_of_the_worst_mistakes_too(browser):
    made, verdicts = browser.frames(), browser._verdicts
    shown = made.choices["show"]
    for number, index in enumerate(verdicts.order(None)[:4].tolist(), 1):
        frame = made.frames[shown.index(f"mistake {number}, close up")]
        assert frame.words == close_up(verdicts, index).alt
    assert shown[-1] == "the whole table"


def test_the_keyboard_passes_the_cells_for_the_menu_has_them_all(browser):
    assert all(cell.tabbable is False for cell in browser.cells.values())
    there = {pair for pair, cell in browser.cells.items() if not cell.disabled}
    assert {pair for _, pair in browser.show.options if pair} == there


def test_pictures_of_three_channels_are_drawn_in_their_colours(model, splits, by_hand):
    tint = torch.tensor([1.0, 0.5, 0.1])[:, None, None]
    parts = ("train_images", "test_images")
    coloured = {part: (getattr(splits, part) * tint).to(torch.uint8) for part in parts}
    # It sees the brightest of three colours, as a network for grey pictures does.
    sees = Net(lambda self, x: self.net(x.amax(dim=1, keepdim=True)), net=model)
    browser = PredictionBrowser(sees, replace(splits, **coloured))
    expected = chosen_by_hand(by_hand, None)
    assert browser.index == expected[0] and shows(browser, expected)
    shown = close_up(browser._verdicts, expected[0])
    picture = coloured["test_images"][expected[0]]
    for axes in (*shown.axes[:3], browser.still().axes[0]):
        assert np.array_equal(axes.images[0].get_array(), picture.permute(1, 2, 0).numpy())
    assert shown.axes[0].images[0].get_alpha() is None
    assert all(axes.images[0].get_alpha() > 0.8 for axes in browser.still().axes[:2])
    # What a learner sees is red at the brightest place, not grey.
    page = PIL.Image.open(io.BytesIO(shown.png())).convert("RGB")
    red, _, blue = (np.asarray(page)[:, :200].astype(int)[..., channel] for channel in (0, 1, 2))
    assert (red - blue > 100).sum() > 200


# Models of all kinds.


def test_the_model_is_left_as_it_was(splits):
    torch.manual_seed(0)
    net = create_model("resnet8", in_channels=1).to(memory_format=torch.channels_last).train()
    net.layer1.eval()  # as somebody who freezes batch norm does
    net.fc.requires_grad_(False)
    before = deepcopy(net.state_dict())
    modes = [module.training for module in net.modules()]
    browser = PredictionBrowser(net, splits, limit=20)
    browser.forward.click()
    browser.to_html()
    assert [module.training for module in net.modules()] == modes
    assert equal(net.state_dict(), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters()) and not net.fc.weight.requires_grad
    weight = net.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("limit", [50, None])
def test_only_the_first_pictures_are_looked_at(model, splits, limit):
    browser = PredictionBrowser(model, splits, limit=limit)
    assert torch.equal(browser.predictions.labels, splits.test_labels[:limit])


def test_without_arguments_it_takes_the_trained_model_for_the_pictures_there_are(
    splits, monkeypatch
):
    monkeypatch.setattr(prediction_browser, "fashion_mnist", lambda: splits)
    browser = PredictionBrowser()
    shipped = trained_model("drawn-garments")
    with torch.no_grad():
        expected = shipped(to_float(splits.test_images, splits.mean, splits.std))
    assert torch.allclose(browser.predictions.logits, expected, atol=1e-3)


def test_a_model_without_mistakes_says_so_and_shows_what_it_is_least_sure_of(
    model, splits, by_hand
):
    answers = torch.tensor([says for _, says, _ in by_hand])
    browser = PredictionBrowser(model, replace(splits, test_labels=answers))
    assert browser.show.label == "no mistakes: all right answers, the least confident first"
    assert shows(browser, sorted(range(160), key=lambda i: by_hand[i][2]))
    assert browser.where.value == "right answer 160 of 160"
    assert "100.00% of 160 test pictures of drawn-garments are right: there are no mistakes." in (
        browser.describe()
    )
    page = browser.to_html()
    assert "160 of 160 are on the diagonal." in page and "largest number beside" not in page
    assert "No mistakes" in browser.still()._suptitle.get_text()
    assert not any(a != b for a, b in (value for _, value in browser.show.options[1:]))


def somebody_elses(flatten: type[nn.Module] = nn.Flatten) -> nn.Module:
    """A network whose last maps are made by a block with a shortcut."""
    torch.manual_seed(0)
    start, block = nn.Conv2d(1, 8, 3, stride=2, padding=1), BasicBlock(8, 8)
    end = {"pool": nn.AdaptiveAvgPool2d(1), "flat": flatten(), "head": nn.Linear(8, 10)}
    return nn.Sequential(OrderedDict(start=start, block=block, **end))


def test_heat_comes_from_the_last_maps_of_any_model_or_from_the_layer_that_is_named(splits):
    net = somebody_elses()
    x = to_float(splits.test_images[:1], splits.mean, splits.std)
    for layer, named in (("block", None), ("block.conv2", "block.conv2"), ("start", "start")):
        verdicts = Verdicts(net, splits, limit=10, layer=named)
        expected = grad_cam(net, x, torch.tensor([3]), layer=layer)
        assert torch.allclose(verdicts.heat([0], [3]), expected, atol=1e-6)
    assert not torch.allclose(expected, grad_cam(net, x, torch.tensor([3]), layer="block"))
    assert not any(module._forward_hooks for module in net.modules())


class Detach(nn.Flatten):
    def forward(self, x):
        return super().forward(x).detach()


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "passes on maps of more than one pixel"),
        (somebody_elses(Detach).requires_grad_(False), "grad"),
    ],
)
def test_a_model_without_maps_is_shown_without_heat_and_says_why(net, reason, splits):
    browser = PredictionBrowser(net, splits, limit=30)
    caption = html.unescape(re.search("<figcaption>(.*)</figcaption>", browser.picture.value)[1])
    assert caption.startswith(f"No Grad-CAM for this {type(net).__name__}: ") and reason in caption
    assert "\n" not in caption and "strongest" not in alt(browser)
    assert html.escape(caption) in browser.to_html()
    verdicts = browser._verdicts
    assert len(close_up(verdicts, browser.index).axes) == 2  # the picture and the bars
    assert all(len(axes.images) == 1 for axes in sheet(verdicts, None).axes)


def test_names_of_classes_cannot_do_harm(model, splits):
    names = (HOSTILE, "$x_1$ $\\frac$", "a name that is much longer than a column is wide", 'a"b\n',
             "<b>&amp;", *splits.classes[5:])  # fmt: skip
    hostile = replace(splits, classes=names)
    browser = PredictionBrowser(model, hostile)
    pages_of_html = [child.value for child in walk(browser) if isinstance(child, w.HTML)]
    for number in (0, 1, 3, 4):
        browser.chosen = (number, number)  # no formula that cannot be read
        pages_of_html.append(browser.picture.value)
    pages_of_html.append(browser.to_html())
    for page in pages_of_html:
        assert "<script" not in page and "<b>" not in page
        attributes = re.findall(r'(?:title|alt)="([^"]*)"(?=[ >])', page)
        assert len(attributes) == page.count("title=") + page.count("alt=")
    assert sum(html.escape(HOSTILE) in page for page in pages_of_html) > 2
    assert any(HOSTILE in label for label, _ in browser.show.options)  # plain text there
    drawn = [tick.get_text() for tick in table(browser._verdicts).axes[0].get_yticklabels()]
    assert drawn[1] == names[1] and len(drawn[2]) < 25
    browser.show.index = 1
    assert browser.still().png()


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def test_many_classes_have_no_table_but_can_be_chosen(splits):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 40))
    many = replace(splits, classes=tuple(f"class {i}" for i in range(40)))
    browser = PredictionBrowser(net, many, limit=30)
    assert browser.cells == {}
    assert any("40 classes are too many" in getattr(c, "value", "") for c in browser.children)
    browser.show.index = 1
    assert browser.chosen == browser.show.value and f"of {browser.place.max}" in browser.where.value


def diverged():
    net = create_model("resnet8", in_channels=1)
    net.fc.weight.data.fill_(float("nan"))
    return net


LIMIT = "limit must be None or a whole number from 1 up, got"


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (lambda: create_model("resnet8", in_channels=1, num_classes=7), {}, r"1, 10\).*\(1, 7\)"),
        (lambda: create_model("resnet8"), {}, "ResNet cannot take pictures of .*1×28×2"),
        (lambda: nn.Linear(784, 10), {}, "Linear cannot take pictures"),
        (lambda: Net(lambda self, x: (x, x)), {}, "must give logits .* gives tuple"),
        (lambda: "resnet8", {}, "must be an nn.Module, got str"),
        (diverged, {}, "no finite numbers: its training has diverged"),
        (None, {"layer": "layer9"}, "layer='layer9': .*no module 'layer9'"),
        (None, {"layer": "fc"}, "layer='fc': .*needs maps"),
        *((None, {"limit": limit}, LIMIT) for limit in (0, -3, 2.5, True, "all")),
    ],
)
def test_arguments_that_do_not_fit_are_explained(model, splits, make, options, words):
    with pytest.raises(ValueError, match=words):
        PredictionBrowser(make() if make else model, splits, **options)
