"""A checker leaves the kernel as it was, and a busy machine changes no verdict."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from answer_tools import must_say
from torch import nn

from resnet_course import checks
from resnet_course.checks.exercise import EXERCISES


def right(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def hooks() -> int:
    found = vars(nn.modules.module)
    return sum(len(v) for k, v in found.items() if k.startswith("_global_") and hasattr(v, "keys"))


STATE = {  # what the kernel has for everybody: how to read it, how an answer could change it
    "dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "device": (torch.get_default_device, lambda: torch.set_default_device("meta")),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(3)),
    "gradients": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "inference": (torch.is_inference_mode_enabled, lambda: torch.inference_mode().__enter__()),
    "products": (
        torch.get_float32_matmul_precision,
        lambda: torch.set_float32_matmul_precision("medium"),
    ),
    "deterministic": (
        torch.are_deterministic_algorithms_enabled,
        lambda: torch.use_deterministic_algorithms(True),
    ),
    "hooks": (
        hooks,
        lambda: nn.modules.module.register_module_forward_hook(lambda *given: None),
    ),
    "seed of torch": (lambda: torch.get_rng_state().tolist(), lambda: torch.manual_seed(3)),
    "seed of NumPy": (lambda: np.random.get_state()[1].tolist(), lambda: np.random.seed(3)),
    "seed of Python": (random.getstate, lambda: random.seed(3)),
    "errors of NumPy": (np.geterr, lambda: np.seterr(all="raise")),
    "depth": (sys.getrecursionlimit, lambda: sys.setrecursionlimit(5_000)),
    "folder": (Path.cwd, lambda: os.chdir("/")),
    "warnings": (lambda: list(warnings.filters), lambda: warnings.simplefilter("error")),
    "output": (lambda: sys.stdout, lambda: setattr(sys, "stdout", None)),
    "tracing": (sys.gettrace, lambda: sys.settrace(None)),
}


@pytest.mark.parametrize("change", STATE)
def test_what_an_answer_changes_for_everybody_is_put_back(change):
    before = {name: read() for name, (read, _) in STATE.items()}

    def answer(*sizes):
        STATE[change][1]()
        return right(*sizes)

    checks.conv_output_size(answer)
    for name, (read, _) in STATE.items():
        assert read() == before[name], name


@pytest.mark.parametrize("name", EXERCISES)
def test_a_kernel_with_other_settings_refuses_no_right_answer(name):
    threads = torch.get_num_threads()
    with torch.enable_grad(), warnings.catch_warnings():
        for change in ("dtype", "device", "threads", "gradients", "deterministic", "warnings"):
            STATE[change][1]()
        try:
            before = {name: read() for name, (read, _) in STATE.items()}
            assert getattr(checks, name)(EXERCISES[name].answers[0]).passed
            assert {name: read() for name, (read, _) in STATE.items()} == before
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(False)


def test_a_check_in_inference_mode_refuses_no_right_answer():
    with torch.inference_mode():
        result = checks.gradient_norms(EXERCISES["gradient_norms"].answers[0])
        assert result.passed and torch.is_inference_mode_enabled()


class Leaves(BaseException):
    """Not an Exception."""


@pytest.mark.parametrize("error", [Leaves, GeneratorExit, StopIteration])
def test_whatever_an_answer_raises_is_a_verdict(error):
    def answer(*sizes):
        raise error

    assert error.__name__ in must_say("conv_output_size", answer, "")


def test_output_is_cut_after_a_screenful(capsys):
    def answer(*sizes):
        print("look", *range(1_000))
        print("also", file=sys.stderr)
        return right(*sizes)

    assert checks.conv_output_size(answer).passed
    printed = capsys.readouterr()
    assert printed.out.startswith("look 0 1 2") and len(printed.out) < 3_300
    assert "more characters are not shown: is there a print in a loop?" in printed.out
    assert printed.err == "also\n" * 9

    def quiet(*sizes):
        print(*sizes)
        return right(*sizes)

    checks.conv_output_size(quiet)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 9 and "not shown" not in printed


class Mute(Exception):  # noqa: N818
    """Its text cannot be had."""

    def __str__(self):
        raise ValueError


def test_the_text_of_an_error_is_cut_and_may_be_missing():
    def long(*sizes):
        raise ValueError("far too long " * 10_000)

    def mute(*sizes):
        raise Mute

    message = must_say("conv_output_size", long, "far too long.*130,000 characters in all")
    assert len(message) < 1_500
    must_say("conv_output_size", mute, "stopped with Mute: no message")


class Unseen(int):
    """Has no text either."""

    def __repr__(self):
        raise ValueError


def test_a_value_that_cannot_be_written_is_named_by_its_class():
    must_say("conv_output_size", lambda *sizes: [Unseen()], "got a list")


# A busy machine.


@pytest.fixture(scope="module")
def busy():
    """Keep both cores busy six times over, as thirty kernels on one server do."""
    work = "while True: pass"
    others = [subprocess.Popen([sys.executable, "-c", work]) for _ in range(6)]
    yield
    for other in others:
        other.kill()
        other.wait()


@pytest.mark.processes
@pytest.mark.parametrize("name", ["resnet34", "make_stage", "zero_init", "resnext_block"])
def test_no_right_answer_is_refused_on_a_busy_machine(busy, name):
    must_say(name, EXERCISES[name].answers[0], "right")


@pytest.mark.processes
def test_causes_are_named_on_a_busy_machine_too(busy):
    def without_pooling(num_classes):
        model = torchvision.models.resnet34(num_classes=num_classes)
        model.maxpool = nn.Identity()
        return model

    def never(*sizes):
        while True:
            pass

    must_say("resnet34", without_pooling, "The max pooling of the stem is missing.")
    must_say("conv_output_size", never, "still running")
