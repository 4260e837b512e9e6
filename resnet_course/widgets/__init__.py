"""Interactive pictures: thin shells over `tracing`, `gradients` and the pictures."""

from resnet_course.widgets.shape_explorer import ShapeExplorer

__all__ = ["ShapeExplorer"]
