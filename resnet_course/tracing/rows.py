"""What a trace is made of: one `LayerRow` per step of the forward pass, and `Trace`, the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from resnet_course.blocks import is_whole
from resnet_course.tracing.edges import Edge, Shortcut

Shape = tuple[int, ...]


class TraceError(ValueError):
    """A forward pass that failed while it was traced.

    Attributes:
        module: path of the module that failed, such as "layer2.0.conv1".
        shapes: the shapes that met, with the batch axis.
        trace: what ran before; None if nothing did.
    """

    def __init__(self, message: str, module: str, shapes: Sequence[Shape]) -> None:
        super().__init__(message)
        self.module = module
        self.shapes = list(shapes)
        self.trace: Trace | None = None


@dataclass(frozen=True)
class LayerRow:
    """One step of the forward pass. Shapes are without the batch axis; sizes are in pixels.

    Attributes:
        name: path of the layer in the model, "layer2.0.conv1"; a function that no layer stands
            for is named after the module that calls it, "layer2.0.add".
        kind: class of the layer ("Conv2d") or name of the function ("add"); "unused" for the
            parameters of a module that no step used, in a row that has no shapes.
        stage: the part of the model, "layer2": the first part of the name, or more where one part
            would hold nearly all rows ("features.denseblock1").
        path: "shortcut" for a layer on the shortest of several added paths, else "main".
        in_shape, out_shape: (channels, height, width), or (features,).
        kernel, stride, padding: one number per spatial axis, None where they mean nothing.
            A dilated kernel counts with its gaps.
        groups: groups of a convolution, else None.
        params: parameters, counted where they are used first.
        macs: multiply-adds for one picture: convolutions, linear layers, other products of
            matrices. Sums, norms and activations are not counted.
        receptive_field: input pixels, along the longer side, that one output value can see; the
            value in the middle, as if the picture were large enough.
        sees: the same in words: "35 px", "the whole picture" where the field covers the input, "at
            least 35 px" behind a step that cannot be followed.
        uncounted: products that `macs` leaves out, "distances"; "" if there are none.
        field: first and last pixel, along each axis of the first input, that the value in the
            middle sees; below 0 it lies in the padding. Empty if it cannot be followed.
        dilation: pixels from one value of the kernel to the next, as `kernel`.
        padding_mode: what lies in the padding of a convolution: "zeros", or pixels of the map,
            "circular", "reflect" or "replicate".
        channels: axis of what goes in, and of what comes out, along which no side of the picture
            lies: 0, or 2 in a map (height, width, channels). None where it cannot be told: in no
            map, or where all values see the same.
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
    sees: str = ""
    uncounted: str = ""
    field: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] | None = None
    padding_mode: str = "zeros"
    channels: tuple[int | None, int | None] = (None, None)

    @property
    def taps(self) -> tuple[int, ...]:
        """The kernel without its gaps: 3×3 for one of 3×3 with dilation 2, which spans 5×5."""
        kernel = self.kernel or ()
        dilation = self.dilation or (1,) * len(kernel)
        return tuple((k - 1) // d + 1 for k, d in zip(kernel, dilation, strict=True))


@dataclass(frozen=True, repr=False)
class Trace:
    """The rows of one forward pass, in the order of execution.

    Attributes:
        rows: one `LayerRow` per layer or function.
        params: all parameters of the model, shared ones once, unused ones too.
        macs: multiply-adds for one picture; `uncounted` says what they leave out.
        edges: which row feeds which, and how several ways meet.
        shortcuts: where paths of different length are added, in the order of the additions. Edges
            and shortcuts are empty for a part of a trace (`within`, `grouped`), whose rows have
            other positions.
    """

    rows: tuple[LayerRow, ...]
    params: int
    macs: int
    edges: tuple[Edge, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()

    @property
    def uncounted(self) -> str:
        """Products that the multiply-adds leave out; "" if there are none."""
        return together(row.uncounted for row in self.rows)

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

        1 gives a row per stage of a ResNet, 2 a row per block.

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
            lines.append((*words, f"{row.params:,}", _without(row), row.sees))
        lines.append(("total", "", "", "", f"{self.params:,}", _without(self), ""))
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


def by_axis(numbers: tuple[int, ...]) -> str:
    """Write a number per axis, such as a stride: once if they are the same."""
    return by(numbers) if len(set(numbers)) > 1 else str(numbers[0])


def neighbours(rows: Sequence[LayerRow], parts: int) -> list[tuple[str, int, int]]:
    """Return (name, first row, last row) of neighbours whose names agree in `parts` parts."""
    names = [".".join(row.name.split(".")[:parts]) for row in rows]
    groups = [(name, list(group)) for name, group in groupby(range(len(rows)), names.__getitem__)]
    return [(name, places[0], places[-1]) for name, places in groups]


def join(rows: Sequence[LayerRow]) -> LayerRow:
    """Make one row of several: first input, last output, sums, no geometry."""
    if len(rows) == 1:
        return rows[0]
    geometry = ("kernel", "stride", "padding", "groups", "dilation")
    used = [row for row in rows if row.kind != "unused"] or rows  # the others have no shapes
    return replace(
        used[-1],
        kind=f"{len(rows)} steps",
        path="main",
        in_shape=used[0].in_shape,
        **dict.fromkeys(geometry),
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        uncounted=together(row.uncounted for row in rows),
        channels=(used[0].channels[0], used[-1].channels[1]),
    )


def together(names: Iterable[str]) -> str:
    """Join lists of names, each name once: "distances, Fourier transforms"."""
    return ", ".join(dict.fromkeys(name for each in names for name in each.split(", ") if name))


def _without(counted: LayerRow | Trace) -> str:
    """Write multiply-adds, and what they leave out."""
    macs = f"{counted.macs:,}"
    return f"{macs} without {counted.uncounted}" if counted.uncounted else macs


def _subtotal(rows: Iterable[LayerRow]) -> Trace:
    rows = tuple(rows)
    return Trace(rows, sum(row.params for row in rows), sum(row.macs for row in rows))
