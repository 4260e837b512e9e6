"""A network that runs in the page itself gives what torch gives, row by row, in Chromium."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from execute_notebooks import EXPLORERS, TRAINED
from helpers import ROOT, trained_norms
from pages import watch
from torch import Tensor, nn

from resnet_course import Trace, create_model, drawn_garments, trace
from resnet_course.blocks import PreActBlock
from resnet_course.data.batches import to_float
from resnet_course.tracing.values import trace_values
from resnet_course.train import trained_model
from resnet_course.website.explorer_files import FRONT_END
from resnet_course.website.weights_file import ENCODING, file_name, weights_to_js
from resnet_course.widgets.explorer_steps import flat_weights, network_steps

pytest.importorskip("playwright")

Changes = list[tuple[int, int]]
FILES = ("01_tools.js", "08_network.js")
SCRIPT = "".join((FRONT_END / name).read_text(encoding="utf-8") for name in FILES)
# What the tests add to a page: it keeps weights as text, starts a network, hands out its rows.
TOOLS = """
const texts = {};
const networkWeights = (name, text) => { texts[name] = text; };
const begin = (steps, name) => { window.network = startNetwork(steps, weightsOf(texts[name])); };
const asText = (rows) => rows && rows.map((row) => {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192)
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
});
const soon = (promise) => Promise.race([promise, new Promise((_, reject) => {
  setTimeout(() => reject(new Error("no answer in 30 seconds")), 30000);
})]);
const run = async (input, changes) =>
  asText(await soon(network.run(Float32Array.from(input), changes)));
"""


def page_text(*weights: str, head: str = "") -> str:
    """A page with the forward pass and some scripts with weights: addresses, or the text."""
    scripts = [
        f"<script>{each}</script>" if "(" in each else f'<script src="{each}"></script>'
        for each in weights
    ]
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'>{head}<title>Network</title>"
        f"<script>{SCRIPT}{TOOLS}</script>{''.join(scripts)}"
    )


def numbers(rows: list[str] | None) -> list[np.ndarray] | None:
    return rows and [np.frombuffer(base64.b64decode(row), "<f4") for row in rows]


def expected(model: nn.Module, x: Tensor, table: Trace, changes: Changes = ()) -> list[np.ndarray]:
    """Return what each row gives in torch; a changed row gives what its source gave."""
    values, instead = {-1: x}, dict(changes)

    def note(row: int, _came: Tensor, value: Tensor, _field: object) -> None:
        if row in instead:
            value.copy_(values[instead[row]])
        values[row] = value.clone()

    trace_values(model, x, table, note)
    return [values[row].flatten().numpy() for row in range(len(table))]


def some_changes(table: Trace) -> Changes:
    """Switch off a shortcut, silence a branch, leave out a block and a batch normalisation."""
    changes = []
    for number, shortcut in enumerate(table.shortcuts[:3]):
        near = shortcut.layers[-1] if shortcut.layers else shortcut.start
        (far,) = (e.source for e in table.edges if e.target == shortcut.end and e.source != near)
        same = table.rows[shortcut.start].out_shape == table.rows[shortcut.end].out_shape
        whole = shortcut.start if same else near
        changes.append((shortcut.end, (far, near, whole)[(number + 1) % 3]))
    norm = [i for i, row in enumerate(table) if row.kind == "BatchNorm2d"][-1]
    return [*changes, (norm, norm - 1)]


def worst(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray], relative: bool) -> float:
    assert len(found) == len(wanted)
    assert [len(each) for each in found] == [len(each) for each in wanted]
    sizes = [np.abs(row).max() if relative else 1 for row in wanted]
    assert all(np.isfinite(row).all() and size > 0 for row, size in zip(wanted, sizes, strict=True))
    pairs = zip(found, wanted, sizes, strict=True)
    return max(float(np.abs(a - b).max() / size) for a, b, size in pairs)


@dataclass
class Running:
    """A page in which a network runs."""

    page: object
    model: nn.Module
    table: Trace

    def __call__(self, x: Tensor, changes: Changes = ()) -> list[np.ndarray]:
        given = [x.flatten().tolist(), [list(each) for each in changes]]
        return numbers(self.page.evaluate("([input, changes]) => run(input, changes)", given))


@pytest.fixture
def running(page, tmp_path) -> Callable[..., Running]:
    """Opens a page as a file, with a network that has started in it; all in evaluation mode."""

    def open_page(model: nn.Module, shape: Sequence[int], head: str = "", source: str = ""):
        table = trace(model, shape)
        steps = network_steps(model, table)
        data = flat_weights(model).numpy().astype("<f2").tobytes()
        path = tmp_path / "weights.js"
        path.write_bytes(weights_to_js(source or "network", data).encode(ENCODING))
        place = ROOT / "notebooks" / EXPLORERS / file_name(source) if source else path
        (tmp_path / "page.html").write_text(page_text(place.as_uri(), head=head), encoding="utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        begin = "([steps, name]) => begin(steps, name)"
        page.evaluate(begin, [json.loads(json.dumps(steps)), source or "network"])
        return Running(page, model, table)

    return open_page


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    splits = drawn_garments(10, 10)
    garments = to_float(splits.test_images[:5], splits.mean, splits.std)
    noise = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    return [*garments.split(1), *noise.split(1)]


@pytest.mark.parametrize("source", TRAINED)
def test_the_trained_networks_give_what_torch_gives(running, pictures, source):
    network = running(trained_model(source), (1, 1, 28, 28), source=source)
    for changes in ([], some_changes(network.table)):
        for x in pictures:
            wanted = expected(network.model, x, network.table, changes)
            assert worst(network(x, changes), wanted, relative=False) < 1e-4
    assert len(network.page.workers) == 1


class Others(nn.Module):
    """Layers with unusual settings, and functions in place of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, (3, 5), (2, 1), (0, 3), dilation=(2, 1), groups=2)
        self.norm = nn.BatchNorm2d(6, eps=0.3, affine=False)
        self.twice = nn.Conv2d(6, 6, (4, 1), padding="valid", bias=False)
        self.same = nn.Conv2d(6, 6, 3, padding="same", dilation=2)
        self.pool = nn.MaxPool2d((2, 3), (1, 2), (1, 0))
        self.drop = nn.Dropout()
        self.fc = nn.Linear(6, 3, bias=False)
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        x = self.twice(self.twice(x))
        x += self.same(F.relu(x))
        x = self.drop(self.pool(x))
        return self.last(self.fc(x.mean((2, 3))))


def small(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: create_model(name, **options)


NETWORKS = {
    "zero_pad": (small("resnet8", in_channels=2, num_classes=3), (27, 33)),
    "projection": (small("resnet8", shortcut="projection"), (32, 32)),
    "none": (small("resnet8", shortcut="none", in_channels=1), (28, 28)),
    "resnet14": (small("resnet14", in_channels=1, stem_stride=2), (31, 30)),
    "resnet20": (small("resnet20", num_classes=100), (32, 32)),
    "plain14": (small("plain14", in_channels=1), (28, 28)),
    "resnext20": (small("resnext20_8x4d", in_channels=1), (28, 28)),
    "pre-activation": (small("resnet8", block=PreActBlock, num_classes=1), (20, 12)),
    "pre, projection": (small("resnet8", block=PreActBlock, shortcut="projection"), (9, 9)),
    "pre, none": (small("resnet8", block=PreActBlock, shortcut="none"), (16, 16)),
    "imagenet stem": (small("resnet14", stem="imagenet", in_channels=5), (65, 50)),
    "resnet18": (small("resnet18"), (64, 64)),
    "others": (Others, (17, 14)),
}


def with_chance(model: nn.Module) -> nn.Module:
    """Give batch norm numbers that it could have learned; round all weights to 16 bits."""
    trained_norms(model)
    with torch.no_grad():
        for each in [*model.parameters(), *model.buffers()]:
            if each.is_floating_point():
                each.copy_(each.half())
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks_of_every_kind_give_what_torch_gives(running, name):
    torch.manual_seed(0)
    make, size = NETWORKS[name]
    model = with_chance(make())
    channels = next(part.in_channels for part in model.modules() if isinstance(part, nn.Conv2d))
    x = torch.randn(1, channels, *size)
    network = running(model, x.shape)
    changes = some_changes(network.table)
    plain, changed = (expected(model, x, network.table, c) for c in ([], changes))
    assert np.abs(changed[-1] - plain[-1]).max() > 0.01
    assert worst(network(x), plain, relative=True) < 1e-5
    assert worst(network(x, changes), changed, relative=True) < 1e-5


def test_a_row_can_give_what_came_into_the_network(running):
    model = with_chance(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Identity()))
    x = torch.randn(1, 3, 8, 8)
    network = running(model, x.shape)
    for changes in ([(0, -1)], [(1, -1)]):
        wanted = expected(model, x, network.table, changes)
        assert worst(network(x, changes), wanted, relative=True) < 1e-6
        assert worst(network(x), expected(model, x, network.table), relative=True) < 1e-6


@pytest.fixture
def garment(running, pictures) -> Running:
    return running(trained_model("drawn-garments"), (1, 1, 28, 28), source="drawn-garments")


# Six requests at once: the first is computed, of the others only the last. The page paints on in
# its own array, and must not change what it has asked for.
SIX = """async (pictures) => {
  const paper = new Float32Array(784);
  const asked = pictures.map((each) => { paper.set(each); return network.run(paper); });
  paper.fill(9);
  return (await soon(Promise.all(asked))).map(asText);
}"""


def six(network: Running, pictures: list[Tensor]) -> None:
    """Ask for six pictures at once."""
    pictures = pictures[:6]
    found = network.page.evaluate(SIX, [each.flatten().tolist() for each in pictures])
    assert [each is not None for each in found] == [True, False, False, False, False, True]
    for i in (0, 5):
        wanted = expected(network.model, pictures[i], network.table)
        assert worst(numbers(found[i]), wanted, relative=False) < 1e-4


def test_the_newest_request_wins(garment, pictures):
    six(garment, pictures)
    six(garment, pictures[::-1])


POLICY = 'http-equiv="Content-Security-Policy" content="worker-src \'none\'"'
NO_WORKER = {
    "there is none": "<script>delete window.Worker</script>",
    "it cannot be made": "<script>Worker = function () { throw new Error('no'); }</script>",
    "the page forbids it": f"<meta {POLICY}>",
}


@pytest.mark.parametrize("why", NO_WORKER)
def test_without_a_worker_the_page_computes_itself(running, pictures, why):
    model = trained_model("drawn-garments")
    network = running(model, (1, 1, 28, 28), head=NO_WORKER[why])
    six(network, pictures)
    changes = some_changes(network.table)
    wanted = expected(model, pictures[0], network.table, changes)
    assert worst(network(pictures[0], changes), wanted, relative=False) < 1e-4
    assert network.page.workers == []


def test_what_cannot_be_computed_is_an_error_and_the_next_request_works(garment, pictures):
    attempt = "([input, changes]) => run(input, changes).catch((error) => error.message)"
    good = pictures[0].flatten().tolist()
    for given, changes, words in [
        (good[1:], [], "row 0 needs 1×28×28 numbers"),
        (good, [[5, -1]], "row 5 must give 16×28×28 numbers"),
        (good, [[5, 9]], "row 5 must give 16×28×28 numbers"),  # comes later
    ]:
        assert garment.page.evaluate(attempt, [given, changes]) == words
    wanted = expected(garment.model, pictures[0], garment.table)
    assert worst(garment(pictures[0]), wanted, relative=False) < 1e-4


def test_a_network_that_has_ended_leaves_nobody_waiting(garment):
    found = garment.page.evaluate(
        """async () => {
          const asked = [1, 2, 3].map(() => network.run(new Float32Array(784)));
          network.end();
          return soon(Promise.all([...asked, network.run(new Float32Array(784))]));
        }"""
    )
    assert found == [None] * 4
    for _ in range(100):  # on a busy machine the news of its end takes a while
        if not garment.page.workers:
            break
        garment.page.wait_for_timeout(100)
    assert garment.page.workers == []


@pytest.mark.parametrize("place", ["book", "decks"])
def test_the_policy_of_book_and_slides_lets_a_worker_run(page, pictures, place, request):
    found = request.getfixturevalue(place)
    name = "02_residual_blocks"
    path = found / f"{name}.html" if place == "book" else found[name]
    troubles = watch(page)
    page.goto(path.as_uri())
    source = "drawn-garments"
    text = (ROOT / "notebooks" / EXPLORERS / file_name(source)).read_text(encoding=ENCODING)
    # Both pages have functions of these names already.
    tools = f"(() => {{{SCRIPT}{TOOLS}{text}Object.assign(window, {{begin, run, soon}})}})()"
    page.add_script_tag(content=tools)
    model = trained_model(source)
    table = trace(model, pictures[0])
    page.evaluate("([steps, name]) => begin(steps, name)", [network_steps(model, table), source])
    network = Running(page, model, table)
    wanted = expected(model, pictures[0], table)
    assert worst(network(pictures[0]), wanted, relative=False) < 1e-4
    assert len(page.workers) == 1 and page.workers[0].url.startswith("blob:")
    assert troubles == []


EVERY_NUMBER = struct.pack("<65536H", *range(65536))


@pytest.mark.parametrize("way", ["a file", "over the network", "in the page"])
def test_every_16_bit_number_arrives(page, tmp_path, way):
    text = weights_to_js("all", EVERY_NUMBER)
    if way == "in the page":
        markup = page_text(text)
    else:
        (tmp_path / "all.js").write_bytes(text.encode(ENCODING))
        markup = page_text("all.js")
    (tmp_path / "page.html").write_text(markup, encoding="utf-8", newline="")
    if (
        way == "over the network"
    ):  # a server says UTF-8, as most do; the byte order mark knows better

        def answer(route: object) -> None:
            path = Path(tmp_path, route.request.url.rpartition("/")[2])
            kind = "text/html" if path.suffix == ".html" else "text/javascript"
            header = {"content-type": f"{kind}; charset=utf-8"}
            route.fulfill(body=path.read_bytes(), headers=header)

        page.route("http://course.test/*", answer)
        page.goto("http://course.test/page.html")
    else:
        page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("texts.all.length") == 65536
    (found,) = numbers(page.evaluate("asText([weightsOf(texts.all)])"))
    wanted = np.frombuffer(EVERY_NUMBER, "<f2").astype("<f4")
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    exact = ~np.isnan(wanted)
    assert np.array_equal(found.view("<u4")[exact], wanted.view("<u4")[exact])  # -0 is not 0
