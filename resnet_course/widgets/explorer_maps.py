"""Feature maps for the explorer: what each row of a network makes of one picture."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_course.tracing.fields import Field
from resnet_course.tracing.meta import shared_copy
from resnet_course.tracing.origins import tensors_in
from resnet_course.tracing.rows import Trace, printable
from resnet_course.tracing.values import trace_values
from resnet_course.widgets.explorer_channels import (
    LAST,
    MOST_CHANNELS,
    channel_axes,
    choose_channels,
)
from resnet_course.widgets.explorer_heat import find_head, heat_of
from resnet_course.widgets.explorer_products import packed, products
from resnet_course.widgets.explorer_switches import Change, with_changes

MOST_VALUES = 100_000  # of one row
BOOK_BYTES = 300_000


class FeatureMaps:
    """What the rows of a network give for one picture, with the channels first.

    Args:
        model: any module that `trace` takes; it stays as it is.
        x: one picture as the model takes it, with its batch axis, on the model's device.
        table: what `trace(model, x)` has given.
        channels: which to keep, those of other maps; None chooses those that vary most.
        changes: what is switched off, see `explorer_switches`.

    Attributes:
        values: row → (channels that are kept, height, width) or (features,); -1 is the picture.
        channels: row → numbers of these channels.
        output: what the network gives, without the batch axis.
        heat: where the last map speaks for the answer, (height, width) from 0 to 1, or None.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        table: Trace,
        channels: dict[int, list[int]] | None = None,
        changes: Iterable[Change] = (),
    ) -> None:
        self.table, self.shape, self.dtype = table, tuple(x.shape[1:]), x.dtype
        self.modules = {printable(n): part for n, part in shared_copy(model).named_modules()}
        self._weights = self._versions()
        self.axes = {row: out for row, (_, out) in enumerate(channel_axes(table))}
        self.fields: dict[int, dict[str, list[list[int]]]] = {}
        self.sources = defaultdict(list)
        for edge in table.edges:
            self.sources[edge.target].append(edge.source)
        self.head = find_head(model, table)
        self.heat, self._spoken = None, -1  # for which class the heat is
        # Two walks: the first says which channels to keep. All of them would take much memory.
        self.channels = dict(channels or choose_channels(table, self._spread(model, x)))
        self.channels[-1] = list(range(x.shape[1]))[:MOST_CHANNELS]
        self.values = {-1: x[0, self.channels[-1]].detach().float().cpu()}
        self.follows: set[int] = set()  # rows that get just what the row before gives
        self.apart: set[int] = set()  # rows that surely do not
        given = trace_values(model, x, table, with_changes(self._keep, changes, x))
        self.output = _of_one(next(tensors_in(given), torch.empty(0)))
        if self._spoken != (int(self.output.argmax()) if self.output.numel() else -1):
            self.heat = None  # what follows the last layer has changed the answer

    def _spread(self, model: nn.Module, x: Tensor) -> dict[int, Tensor]:
        """Return how much each channel of each row varies."""
        spread: dict[int, Tensor] = {}

        def look(row: int, _: Tensor, value: Tensor, __: Field | None) -> None:
            shape = self.table.rows[row].out_shape
            if not _has_shape(value, shape) or (len(shape) == 3 and self.axes[row] is None):
                return
            one = self._one(row, value).float().cpu()
            vary = one.flatten(1).std(1, correction=0) if one.ndim > 1 else one.abs()
            spread[row] = vary.nan_to_num(0, 0, 0)

        trace_values(model, x, self.table, look)
        return spread

    def _keep(self, row: int, came: Tensor, value: Tensor, field: Field | None) -> None:
        if not _has_shape(value, self.table.rows[row].out_shape):
            return
        one = self._one(row, value)
        if self.head and row == self.head[0]:
            self._last = one.float().cpu().clone()
        if self.head and row == self.head[1]:
            weights = self.modules[self.table.rows[row].name].weight
            self._spoken = int(one.argmax())
            self.heat = heat_of(self._last, weights[self._spoken].detach().float().cpu())
        if field and one.ndim == 3 and self.axes[row] is not None:
            self.fields[row] = _lines(field, one.shape[-2:], self.axes[row])
        if row not in self.channels:
            return
        area = max(one.numel() // max(len(one), 1), 1)
        self.channels[row] = self.channels[row][: max(1, MOST_VALUES // area)]
        self.values[row] = one[self.channels[row]].float().cpu()
        source = self._source(row)
        if source is None:
            return
        if tuple(came.shape) == (1, *self._shape(source)):
            given = self._one(source, came)[self.channels[source]].float().cpu()
            if torch.equal(given.nan_to_num(), self.values[source].nan_to_num()):
                self.follows.add(row)
        if row not in self.follows and came.data_ptr() != value.data_ptr():
            self.apart.add(row)

    def _one(self, row: int, value: Tensor) -> Tensor:
        """Return what a row gives for the one picture, with the channels first."""
        return value[0].movedim(-1, 0) if self.axes.get(row) == LAST else value[0]

    def _source(self, row: int) -> int | None:
        """Return the only row that feeds a row, if its values are kept."""
        sources = self.sources[row]
        return sources[0] if len(sources) == 1 and sources[0] in self.values else None

    def _shape(self, row: int) -> tuple[int, ...]:
        return self.table.rows[row].out_shape if row >= 0 else self.shape

    def record(self, row: int, most: int = MOST_CHANNELS) -> dict[str, Any] | None:
        """Return what the page gets of one row, with "values" and "weights" as bytes.

        Args:
            row: of the trace; -1 is the picture itself.
            most: how many channels of a map at most; a vector has all that were kept.
        """
        if row not in self.values:
            return None
        values, channels = self._shown(row, most)
        found = {"row": row, "channels": channels, "shape": list(self._shape(row))}
        found["scale"], found["values"] = packed(values)
        if self.axes.get(row) == LAST:
            found["last"] = True
        if row in self.apart:
            found["apart"] = True
        if self.fields.get(row):
            found["fields"] = self.fields[row]
        if row in self.follows and self._versions() == self._weights:  # not trained since then
            step = self.table.rows[row]
            came = self._shown(self._source(row), most)[1]
            found |= products(self.modules.get(step.name), step, channels, came)
        return found

    def _versions(self) -> list[tuple[int, torch.device]]:
        """Return what tells whether parameters are still those that made the values."""
        parameters = self.modules[""].parameters()
        return [(0 if p.is_inference() else p._version, p.device) for p in parameters]

    def _shown(self, row: int, most: int) -> tuple[Tensor, list[int]]:
        values = self.values[row] if self.values[row].ndim == 1 else self.values[row][:most]
        return values, self.channels[row][: len(values)]


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
        if len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()) <= BOOK_BYTES:
            return data
    return {"network": network | {"maps": False, "picture": None}, "maps": {}}


def _of_one(output: Tensor) -> Tensor:
    """Return what a network gives for one picture, nothing if it gives no such numbers."""
    fits = output.ndim > 1 and len(output) == 1 and not output.is_complex()
    return output[0].float().cpu() if fits else torch.empty(0)


def _has_shape(value: Tensor, shape: Sequence[int]) -> bool:
    """Is it a map or a vector of one picture, as the row says?"""
    return (
        value.ndim in (2, 4) and not value.is_complex() and tuple(value.shape[1:]) == tuple(shape)
    )


def _lines(field: Field, sizes: Sequence[int], channels: int) -> dict[str, list[list[int]]]:
    """Return the first and last input pixel of each line and column of a map; {} if they differ."""
    found, dims = {}, (-3, -2) if channels == LAST else (-2, -1)
    for name, axis, dim, size in zip("yx", (0, 1), dims, sizes, strict=True):
        parts = field.parts.get((0, axis), ())
        if not parts:
            return {}
        seen = np.moveaxis(reduce(np.minimum, parts), dim, -1)
        if seen[0].size != seen.shape[-1]:
            return {}
        line = np.broadcast_to(seen.reshape(2, -1), (2, size))
        found[name] = [line[0].tolist(), (-line[1]).tolist()]
    return found
