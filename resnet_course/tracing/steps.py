"""The rows of a trace while the forward pass goes on, and the edges between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resnet_course.tracing.edges import Edge, find_shortcuts
from resnet_course.tracing.fields import Field
from resnet_course.tracing.origins import Operations, Origin, tensors_in
from resnet_course.tracing.recorder import Call
from resnet_course.tracing.rows import LayerRow, Shape, Trace, printable, together

UNUSED = "unused"
Note = Callable[[int, Tensor, Tensor, Field | None], None]


class Steps:
    """Collects the rows of one forward pass; `note` hears of each, see `trace_values`.

    Parameters of `model` are counted where they are used first. The batch, of the size `batch`,
    lies along `batch_axis` of all tensors; None if there is none.
    """

    def __init__(
        self, model: nn.Module, operations: Operations, batch_axis: int | None, batch: int
    ) -> None:
        self.model, self.operations = model, operations
        self.batch_axis, self.batch = batch_axis, batch
        self.owners = {parameter: printable(name) for name, parameter in model.named_parameters()}
        self.counted: set[Tensor] = set()
        self.rows: list[LayerRow] = []
        self.edges: list[Edge] = []
        self.note: Note | None = None

    def modules_of(self, parameters: Iterable[Tensor]) -> set[str]:
        """Return the paths of the modules that hold some parameters."""
        return {self.owners[p].rpartition(".")[0] for p in parameters if p in self.owners}

    def add(self, name: str, call: Call, parameters: Iterable[Tensor] = ()) -> None:
        """Append a row for a call that made use of some parameters, and the edges to it."""
        here = len(self.rows)
        origins = self.operations.origins
        known = [origins.get(tensor, Origin()) for tensor in call.outputs]
        fresh = set(parameters).union(*(origin.parameters for origin in known)) - self.counted
        fresh &= self.owners.keys()
        self.counted |= fresh
        sources = dict.fromkeys(s for _, origin in call.inputs for s in origin.sources)
        how = call.how if len(sources) > 1 else ""
        self.edges += [Edge(source, here, how) for source in sources]
        (first, origin), field = call.inputs[0], known[0].field
        channels = tuple(each and each.channels for each in (origin.field, field))
        if self.note is not None:
            self.note(here, first, call.outputs[0], field)
        if field and self.batch_axis is None:
            field = field.each(lambda part: part[:, None])
        self.rows.append(
            LayerRow(
                name=name,
                kind=call.kind,
                stage="",
                path="main",
                in_shape=self.one(tuple(first.shape)),
                out_shape=self.one(tuple(call.outputs[0].shape)),
                **vars(call.geometry),
                params=sum(p.numel() for p in fresh if not is_lazy(p)),
                macs=self.one_of(call),
                receptive_field=max(field.pixels, 1) if field else 1,
                sees=in_words(field),
                uncounted=together(call.uncounted),
                field=first_input(field),
                channels=channels,
            )
        )
        for tensor, origin in zip(call.outputs, known, strict=True):
            origins[tensor] = Origin(origin.field, (here,))

    def one_of(self, call: Call) -> int:
        """Return the multiply-adds for one picture.

        What depends on no picture, such as a product of weights, is computed once for all; what has
        an axis as long as the batch, such as noise, for each.
        """
        per_picture = any(origin.field for _, origin in call.inputs)
        per_picture |= self.batch in call.outputs[0].shape[:2]
        return call.macs // self.batch if per_picture and not call.macs % self.batch else call.macs

    def finished(self, result: Any, *, whole: bool = True) -> Trace:
        """Make a trace of the steps; where the forward pass has failed, it is not the whole."""
        unused: Counter[str] = Counter()
        for parameter, name in self.owners.items() if whole else ():
            if parameter not in self.counted and not is_lazy(parameter):
                unused[name.partition(".")[0]] += parameter.numel()
        rows = list(self.rows)
        for number, tensor in enumerate(tensors_in(result)):
            origin = self.operations.origins.get(tensor, Origin())
            self.edges += [Edge(source, len(rows) + number) for source in origin.sources]
        for name, params in unused.items():
            self.insert_unused(rows, name, params)
        shortcuts = find_shortcuts(self.edges, len(rows))
        for i in {i for shortcut in shortcuts for i in shortcut.layers}:
            rows[i] = replace(rows[i], path="shortcut")
        return Trace(
            rows=tuple(with_stages(rows)),
            params=sum(p.numel() for p in self.model.parameters() if not is_lazy(p)),
            macs=sum(row.macs for row in rows),
            edges=tuple(self.edges),
            shortcuts=tuple(shortcuts),
        )

    def insert_unused(self, rows: list[LayerRow], name: str, params: int) -> None:
        """Put a row where the module stands in the model; first and last row stay what they are."""
        order = [name for name, _ in self.model.named_children()]
        before = order[: order.index(name)] if name in order else order
        place = max(
            (i + 1 for i, r in enumerate(rows) if r.name.split(".")[0] in before), default=0
        )
        place = max(min(place, len(rows) - 1), 1) if rows else 0
        nothing = dict.fromkeys(("kernel", "stride", "padding", "groups"))
        row = LayerRow(
            name, UNUSED, "", "main", (), (), **nothing, params=params, macs=0, receptive_field=1
        )
        rows.insert(place, row)
        self.edges = [
            Edge(e.source + (e.source >= place), e.target + (e.target >= place), e.how)
            for e in self.edges
        ]

    def one(self, shape: Shape) -> Shape:
        """Leave out the batch axis."""
        axis = self.batch_axis
        if axis is None or len(shape) <= axis:
            return shape
        exchanged = len(shape) == 3 or (len(shape) == 2 and axis == 1)
        if exchanged and axis < 2 and shape[axis] != self.batch == shape[1 - axis]:
            axis = 1 - axis  # sequences before or after the axes were exchanged
        times, rest = divmod(shape[axis], self.batch)
        if rest or times > 1:  # windows of the picture along the batch axis
            own = shape[axis] if rest else times
            return (*shape[:axis], own, *shape[axis + 1 :]) if times else shape[1:]
        return shape[:axis] + shape[axis + 1 :]


def first_input(field: Field | None) -> tuple[tuple[int, int], ...]:
    """Return what the value in the middle sees of the first input, along each of its axes."""
    middle = field.middle if field else {}
    return tuple(middle[axis] for axis in sorted(middle) if axis[0] == 0)


def in_words(field: Field | None) -> str:
    """Write a receptive field as a person would."""
    if not field or not field.parts:
        return ""
    is_picture, count = len(field.sizes) > 1, max(field.pixels, 1)
    if field.whole:
        return f"the whole {'picture' if is_picture else 'input'}"
    unit = "px" if is_picture else "value" if count == 1 else "values"
    return f"{'' if field.exact else 'at least '}{count} {unit}"


def with_stages(rows: Sequence[LayerRow]) -> list[LayerRow]:
    """Give each row its stage: a part of the model that does not hold nearly all of it."""
    stages = [row.name.split(".")[0] for row in rows]
    depth = 1
    while True:
        largest, count = Counter(stages).most_common(1)[0] if stages else ("", 0)
        deeper = [
            ".".join(row.name.split(".")[: depth + 1]) if stage == largest else stage
            for row, stage in zip(rows, stages, strict=True)
        ]
        if count <= 0.9 * len(rows) or deeper == stages:
            break
        stages, depth = deeper, depth + 1
    return [replace(row, stage=stage) for row, stage in zip(rows, stages, strict=True)]
