"""Interactive pictures: thin shells over `tracing`, `gradients` and the pictures."""

from resnet_course.widgets.block_builder import BlockBuilder
from resnet_course.widgets.gradient_flow import GradientFlowLab
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
