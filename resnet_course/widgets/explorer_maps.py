"""Feature maps for the explorer: what each row of a network makes of one picture.

Only a few channels of each row are kept, those that vary most. Rows that are joined by what keeps
channels apart (norms, activations, pooling, additions) show the same ones, so that x, F(x) and
x + F(x) can be compared.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_course.tracing.fields import Field
from resnet_course.tracing.rows import Trace
from resnet_course.tracing.values import trace_values

MOST_CHANNELS, MOST_VALUES = 16, 100_000
BOOK_BYTES = 300_000


class FeatureMaps:
    """What the rows of a network give for one picture.

    Args:
        model: any module that `trace` takes; it stays as it is.
        x: one picture as the model takes it, with its batch axis, on the model's device.
        table: what `trace(model, x)` has given.

    Attributes:
        output: what the last row gives, without the batch axis.
    """

    def __init__(self, model: nn.Module, x: Tensor, table: Trace) -> None:
        self.table, self.x = table, x
        self.modules = dict(model.named_modules())
        spread: dict[int, Tensor] = {}
        self.fields: dict[int, dict[str, list[list[int]]]] = {}

        def look(row: int, _: Tensor, value: Tensor, field: Field | None) -> None:
            if _has_shape(value, table.rows[row].out_shape):
                one = value[0].float().cpu()
                spread[row] = one.flatten(1).std(1, correction=0) if one.ndim > 1 else one.abs()
                self.output = value[0].float().cpu()
                if field and value.ndim == 4:
                    self.fields[row] = _lines(field, value.shape[-2:])

        self.output = torch.empty(0)
        trace_values(model, x, table, look)
        self.channels = _choose(table, spread)
        self.values: dict[int, Tensor] = {-1: x[0].float().cpu()}
        self.channels[-1] = list(range(x.shape[1]))[:MOST_CHANNELS]
        self.values[-1] = self.values[-1][self.channels[-1]]

        self.unchanged: set[int] = set()  # rows that get what their source gave, as it was

        def keep(row: int, given: Tensor, value: Tensor, _: Field | None) -> None:
            if self._is_source(row, given):
                self.unchanged.add(row)
            if row in self.channels:
                area = max(value[0, 0].numel(), 1)
                own = self.channels[row][: max(1, MOST_VALUES // area)]
                self.channels[row] = own
                self.values[row] = value[0, own].float().cpu()

        trace_values(model, x, table, keep)

    def record(self, row: int, most: int = MOST_CHANNELS) -> dict[str, Any] | None:
        """Return what the page gets of one row, with "values" and "weights" as bytes.

        Args:
            row: of the trace; -1 is the picture itself.
            most: how many channels of a map at most; a vector has all that were kept.
        """
        if row not in self.values:
            return None
        values = self.values[row]
        if values.ndim > 1:
            values = values[:most]
        shape = self.table.rows[row].out_shape if row >= 0 else self.x.shape[1:]
        channels = self.channels[row][: len(values)]
        found: dict[str, Any] = {"row": row, "channels": channels, "shape": list(shape)}
        found["scale"], found["values"] = _halves(values)
        if row in self.fields and self.fields[row]:
            found["fields"] = self.fields[row]
        return found | (self._products(row, channels, most) if row >= 0 else {})

    def _sources(self, row: int) -> list[int]:
        return [edge.source for edge in self.table.edges if edge.target == row]

    def _is_source(self, row: int, given: Tensor) -> bool:
        """Does a row get what one other has given? `x * 2` on the way is no row of its own."""
        sources = self._sources(row)
        if len(sources) != 1 or sources[0] not in self.values:
            return False
        value = self.values[sources[0]]
        if given.ndim != value.ndim + 1:
            return False
        most = max(self.channels[sources[0]], default=0)
        if given.shape[2:] != value.shape[1:] or most >= given.shape[1]:
            return False
        return torch.equal(given[0, self.channels[sources[0]]].float().cpu(), value)

    def _products(self, row: int, channels: list[int], most: int) -> dict[str, Any]:
        """Return the numbers that make the values of a row of those that go in."""
        module = self.modules.get(self.table.rows[row].name)
        if row not in self.unchanged:
            return {}
        (source,) = self._sources(row)
        came = self.channels[source]
        if self.values[source].ndim > 1:
            came = came[:most]
        with torch.no_grad():
            if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
                a = (module.running_var + module.eps).rsqrt().float().cpu()
                b = -a * module.running_mean.float().cpu()
                if module.affine:
                    a, b = a * module.weight.float().cpu(), b * module.weight.float().cpu()
                    b = b + module.bias.float().cpu()
                pairs = torch.stack([a[channels], b[channels]], 1).tolist()
                return {"affine": [[_short(x) for x in pair] for pair in pairs]}
            if isinstance(module, nn.Linear) or (
                isinstance(module, nn.Conv2d) and module.groups == 1 and module.dilation == (1, 1)
            ):
                weight = module.weight.float().cpu()[channels][:, came]
                scale, data = _halves(weight)
                sizes = list(weight.shape) + [1] * (4 - weight.ndim)
                found = {"weights": data, "weight_scale": scale, "weight_shape": sizes}
                if module.bias is not None:
                    bias = module.bias.float().cpu()[channels]
                    found["bias"] = [_short(x) for x in bias.tolist()]
                return found
        return {}


def book_data(network: dict[str, Any], maps: FeatureMaps | None) -> dict[str, Any]:
    """Return all that a page without a kernel needs, at most 300 KB: few channels if need be."""
    for most in (4, 3, 2, 1):
        records = {}
        for row in maps.values if maps else ():
            record = maps.record(row, most)
            for name in ("values", "weights"):
                if name in record:
                    record[name] = base64.b64encode(record[name]).decode()
            records[str(row)] = record
        data = {"network": network, "maps": records}
        if len(json.dumps(data, ensure_ascii=False, separators=(",", ":"))) <= BOOK_BYTES:
            return data
    return {"network": network | {"maps": False}, "maps": {}}


def _has_shape(value: Tensor, shape: Sequence[int]) -> bool:
    """Is it a map or a vector of one picture, as the row says?"""
    return value.ndim in (2, 4) and tuple(value.shape[1:]) == tuple(shape)


def _choose(table: Trace, spread: dict[int, Tensor]) -> dict[int, list[int]]:
    """Choose the channels of each row: the same in all rows that are joined by what keeps them."""
    groups = {row: row for row in spread}

    def find(row: int) -> int:
        while groups[row] != row:
            row = groups[row]
        return row

    for edge in table.edges:
        if edge.source in spread and edge.target in spread and _keeps_channels(table, edge):
            groups[find(edge.source)] = find(edge.target)
    members = defaultdict(list)
    for row in spread:
        members[find(row)].append(row)
    chosen = {}
    for rows in members.values():
        score = sum(spread[row] / spread[row].mean().clamp(min=1e-12) for row in rows)
        order = score.argsort(descending=True, stable=True).tolist()[:MOST_CHANNELS]
        is_vector = all(len(table.rows[row].out_shape) == 1 for row in rows)
        if is_vector and len(score) <= MOST_CHANNELS:  # the classes, in their order
            order = sorted(order)
        chosen |= dict.fromkeys(rows, order)
    return chosen


def _keeps_channels(table: Trace, edge: Any) -> bool:
    source, row = table.rows[edge.source], table.rows[edge.target]
    same = source.out_shape[:1] == row.out_shape[:1]
    return same and not row.macs and edge.how in ("", "add", "multiply")


def _lines(field: Field, sizes: Sequence[int]) -> dict[str, list[list[int]]]:
    """Return the first and last input pixel of each line and column of a map; {} if they differ."""
    found = {}
    for name, axis, dim, size in zip("yx", (0, 1), (-2, -1), sizes, strict=True):
        parts = field.parts.get((0, axis), ())
        if not parts:
            return {}
        seen = reduce(np.minimum, parts)
        seen = np.moveaxis(seen, dim, -1)
        if seen[0].size != seen.shape[-1]:
            return {}
        line = np.broadcast_to(seen.reshape(2, -1), (2, size))
        found[name] = [line[0].tolist(), (-line[1]).tolist()]
    return found


def _halves(values: Tensor) -> tuple[float, bytes]:
    """Return (scale, bytes): 16-bit numbers of at most 1, to be multiplied by the scale."""
    scale = float(values.abs().max()) if values.numel() else 1.0
    if not np.isfinite(scale) or scale == 0:
        scale = 1.0
    return _short(scale), (values / _short(scale)).numpy().astype("<f2").tobytes()


def _short(number: float) -> float:
    return float(f"{number:.6g}")
