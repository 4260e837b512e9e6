"""What moves: controls of ipywidgets around the pictures, and what is shown where no kernel runs.

Read `base` (what all widgets share), then any other that is named as a widget: it holds that one.
`explored` and the files `explorer_…` are parts of `ShapeExplorer`, `confusion_grid` is one of
`PredictionBrowser`; `slider` is a control with a name. They compute nothing that `tracing` and
`measure` do not compute, and draw nothing that `pictures` does not draw.
"""

from resnet_course.widgets.block_builder import BlockBuilder
from resnet_course.widgets.gradient_flow_lab import GradientFlowLab
from resnet_course.widgets.grouped_conv import GroupedConvExplorer
from resnet_course.widgets.prediction_browser import PredictionBrowser
from resnet_course.widgets.shape_explorer import ShapeExplorer
from resnet_course.widgets.training_monitor import TrainingMonitor

__all__ = [
    "BlockBuilder",
    "GradientFlowLab",
    "GroupedConvExplorer",
    "PredictionBrowser",
    "ShapeExplorer",
    "TrainingMonitor",
]
