"""Follow a tensor through any module: what each layer does to its shape, and what it costs.

Read `rows` and `edges` (what a trace is made of), `meta` (a copy of the model without numbers),
`functions`, `dtypes` and `recorder` (listen to every torch function), `origins` (where each tensor
comes from), `axes` (where the batch lies), `steps` (the rows while the trace goes on).

What its values see: `parts` and `fields`, then `operations` with one rule for each of PyTorch's, in
`mixing_fields`, `window_fields` and `moving_fields`; `aten` holds what a rule
gets. At last `tracer` (`trace` itself) and `errors`, `values` (the same walk with
numbers) and `arithmetic` (the numbers of one layer, as a person would work them out on paper).
"""

from resnet_course.tracing.edges import Edge, Shortcut
from resnet_course.tracing.rows import LayerRow, Shape, Trace, TraceError, by
from resnet_course.tracing.tracer import trace

__all__ = ["Edge", "LayerRow", "Shape", "Shortcut", "Trace", "TraceError", "by", "trace"]
