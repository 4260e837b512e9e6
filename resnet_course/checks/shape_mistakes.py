"""What typical mistakes with sizes and counts would return, to recognise them by their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

# (size, kernel, stride, padding) → what this mistake makes of the size of the output
SIZE: dict[str, Callable[[int, int, int, int], int]] = {
    "Is the first window counted?": lambda n, k, s, p: (n + 2 * p - k) // s,
    "The padding is on both sides.": lambda n, k, s, p: (n + p - k) // s + 1,
    "Where is the padding?": lambda n, k, s, p: (n - k) // s + 1,
    "A window that does not fit completely is left out: round down.": (
        lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1
    ),
    "A window that does not fit completely is left out: round down, not to the nearest number.": (
        lambda n, k, s, p: round((n + 2 * p - k) / s) + 1
    ),
    "How much room does the window itself take?": lambda n, k, s, p: (n + 2 * p) // s,
    "How much room does the first window take? It is not 0 pixels.": (
        lambda n, k, s, p: (n + 2 * p) // s + 1
    ),
    "Does the window move by `stride` pixels?": lambda n, k, s, p: n + 2 * p - k + 1,
    "The first window is counted before the division. How many steps does it need?": (
        lambda n, k, s, p: (n + 2 * p - k + 1) // s
    ),
    "That is the size divided by the stride: right only if the padding suits the kernel.": (
        lambda n, k, s, p: n // s
    ),
    "That is the size divided by the stride, rounded up: right only if the padding suits the "
    "kernel.": lambda n, k, s, p: -(-n // s),
    "Is the padding that you use the one that was given?": (
        lambda n, k, s, p: (n + 2 * (k // 2) - k) // s + 1
    ),
    "Are kernel and stride exchanged?": lambda n, k, s, p: (n + 2 * p - s) // k + 1,
}

# (depths, convolutions per block) → what this mistake makes of the number of layers
LAYERS: dict[str, Callable[[Sequence[int], int], int]] = {
    "One layer is missing: what stands before the first stage, what after the last?": (
        lambda depths, convs: convs * sum(depths) + 1
    ),
    "Two layers are missing: what stands before the first stage, what after the last?": (
        lambda depths, convs: convs * sum(depths)
    ),
    "One layer too many: pooling has no weights.": lambda depths, convs: convs * sum(depths) + 3,
    "Projections are beside the way from the picture to the logits. They are not counted.": (
        lambda depths, convs: convs * sum(depths) + 1 + len(depths)
    ),
    "Projections are beside the way from the picture to the logits. They do not count.": (
        lambda depths, convs: convs * sum(depths) + 2 + len(depths)
    ),
    "A projection in every block? They are beside the way and are not counted.": (
        lambda depths, convs: (convs + 1) * sum(depths) + 2
    ),
    "How many convolutions has each block?": lambda depths, convs: sum(depths) + 2,
    "Is that always two convolutions per block?": lambda depths, convs: 2 * sum(depths) + 2,
    "That counts the stages, not the blocks in them.": (
        lambda depths, convs: convs * len(depths) + 2
    ),
    "The blocks of the stages are added up, not multiplied.": (
        lambda depths, convs: convs * math.prod(depths) + 2
    ),
    "The convolutions of a block are counted once, not for each block.": (
        lambda depths, convs: convs + sum(depths) + 2
    ),
    "Stem and head are there once, not for each block.": (
        lambda depths, convs: (convs + 2) * sum(depths)
    ),
    "Stem and head are there once, not for each stage.": (
        lambda depths, convs: sum(convs * depth + 2 for depth in depths)
    ),
    "Batch norm is not counted as a layer.": lambda depths, convs: 2 * convs * sum(depths) + 3,
    "That is the first stage alone: is the `return` inside the loop?": (
        lambda depths, convs: 1 + convs * depths[0] + 1
    ),
}

# (in_channels, out_channels, kernel, groups) → what this mistake makes of the number of weights
PARAMS: dict[str, Callable[..., float]] = {
    "What do the groups change?": lambda c, d, k, g=1: k * k * c * d,
    "There is no bias here.": lambda c, d, k, g=1: k * k * c // g * d + d,
    "There is no bias here, and what do the groups change?": lambda c, d, k, g=1: k * k * c * d + d,
    "The window has two sides.": lambda c, d, k, g=1: k * c // g * d,
    "Is it always a window of 3×3?": lambda c, d, k, g=1: 9 * c // g * d,
    "`groups` is the number of groups, not the channels in each of them.": (
        lambda c, d, k, g=1: k * k * d * (g if g > 1 else c)
    ),
    "`groups` is the number of groups. Does each filter see that many channels?": (
        lambda c, d, k, g=1: k * k * d * g
    ),
    "That is one group alone. How many are there?": (
        lambda c, d, k, g=1: k * k * (c // g) * (d // g)
    ),
    "More groups mean fewer weights, not more.": lambda c, d, k, g=1: k * k * c * d * g,
    "That is one filter. How many are there?": lambda c, d, k, g=1: k * k * c // g,
    "How many input channels does a filter see?": lambda c, d, k, g=1: k * k * d,
    "The channels of both sides are multiplied, not added.": (
        lambda c, d, k, g=1: k * k * (c + d) // g
    ),
}


def convolution(c: int, d: int, k: int, g: int = 1) -> str:
    """Describe a convolution in words."""
    groups = f", {g} groups" if g > 1 else ""
    return f"{c} → {d} channels, window {k}×{k}{groups}"
