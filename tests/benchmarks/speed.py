"""How long learners and the book wait: `python tests/benchmarks/speed.py`.

(a) The ShapeExplorer in kernel time. Aims: one step at most 15 ms (median) for ResNet-152 on
    224×224 pictures, switching to ResNet-152 at most 500 ms.
(b) A trace of a network of torchvision, with building it on the meta device, and how many times the
    forward pass alone it takes. Aims: ResNet-152 350 ms, ViT-B/16 and Swin-B 500 ms.
(c) How much longer the book needs for an output that is ten times as long: 10 means linear time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torchvision import models

from resnet_course.tracing import trace
from resnet_course.website.book import outputs
from resnet_course.widgets import ShapeExplorer

AIMS = {"resnet152": 350, "vit_b_16": 500, "swin_b": 500}  # ms
PIECES = ("<div>x</div>", "<p>", "$x$ ", "[a](b ", "> ", "`", "*a", "| ", "\\begin{align}", "<a ")


def seconds(function: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def build(name: str) -> torch.nn.Module:
    with torch.device("meta"):
        return models.get_model(name).eval()


def build_and_trace(name: str) -> None:
    trace(build(name), (1, 3, 224, 224))


@torch.no_grad()
def forward(model: torch.nn.Module) -> None:
    model(torch.empty(1, 3, 224, 224, device="meta"))


def show(kind: str, text: str) -> None:
    outputs.to_html({"output_type": "display_data", "data": {kind: text}})


if __name__ == "__main__":
    widget = ShapeExplorer("resnet18")
    switch = seconds(widget.choose, "resnet152", 224, 3)
    count = len(widget.trace)
    steps = [seconds(setattr, widget, "layer", i) for i in [*range(1, count), 0]]
    middle = statistics.median(steps)
    print(f"switching to resnet152     {1000 * switch:6.1f} ms (aim 500)")
    print(
        f"one step, median of {count}   {1000 * middle:6.1f} ms (aim 15), ",
        end="",
    )
    print(f"slowest {1000 * max(steps):.1f} ms")
    for name, aim in AIMS.items():
        traced = min(seconds(build_and_trace, name) for _ in range(5))
        alone = min(seconds(forward, build(name)) for _ in range(5))
        times = traced / alone
        print(f"trace of {name:17} {1000 * traced:6.1f} ms (aim {aim}), {times:.1f} forward passes")
    for kind in ("text/html", "text/markdown"):
        for piece in PIECES:
            short = min(seconds(show, kind, piece * 2_000) for _ in range(5))
            long = min(seconds(show, kind, piece * 20_000) for _ in range(2))
            print(f"{kind:14} {piece!r:18} {long / short:6.1f} times ({long:.3f} s)")
