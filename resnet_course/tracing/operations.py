"""How each of PyTorch's operations changes what its values see.

Whatever a learner calls, `x.mean((2, 3))`, `F.interpolate` or `einsum`, ends in one of some two
hundred operations of PyTorch's core, `aten`. `follow` knows those by name. An operation that is not
in the tables passes on what it got, marked as a lower bound.
"""

from __future__ import annotations

from resnet_course.tracing import mixing_fields as mixing
from resnet_course.tracing import moving_fields as moving
from resnet_course.tracing import window_fields as windows
from resnet_course.tracing.aten import Aten
from resnet_course.tracing.fields import Field, lower_bound, union

RULES = mixing.RULES | moving.RULES | windows.RULES
# These work on each value for itself. Most have PyTorch's own tag `pointwise`; these have none.
POINTWISE = {
    *("_to_copy", "to", "alias", "detach", "lift_fresh", "contiguous", "copy", "complex", "_conj"),
    *("hardswish", "_prelu_kernel", "rrelu_with_noise", "triu", "tril"),
    *("native_dropout", "dropout", "feature_dropout"),
}
# These make tensors whose values do not depend on those of their inputs.
BY_SHAPE = ("zeros", "ones", "empty", "full", "rand", "new_", "arange", "scalar_tensor")


def follow(call: Aten, pointwise: bool) -> list[Field]:
    """Return what the values of each result see.

    `pointwise`: PyTorch says that the operation works on each value for itself.
    """
    plain, fields, ndim = call.name.rstrip("_"), call.fields, len(call.new)
    rule = RULES.get(call.name) or RULES.get(plain)
    if pointwise or plain in POINTWISE or not any(field.parts for field in fields):
        found = union(fields, ndim)
    elif rule:
        found = rule(fields[0], call)
    else:
        found = unknown(call)
    return found if isinstance(found, list) else [found] * len(call.shapes)


def unknown(call: Aten) -> Field:
    """At least what the value in the middle saw; where the shape stays, what its own place saw."""
    if len(call.fields) == 1 and call.old == call.new:
        return call.fields[0].guessed()
    return lower_bound(call.fields, len(call.new))
