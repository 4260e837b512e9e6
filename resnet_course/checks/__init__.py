"""One checker for each exercise of the course, with hints and solutions.

>>> checks.conv_output_size(my_function)
>>> checks.hint("conv_output_size")
>>> checks.solution("conv_output_size")
>>> my_function = checks.yours("conv_output_size", my_function, default=conv_output_size)
>>> checks.progress()

A checker calls the learner's answer and gathers facts. What to say stands in tables, where a line
is code and words. In faults.toml the code is a condition: the first that is true is what is wrong.
In mistakes.toml it is a wrong answer, or edits that make one of the right answer: one that gives
the same values as the learner's names the mistake.

Read `result` (what a checker says, and what is kept in the learner's copy), `wording` (how a
message writes a value), `guard` (a learner's code runs, whatever it does), `kernel` (and changes
nothing for others), `faults` (ask the first kind of table), `exercise` (what all checkers share)
and `questions` (ask for `values`, and the second kind). Then the checkers of a chapter: `gradients`
(01), `shapes`, `blocks` (02 to 04), `networks` (03), `training` and `measuring` (05), `in_place`
(02, 05), `transfer` and `applications` (06), `own_pictures` (07). What several of them practise on
is in `practice`. A block or network is compared with the right one in `compare`, on the flow of
numbers that `flow` has watched; `diagnosis` looks for the mistake among the `variants` of the right
source text, which block_mistakes.txt tells. Titles and hints stand in exercises.toml. `answers` are
the course's own solutions; `advice` gives hints, solutions and the progress, and chooses between
the learner's answer and the course's.
"""

from resnet_course.checks.advice import hint, progress, solution, yours
from resnet_course.checks.applications import attention, box_iou, growth_cost
from resnet_course.checks.blocks import (
    basic_block,
    bottleneck,
    residual_forward,
    resnext_block,
    zero_init,
)
from resnet_course.checks.gradients import gradient_norms, sigmoid_slope, slope_bound
from resnet_course.checks.in_place import batch_norm, sgd_momentum
from resnet_course.checks.measuring import evaluate, topk_accuracy
from resnet_course.checks.networks import make_stage, resnet34
from resnet_course.checks.own_pictures import channel_statistics, stratified_split
from resnet_course.checks.result import CheckResult
from resnet_course.checks.shapes import (
    conv_output_size,
    conv_params,
    count_layers,
    needs_projection,
    stage_shapes,
)
from resnet_course.checks.training import train_step
from resnet_course.checks.transfer import freeze_backbone, multi_head

__all__ = [
    "CheckResult",
    "attention",
    "basic_block",
    "batch_norm",
    "bottleneck",
    "box_iou",
    "channel_statistics",
    "conv_output_size",
    "conv_params",
    "count_layers",
    "evaluate",
    "freeze_backbone",
    "gradient_norms",
    "growth_cost",
    "hint",
    "make_stage",
    "multi_head",
    "needs_projection",
    "progress",
    "residual_forward",
    "resnet34",
    "resnext_block",
    "sgd_momentum",
    "sigmoid_slope",
    "slope_bound",
    "solution",
    "stage_shapes",
    "stratified_split",
    "topk_accuracy",
    "train_step",
    "yours",
    "zero_init",
]
