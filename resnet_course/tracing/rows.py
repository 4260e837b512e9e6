"""What a trace is made of: one `LayerRow` per step of the forward pass, and `Trace`, the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from resnet_course.blocks import is_whole

Shape = tuple[int, ...]


class TraceError(ValueError):
    """A forward pass that failed while it was traced.

    Attributes:
        module: path of the module that failed, such as "layer2.0.conv1".
        shapes: the shapes that met, with the batch axis.
    """

    def __init__(self, message: str, module: str, shapes: Sequence[Shape]) -> None:
        super().__init__(message)
        self.module = module
        self.shapes = list(shapes)


@dataclass(frozen=True)
class LayerRow:
    """One step of the forward pass. Shapes are without the batch axis; sizes are in pixels.

    Attributes:
        name: path of the layer in the model, "layer2.0.conv1"; a function that no layer stands
            for is named after the module that calls it, "layer2.0.add".
        kind: class of the layer ("Conv2d") or name of the function ("add").
        stage: first part of the name, "layer2".
        path: "shortcut" for a layer on the shorter of two added paths, else "main".
        in_shape, out_shape: (channels, height, width), or (features,).
        kernel, stride, padding: one number per spatial axis, None where they mean nothing.
            A dilated kernel counts with its gaps.
        groups: groups of a convolution, else None.
        params: parameters, counted where they are used first.
        macs: multiply-adds for one picture; convolutions and linear layers only.
        receptive_field: input pixels, along the longer side, that one output value can see.
    """

    name: str
    kind: str
    stage: str
    path: str
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    padding: tuple[int, ...] | None
    groups: int | None
    params: int
    macs: int
    receptive_field: int


@dataclass(frozen=True)
class Shortcut:
    """A path around some layers that ends in an addition. Numbers are positions in the trace.

    Attributes:
        start: the row whose output takes both paths; -1 for the input of the model.
        end: the row of the addition.
        layers: the rows on the shorter path; empty for an identity shortcut.
    """

    start: int
    end: int
    layers: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Trace:
    """The rows of one forward pass, in the order of execution.

    Attributes:
        rows: one `LayerRow` per layer or function.
        params: all parameters of the model, shared ones once, unused ones too.
        macs: multiply-adds for one picture.
        shortcuts: where two paths are added, in the order of the additions; empty for a part of a
            trace (`within`, `grouped`), whose rows have other positions.
    """

    rows: tuple[LayerRow, ...]
    params: int
    macs: int
    shortcuts: tuple[Shortcut, ...] = ()

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str | int) -> LayerRow:
        """Return a row by its name (the last one if a layer is used twice) or its position."""
        if isinstance(name, int):
            return self.rows[name]
        name = printable(name)
        last = {row.name: row for row in self.rows}
        if name in last:
            return last[name]
        raise KeyError(f"no layer {name!r}: there is {', '.join(row.name for row in self.rows)}")

    def within(self, prefix: str) -> Trace:
        """Return the rows of one module, `trace.within("layer2.0")`, with their sums.

        Raises:
            ValueError: there is no such module; the message says which there are.
        """
        prefix = printable(prefix)
        rows = [r for r in self.rows if r.name == prefix or r.name.startswith(f"{prefix}.")]
        if not rows:
            parts = dict.fromkeys(name for name, _, _ in neighbours(self.rows, 2))
            raise ValueError(f"there is no module {prefix!r}: there is {', '.join(parts)}.")
        return _subtotal(rows)

    def grouped(self, parts: int) -> Trace:
        """Join neighbouring rows whose names agree in the first `parts` parts.

        1 gives a row per stage, 2 a row per block.

        Raises:
            ValueError: `parts` is no whole number from 1 up.
        """
        if not is_whole(parts):
            raise ValueError(f"parts must be a whole number from 1 up, got {parts!r}.")
        return _subtotal(
            replace(join(self.rows[first : last + 1]), name=name)
            for name, first, last in neighbours(self.rows, parts)
        )

    def __str__(self) -> str:
        """Return a table in plain text."""
        head = ("layer", "kind", "input", "output", "parameters", "multiply-adds", "sees")
        lines = [head]
        for row in self.rows:
            words = (row.name, row.kind, by(row.in_shape), by(row.out_shape))
            numbers = (f"{row.params:,}", f"{row.macs:,}", f"{row.receptive_field} px")
            lines.append((*words, *numbers))
        lines.append(("total", "", "", "", f"{self.params:,}", f"{self.macs:,}", ""))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        layout = "  ".join(f"{{:{'>' if i > 3 else '<'}{width}}}" for i, width in enumerate(widths))
        return "\n".join(layout.format(*line).rstrip() for line in lines)

    __repr__ = __str__


def printable(text: str) -> str:
    r"""Write what no page and no file can show, NUL or half a character, as \x00 or \ud800."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def by(shape: Shape) -> str:
    """Write a shape as people do: 64×56×56."""
    return "×".join(map(str, shape))


def neighbours(rows: Sequence[LayerRow], parts: int) -> list[tuple[str, int, int]]:
    """Return (name, first row, last row) of neighbours whose names agree in `parts` parts."""
    names = [".".join(row.name.split(".")[:parts]) for row in rows]
    groups = [(name, list(group)) for name, group in groupby(range(len(rows)), names.__getitem__)]
    return [(name, places[0], places[-1]) for name, places in groups]


def join(rows: Sequence[LayerRow]) -> LayerRow:
    """Make one row of several: first input, last output, sums, no geometry."""
    if len(rows) == 1:
        return rows[0]
    geometry = ("kernel", "stride", "padding", "groups")
    return replace(
        rows[-1],
        kind=f"{len(rows)} steps",
        path="main",
        in_shape=rows[0].in_shape,
        **dict.fromkeys(geometry),
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
    )


def _subtotal(rows: Iterable[LayerRow]) -> Trace:
    rows = tuple(rows)
    return Trace(rows, sum(row.params for row in rows), sum(row.macs for row in rows))
