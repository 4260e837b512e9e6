"""How long the ShapeExplorer keeps a learner waiting: `python tests/benchmarks/explorer_speed.py`.

Aims, in kernel time: one step at most 15 ms (median) for ResNet-152 on 224×224 pictures, switching
to ResNet-152 at most 500 ms.
"""

from __future__ import annotations

import statistics
import time

from resnet_course.widgets import ShapeExplorer


def milliseconds(widget: ShapeExplorer, trait: str, value: object) -> float:
    """Time a change."""
    start = time.perf_counter()
    setattr(widget, trait, value)
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Switch to the largest network and walk through all of its layers."""
    widget = ShapeExplorer("resnet18")
    switch = milliseconds(widget.model_choice, "value", "resnet152")
    count = len(widget.trace)
    steps = [milliseconds(widget, "layer", i) for i in [*range(1, count), 0]]
    print(f"switching to resnet152     {switch:6.1f} ms (aim 500)")
    print(f"one step, median of {count}   {statistics.median(steps):6.1f} ms (aim 15)", end=", ")
    print(f"slowest {max(steps):.1f} ms")


if __name__ == "__main__":
    main()
