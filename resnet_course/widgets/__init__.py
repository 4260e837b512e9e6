"""Interactive pictures: thin shells over `tracing`, `gradients` and the pictures."""

from resnet_course.widgets.block_builder import BlockBuilder
from resnet_course.widgets.grouped_conv import GroupedConvExplorer
from resnet_course.widgets.shape_explorer import ShapeExplorer

__all__ = ["BlockBuilder", "GroupedConvExplorer", "ShapeExplorer"]
