"""Which places of the last feature map speak for the answer: the class activation map.

Zhou et al. 2016, "Learning Deep Features for Discriminative Localization": where a network ends
with the mean of each map and one linear layer, a logit is the mean of the maps, each weighted by
its weight for the class, and so is each place of it. `measure.grad_cam` gives the same for them.
"""

from __future__ import annotations

from torch import Tensor, nn

from resnet_course.tracing.rows import LayerRow, Trace, printable

PASSES_ON = ("flatten", "dropout", "identity", "reshape", "view", "squeeze")  # between the two


def find_head(model: nn.Module, table: Trace) -> tuple[int, int] | None:
    """Return the row of the last map and that of the linear layer; None for another ending."""
    sources = {edge.target: edge.source for edge in table.edges}
    linear = row = sources.get(len(table), len(table) - 1)
    names = {printable(name): module for name, module in model.named_modules()}
    if row < 0 or not isinstance(names.get(table.rows[row].name), nn.Linear):
        return None
    row = sources.get(row, -1)
    while row >= 0 and table.rows[row].kind.lower() in PASSES_ON:
        row = sources.get(row, -1)
    if row < 0 or not _is_mean(table.rows[row]):
        return None
    if table.rows[row].in_shape[0] != table.rows[linear].in_shape[0]:
        return None
    row = sources.get(row, -1)
    return (row, linear) if row >= 0 and len(table.rows[row].out_shape) == 3 else None


def heat_of(maps: Tensor, weights: Tensor) -> Tensor:
    """Return where maps (channels, h, w) speak for a class with weights (channels,): 0 to 1."""
    heat = (weights[:, None, None].to(maps) * maps).sum(0).clamp(min=0)
    return heat / heat.max().clamp(min=1e-12)


def _is_mean(row: LayerRow) -> bool:
    kind = row.kind.lower().replace("_", "")
    return row.out_shape[1:] in ((), (1, 1)) and ("avgpool" in kind or kind == "mean")
