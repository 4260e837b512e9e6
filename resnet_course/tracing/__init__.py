"""Follow a tensor through any module: what each layer does to its shape, and what it costs.

Read `rows` (what a trace is made of), `meta` (a copy of the model without numbers), `recorder`
(listen to every torch function), `tracer` (`trace` itself), then `arithmetic` (the numbers of one
layer, as a person would work them out on paper).
"""

from resnet_course.tracing.rows import LayerRow, Shape, Shortcut, Trace, TraceError, by
from resnet_course.tracing.tracer import trace

__all__ = ["LayerRow", "Shape", "Shortcut", "Trace", "TraceError", "by", "trace"]
