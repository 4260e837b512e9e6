"""What all checkers share: verdicts, stubs, endless loops, help."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from resnet_course import checks
from resnet_course.checks.exercise import EXERCISES, STATE, is_untouched
from resnet_course.checks.guard import AnswerError, StepLimit, TooManySteps, call, show


@pytest.fixture(autouse=True)
def forget():
    STATE.clear()


# Stubs.


def only_dots(size): ...


def with_words(size):
    """Return the size."""
    # Your turn.
    ...


def passes(size):
    pass


def returns_nothing(size):
    return None


class EmptyBlock(nn.Module):
    """A block."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        ...

    def forward(self, x): ...


def not_implemented(size):
    """Return the size."""
    raise NotImplementedError("Your turn.")


class BlockNotImplemented(nn.Module):
    def __init__(self, in_channels, *sizes, **options):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError


def returns_zero(size):
    return 0


def returns_words(size):
    """Return the size."""
    return "28"


def raises_something_else(size):
    raise ValueError


class SizesOnly(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes


def returns_dots(size):
    return ...


def loops(size):
    for _ in range(3):
        pass


def returns_argument(size):
    return size


class HalfBlock(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1)

    def forward(self, x): ...


@pytest.mark.parametrize(
    "stub",
    [
        None, ..., only_dots, with_words, passes, returns_nothing, EmptyBlock,
        not_implemented, BlockNotImplemented,
    ],
)  # fmt: skip
def test_a_stub_is_untouched(stub):
    assert is_untouched(stub)
    result = checks.conv_output_size(stub)
    assert not result and not result.attempted
    assert "Not attempted yet" in repr(result) and "Hint 1 of 3" in result._repr_html_()


class HandsOn(nn.Linear):
    def __init__(self, in_features, sizes):
        super().__init__(in_features, sizes)


@pytest.mark.parametrize(
    "answer",
    [
        HandsOn,
        SizesOnly,
        returns_zero,
        returns_words,
        raises_something_else,
        returns_dots,
        loops,
        returns_argument,
        HalfBlock,
        7,
        "28",
        [],
        nn.ReLU(),
    ],
)
def test_anything_else_was_attempted(answer):
    assert not is_untouched(answer)
    result = checks.conv_output_size(answer)
    assert not result and result.attempted and "Not yet" in repr(result)


# Answers that misbehave.


def forever(*_):
    while True:
        pass


def forever_on_one_line(*_):
    while True: pass  # fmt: skip  # noqa: E701


def forever_in_a_library(*_):
    layer, x = nn.Linear(2, 2), torch.zeros(1, 2)
    while True:
        x = layer(x)


def forever_catching_everything(*_):
    while True:
        try:
            forever()
        except BaseException:
            continue


def forever_catching_exceptions(*_):
    while True:
        try:
            raise ValueError
        except Exception:
            pass


@pytest.mark.parametrize(
    "answer",
    [
        forever,
        forever_on_one_line,
        forever_in_a_library,
        forever_catching_everything,
        forever_catching_exceptions,
    ],
)
def test_an_answer_that_never_ends_is_stopped(answer, monkeypatch):
    monkeypatch.setattr("resnet_course.checks.guard.STEPS", 20_000)
    result = checks.conv_output_size(answer)
    assert result.attempted and "still running, so it was stopped" in result.message
    assert "is there a loop that never ends" in result.message


def test_a_clumsy_answer_has_time_enough():
    def counts(size, kernel, stride, padding):
        steps = place = 0
        while place + kernel <= size + 2 * padding:
            place, steps = place + stride, steps + 1
            for _ in range(1000):
                pass
        return steps

    assert checks.conv_output_size(counts)


def test_the_step_limit_leaves_nothing_behind():
    seen = []

    def debugger(frame, event, argument):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(debugger)
    try:
        with pytest.raises(TooManySteps), StepLimit(100):
            forever()
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    for _ in range(1000):  # nothing counts any more, and nothing is raised
        returns_zero(1)


def test_an_answer_that_ends_python_is_told_so_and_an_interruption_stays_one():
    result = checks.conv_output_size(lambda *_: sys.exit())
    assert result.attempted and "Your code calls exit()" in result.message

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.conv_output_size(interrupted)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *_: 1 / 0, "stopped with ZeroDivisionError: division by zero"),
        (lambda size: size, "stopped with TypeError"),
        (lambda *_: [][1], r"Called with \(56, 3, 1, 1\), your code stopped with IndexError"),
        ("28", "stopped with TypeError: 'str' object is not callable"),
        (lambda *_: print, "Expected a whole number"),
        (lambda *_: float("nan"), "Expected a whole number"),
        (lambda *_: True, "Expected a whole number"),
    ],
)
def test_errors_in_an_answer_become_messages(answer, message):
    result = checks.conv_output_size(answer)
    assert result.attempted and not result
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(result.message)


def test_an_error_names_the_learners_own_line():
    import linecache

    source = "def f(size, kernel, stride, padding):\n    half = size / 0\n    return half\n"
    name = "<ipython-input-3>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space: dict = {}
    exec(compile(source, name, "exec"), space)
    assert "(in your line 2: half = size / 0)" in checks.conv_output_size(space["f"]).message


def test_a_checker_leaves_random_numbers_gradient_mode_and_warnings_alone():
    def noisy(size, kernel, stride, padding):
        torch.rand(3)
        torch.manual_seed(7)
        warnings.warn("deprecated", stacklevel=1)
        return (size + 2 * padding - kernel) // stride + 1

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checks.conv_output_size(noisy)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(1), expected)


def test_call_keeps_the_message_of_an_answer_error():
    def complain():
        raise AnswerError("as it is")

    with pytest.raises(AnswerError, match="^as it is$"):
        call(complain)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.zeros(2, 3), "a tensor of shape (2, 3)"),
        (torch.tensor(0.25), "a tensor with the number 0.25"),
        (nn.ReLU(), "a ReLU"),
        (nn.ReLU, "ReLU"),
        (torch.tensor(1, device="meta"), "a tensor of shape ()"),
        (np.eye(2), "array([[1., 0.], [0., 1.]])"),
        (1 / 3, "0.333333"),
        ("x" * 200, "'" + "x" * 76 + "..."),
    ],
)
def test_values_are_shown_in_words(value, words):
    assert show(value) == words


# Help.


def test_hints_come_one_after_the_other_and_the_last_one_stays():
    from resnet_course.checks import advice

    advice._given.clear()
    about = EXERCISES["conv_output_size"]
    given = [repr(checks.hint("conv_output_size")) for _ in range(4)]
    assert given == [f"Hint {n} of 3: {about.hints[n - 1]}" for n in (1, 2, 3, 3)]
    assert repr(checks.hint(checks.conv_output_size)) == given[-1]


@pytest.mark.parametrize("ask", [checks.hint, checks.solution])
def test_an_unknown_exercise_is_an_error_that_lists_them(ask):
    with pytest.raises(ValueError, match="no exercise 'conv': choose one of .*conv_output_size"):
        ask("conv")


def test_progress_counts_what_was_checked_in_this_notebook():
    assert "0 of 0" in repr(checks.progress())
    checks.conv_output_size(only_dots)
    assert "○ conv_output_size" in repr(checks.progress())
    checks.conv_output_size(returns_zero)
    assert "✗ conv_output_size" in repr(checks.progress())
    checks.conv_output_size(lambda s, k, t, p: (s + 2 * p - k) // t + 1)
    assert "✓ conv_output_size" in repr(checks.progress())
    assert repr(checks.progress()).startswith("1 of ")
    page = checks.progress()._repr_html_()
    assert "✓ Passed" in page and EXERCISES["conv_output_size"].title in page
