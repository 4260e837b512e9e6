"""Look into a network: gradients, activations, what one value sees, which pixels decide.

Read `aside` (run a network, and leave it as it was), `gradients` (gradients backward, activations
forward), `stacks` (deep stacks of equal layers)
and `stack_gradients` (how far a gradient reaches in one), `receptive_field` and the `smooth`
functions it needs, `feature_maps` (the maps of a layer, and Grad-CAM), `predictions` and `verdicts`
(what a classifier says).
"""

from resnet_course.measure.feature_maps import grad_cam, layer_outputs
from resnet_course.measure.gradients import activation_stats, gradient_norms
from resnet_course.measure.predictions import Predictions
from resnet_course.measure.receptive_field import measured_receptive_field
from resnet_course.measure.stacks import create_stack

__all__ = [
    "Predictions",
    "activation_stats",
    "create_stack",
    "grad_cam",
    "gradient_norms",
    "layer_outputs",
    "measured_receptive_field",
]
