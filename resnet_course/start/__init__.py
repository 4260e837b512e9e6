"""Before the first chapter: is this computer ready, and a copy of the course to work in.

Read `environment` (the report of chapter 00), then `answers_wait` (how a chapter looks in the
learner's copy), `copies` (the copy, which never loses what the learner wrote) and `command` (the
three steps of `resnet-course`, which is also `python -m resnet_course`). `files` writes a file so
that nobody finds half of it; `glossary` reads what the glossary says about a term. Nothing here
loads torch, except the report.
"""

from resnet_course.start.environment import TORCH_MISFIT, Check, Report, check_environment

__all__ = ["TORCH_MISFIT", "Check", "Report", "check_environment"]
