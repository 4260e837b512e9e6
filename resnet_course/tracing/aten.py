"""One call of an operation of `aten`, PyTorch's core, and what its arguments say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resnet_course.tracing.fields import Field
from resnet_course.tracing.functions import per_axis
from resnet_course.tracing.rows import Shape


@dataclass(frozen=True)
class Aten:
    """A call of an operation.

    Attributes:
        name: of the operation, "convolution".
        arguments: by the names of the operation's schema, those that were given.
        fields, inputs: what the values of those tensors see that depend on the network's input, in
            order, and their shapes.
        shapes: of the results.
        field_of: finds what the values of a tensor among the arguments see; None if nothing.
        operation: what PyTorch runs.
    """

    name: str
    arguments: dict[str, Any]
    fields: list[Field]
    inputs: list[Shape]
    shapes: list[Shape]
    field_of: Callable[[Any], Field | None]
    operation: Callable[..., Any] | None = None

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    def get(self, argument: str, default: Any = None) -> Any:
        """Return an argument, or what stands for it if it was not given."""
        return self.arguments.get(argument, default)

    @property
    def old(self) -> Shape:
        """Shape of the first tensor that depends on the network's input."""
        return self.inputs[0]

    @property
    def new(self) -> Shape:
        """Shape of the first result."""
        return self.shapes[0]

    @property
    def axes(self) -> int:
        """How many axes a window has: 2 for "avg_pool2d"."""
        return int(next(letter for letter in self.name if letter.isdigit()))

    def dim(self, argument: str = "dim", default: int = 0) -> int:
        """Return an axis of the first tensor, counted from the front."""
        return self.get(argument, default) % max(len(self.old), 1)

    def dims(self, default: Any = None) -> list[int]:
        """Return one axis or several, or all if none is said."""
        ndim = len(self.old)
        given = self.get("dim", default)
        if given is None or given == []:
            return list(range(ndim))
        given = given if isinstance(given, (list, tuple)) else [given]
        return [dim % max(ndim, 1) for dim in given]

    def per_axis(self, argument: str, axes: int, default: Any = None) -> tuple[int, ...]:
        """Return a number for each axis of a window."""
        value = self.get(argument)
        return per_axis(default if value in (None, []) else value, axes)


Rule = Callable[[Field, Aten], "Field | list[Field]"]
