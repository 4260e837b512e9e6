"""Each mistake in the text tables of the checkers, given as an answer, gets the table's words."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from answer_tools import NORMS, STEP, cell, edited, must_say

from resnet_course import checks
from resnet_course.checks.exercise import EXERCISES
from resnet_course.checks.variants import BASIC, NETWORK, THIN

FOLDER = Path(checks.__file__).parent
MISTAKES = tomllib.loads((FOLDER / "mistakes.toml").read_text(encoding="utf-8"))
CONDITION = "stride != 1 or in_channels != out_channels"


def packages(name: str) -> Any:
    """The package's own answer."""
    return EXERCISES[name].answers[0]


# Exercises that ask for a value: how an answer is made of the code of a mistake.


def halved(size, halvings, up=1, channels=(64, 64, 128, 256, 512)):
    """Shapes of stage_shapes, halved so many times before each part, rounded up or down."""
    shapes = []
    for times, count in zip(halvings, channels, strict=True):
        for _ in range(times):
            size = (size + up) // 2
        shapes.append((count, size, size))
    return shapes


def topk(z, y, k):
    """Share of labels with fewer than k larger logits."""
    return ((z > z.gather(1, y[:, None])).sum(dim=1) < k).double().mean().item()


def inside(a, b, more=0, least=0):
    """Area that two boxes share, with sides that are longer, or may be as short as `least`."""
    sides = [min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])]
    return math.prod(max(least, side + more) for side in sides)


def around(a, b):
    """Area of the smallest box that holds two boxes."""
    return math.prod(max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in (0, 1))


def iou(a, b, more=0, least=0):
    """Intersection over union of such boxes."""
    both = inside(a, b, more, least)
    return both / (inside(a, a, more) + inside(b, b, more) - both)


SIZES = """
def norms(model, x, y):
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    none = torch.zeros(())
    olds = {n: none if m.weight.grad is None else m.weight.grad.clone() for n, m in layers.items()}
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    sizes = {}
    for name, m in layers.items():
        w, g, old, b = m.weight, m.weight.grad, olds[name], none if m.bias is None else m.bias.grad
        sizes[name] = float(CODE)
    return sizes
"""
COUNTS = """
def accuracy(model, batches):
    model.eval()
    h, n = [], []
    with torch.no_grad():
        for x, y in batches:
            h.append((model(x).argmax(dim=1) == y).sum().item())
            n.append(len(y))
    return CODE
"""
HITS = COUNTS.replace("return CODE", "return sum(h) / sum(n)")
HITS = HITS.replace("h.append((model(x).argmax(dim=1) == y)", "z = model(x); h.append((CODE)")
ACTS = {
    "zero": "optimizer.zero_grad()",
    "forward": "loss = F.cross_entropy(model(x), y)",
    "item": "loss = loss.item()",
    "backward": "loss.backward()",
    "step": "optimizer.step()",
    "plain": "torch.optim.SGD(model.parameters(), optimizer.param_groups[0]['lr']).step()",
}


STATISTICS = """
def statistics(u):
    p = [a.flatten(1).double() / 255 for a in u]
    x = torch.cat(p, 1)
    return CODE
"""


def with_loss(source: str) -> str:
    return source.replace(ACTS["forward"], "z = model(x); loss = CODE")


def with_acts(order: str) -> str:
    acts = "; ".join(ACTS[act] for act in order.split())
    return f"def step(model, x, y, optimizer):\n    model.train(); {acts}\n    return loss.item()"


# part of the table → exercise, source with CODE in it, names
LANGUAGES = [
    ("sigmoid_slope", "sigmoid_slope", "lambda z: CODE",
     {"s": lambda z: z.sigmoid(), "slope": packages("sigmoid_slope")}),
    ("slope_bound", "slope_bound", "lambda depth: CODE", {"exp": math.exp}),
    ("gradient_norms", "gradient_norms", SIZES, {}),
    ("gradient_norms_losses", "gradient_norms", with_loss(NORMS), {}),
    ("losses", "gradient_norms", with_loss(NORMS), {}),
    ("gradient_norms_answers", "gradient_norms", "lambda m, x, y: CODE",
     {"right": packages("gradient_norms"), "copy": copy.deepcopy, "math": math}),
    ("residual_forward", "residual_forward", "lambda x, f: CODE", {"relu": lambda x: x.relu()}),
    ("conv_output_size", "conv_output_size", "lambda n, k, s, p: CODE", {"ceil": math.ceil}),
    ("count_layers", "count_layers", "lambda depths, convs: CODE", {"prod": math.prod}),
    ("stage_shapes", "stage_shapes", "lambda size: CODE",
     {"halved": halved, "right": packages("stage_shapes")}),
    ("conv_params", "conv_params", "lambda c, d, k, g=1: CODE", {}),
    ("losses", "train_step", with_loss(STEP), {}),
    ("train_step_losses", "train_step", with_loss(STEP), {}),
    ("train_step_returned", "train_step",
     STEP.replace("return loss.item()", "value, n = loss.item(), len(y); return CODE"), {}),
    ("evaluate", "evaluate", COUNTS, {}),
    ("evaluate_hits", "evaluate", HITS, {}),
    ("box_iou", "box_iou", "lambda a, b: CODE",
     {"inside": inside, "around": around, "iou": iou, "INF": math.inf}),
    ("attention", "attention", "lambda q, k, v: CODE",
     {"softmax": lambda x, axis: x.softmax(axis)}),
    ("growth_cost", "growth_cost", "lambda depth, width, size: CODE", {}),
    ("topk_accuracy", "topk_accuracy", "lambda z, y, k: CODE",
     {"topk": topk, "hits": lambda z, y, k: round(topk(z, y, k) * len(y)),
      "mean": lambda hits: hits.float().mean().item()}),
    ("channel_statistics", "channel_statistics", STATISTICS, {}),
]  # fmt: skip


def asked(source: str, code: str) -> str:
    return f"{'answer = ' * source.startswith('lambda')}{source}".replace("CODE", code)


VALUES = [
    pytest.param(name, asked(source, code), names, words, id=f"{name}: {code}")
    for part, name, source, names in LANGUAGES
    for code, words in MISTAKES[part].items()
]
VALUES += [
    pytest.param("train_step", with_acts(order), {}, words, id=f"train_step: {order}")
    for order, words in MISTAKES["train_step"].items()
]
# Where a mistake is written as edits of the right answer.
EDITED = ["batch_norm", "sgd_momentum", "stratified_split"]
for name in EDITED:
    right = f"from __future__ import annotations\n{inspect.getsource(packages(name))}"
    for edits, words in MISTAKES[name].items():
        wrong = edited(right, edits.split(" | "))
        assert all(edited(right, [edit]) != right for edit in edits.split(" | ")), edits
        VALUES.append(pytest.param(name, wrong, {}, words, id=f"{name}: {edits}"))


@pytest.mark.parametrize(("name", "source", "names", "words"), VALUES)
def test_a_known_mistake_in_a_value_gets_its_words(name, source, names, words):
    must_say(name, cell(source, **names), re.escape(words) + "$")


def test_every_part_of_the_table_of_values_is_used():
    assert set(MISTAKES) == {part for part, *_ in LANGUAGES} | {"train_step", *EDITED}


# Blocks and networks: edits of the right source text.

PARTS = re.split(r"^\[(.+)\]\n", (FOLDER / "block_mistakes.txt").read_text("utf-8"), flags=re.M)
PARTS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
IN_BASIC = ("the first convolution", "the second convolution")
IN_THIN = ("the first 1×1", "the 3×3", "the last 1×1")
NEXT = THIN.replace("groups=1, base_width=64", "groups=32, base_width=4")
PATHS, BRANCH = ["paths", "shortcut"], ["batch norms", "small things"]
NETWORK_PARTS = ["network sizes", "network numbers"]
KINDS = {
    "basic_block": (BASIC, IN_BASIC, [*PATHS, "basic strides", *BRANCH]),
    "bottleneck": (THIN, IN_THIN, ["thin widths", *PATHS, "thin strides", *BRANCH]),
    "resnext_block": (
        NEXT, IN_THIN,
        ["groups", "group widths", "output", *PATHS, "thin strides", *BRANCH, "defaults"],
    ),
    "resnet34": (NETWORK, IN_BASIC, NETWORK_PARTS),
}  # fmt: skip


def mistakes(name: str) -> list[Any]:
    """Fill in the names of the convolutions; leave out what changes nothing in this block."""
    right, convolutions, parts = KINDS[name]
    text = "".join(PARTS[part] for part in parts)
    found: dict[str, tuple[list[str], str]] = {right: ([], "")}
    for row in re.findall(r"(?:^\S.*\n)+(?:^ +.*\n)+", text, re.M):
        for i, conv in enumerate(convolutions if "{i}" in row else convolutions[:1], start=1):
            names = {"i": i, "conv": conv, "Conv": conv.capitalize(), "condition": CONDITION}
            names |= {"last": len(convolutions), "last_conv": convolutions[-1]}
            full = row
            for word, value in names.items():
                full = full.replace(f"{{{word}}}", str(value))
            words, ways = re.fullmatch(r"((?:\S.*\n)+)((?: .*\n)+)", full).groups()
            for way in ways.split("    or\n"):
                edits = [edit.strip() for edit in way.splitlines()]
                found.setdefault(edited(right, edits), (edits, " ".join(words.split())))
    rows = list(found.values())[1:]
    return [pytest.param(name, *row, id=f"{name} {n}: {row[1][:60]}") for n, row in enumerate(rows)]


def with_numbers(words: str, message: str) -> str:
    """Fill in numbers, "{4 * channels}", from those that a message begins with."""
    numbers: dict[str, Any] = {"stride": 1, "groups": 1, "base_width": 64}
    numbers |= {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", message.split(":")[0])}
    if "channels" in numbers:
        numbers["per_group"] = int(numbers["channels"] * numbers["base_width"] / 64)
        numbers["width"] = numbers["per_group"] * numbers["groups"]
    return re.sub(r"\{(.+?)\}", lambda code: str(eval(code[1], numbers)), words)


@pytest.mark.parametrize(
    ("name", "edits", "words"), [row for name in KINDS for row in mistakes(name)]
)
def test_a_known_mistake_in_a_block_gets_its_words(name, edits, words):
    """Some are another mistake as long as the shape stays: so begin later and later with it."""
    right, wrong = cell(KINDS[name][0]), cell(edited(KINDS[name][0], edits))
    heard = []
    for begin in range(6):
        kinds = iter([right] * begin + [wrong] * 6)
        result = getattr(checks, name)(lambda *sizes, kinds=kinds: next(kinds)(*sizes))
        heard.append(result.message)
        if not result and result.message.endswith(with_numbers(words, result.message)):
            return
        if result:
            break
    pytest.fail("\n".join(heard))


@pytest.mark.parametrize("name", KINDS)
def test_the_text_that_mistakes_change_is_right(name):
    must_say(name, cell(KINDS[name][0]), "right")


PAIRS = list(itertools.product([1, 6, 11], range(0, 45, 4)))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_any_two_mistakes_together_get_a_verdict(one, other):
    rows = [row.values[1] for row in mistakes("basic_block")]
    result = checks.basic_block(cell(edited(BASIC, rows[one] + rows[other])))
    assert not result and "could not be checked" not in result.message
