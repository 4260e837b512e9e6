"""Look into a network: gradients, activations, what one value sees, which pixels decide.

Read `gradients` (gradients backward, activations forward, receptive field), `stacks` (deep stacks
of equal layers) and `stack_gradients` (how far a gradient reaches in one), `feature_maps` (the
maps of a layer, and Grad-CAM), `predictions` and `verdicts` (what a classifier says).
"""

from resnet_course.measure.feature_maps import grad_cam, layer_outputs
from resnet_course.measure.gradients import (
    ActivationStats,
    activation_stats,
    gradient_norms,
    measured_receptive_field,
)
from resnet_course.measure.predictions import Predictions
from resnet_course.measure.stack_gradients import StackGradients, measure_stack
from resnet_course.measure.stacks import StackConfig, create_stack
from resnet_course.measure.verdicts import Verdicts

__all__ = [
    "ActivationStats",
    "Predictions",
    "StackConfig",
    "StackGradients",
    "Verdicts",
    "activation_stats",
    "create_stack",
    "grad_cam",
    "gradient_norms",
    "layer_outputs",
    "measure_stack",
    "measured_receptive_field",
]
