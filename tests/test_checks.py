"""What all checkers share: verdicts, stubs, endless loops, help."""

from __future__ import annotations

import html
import json
import linecache
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from answer_tools import cell, must_say
from torch import nn

from resnet_course import checks
from resnet_course.blocks import BasicBlock
from resnet_course.checks import advice, answers, guard, result
from resnet_course.checks.exercise import EXERCISES, STATE
from resnet_course.start.copies import RECORD

SIZE = "lambda size, kernel, stride, padding: "
RIGHT = "(size + 2 * padding - kernel) // stride + 1"


def size_is(code):
    return cell(f"answer = {SIZE}{code}")


@pytest.fixture(autouse=True)
def forget():
    STATE.clear()
    advice._given.clear()


# Stubs.

STUBS = [
    "stub = None",
    "stub = ...",
    "def stub(size): ...",
    'def stub(size):\n    """Return the size."""\n    # Your turn.\n    ...',
    "def stub(size): pass",
    "def stub(size): return None",
    'def stub(size):\n    """Return the size."""\n    raise NotImplementedError("Your turn.")',
    'class Stub(nn.Module):\n    """A block."""\n'
    "    def __init__(self, i, o, stride=1):\n        super().__init__()\n        ...\n"
    "    def forward(self, x): ...",
    "class Stub(nn.Module):\n"
    "    def __init__(self, i, *sizes, **options):\n        super().__init__()\n"
    "    def forward(self, x):\n        raise NotImplementedError",
]


@pytest.mark.parametrize("source", STUBS)
def test_a_stub_is_untouched(source):
    result = checks.conv_output_size(cell(source))
    assert not result and not result.attempted
    assert "Not attempted yet" in repr(result) and "Hint 1 of 3" in result._repr_html_()
    assert result.message == "Change the cell above and run both cells again."


ATTEMPTS = [
    "answer = 7",
    'answer = "28"',
    "answer = []",
    "answer = nn.ReLU()",
    "def answer(size): return 0",
    'def answer(size):\n    """Return the size."""\n    return "28"',
    "def answer(size): raise ValueError",
    "def answer(size): return ...",
    "def answer(size): return size",
    "def answer(size):\n    for _ in range(3): pass",
    "class Sizes(nn.Module):\n    def __init__(self, sizes):\n        super().__init__()\n"
    "        self.sizes = sizes",
    "class Base(nn.Module):\n    pass\nclass Heir(Base):\n    width = 3",
    "class HandsOn(nn.Linear):\n    def __init__(self, i, sizes):\n"
    "        super().__init__(i, sizes)",
    "class Half(nn.Module):\n    def __init__(self, i, o, stride=1):\n        super().__init__()\n"
    "        self.conv1 = nn.Conv2d(i, o, 3, stride, 1)\n    def forward(self, x): ...",
]


@pytest.mark.parametrize("source", ATTEMPTS)
def test_anything_else_was_attempted(source):
    result = checks.conv_output_size(cell(source))
    assert not result and result.attempted and "Not yet" in repr(result)


# Answers that misbehave.

ENDLESS = [
    "    while True:\n        pass",
    "    while True: pass",
    "    layer, x = nn.Linear(2, 2), torch.zeros(1, 2)\n    while True:\n        x = layer(x)",
    "    while True:\n        try:\n            while True:\n                pass\n"
    "        except BaseException:\n            continue",
    "    while True:\n        try:\n            raise ValueError\n"
    "        except Exception:\n            pass",
]


@pytest.mark.parametrize("body", ENDLESS)
def test_an_answer_that_never_ends_is_stopped(body, monkeypatch):
    monkeypatch.setattr(guard, "STEPS", 20_000)
    words = "^After 20,000 steps your code was still running, so it was stopped. A right answer "
    words += "needs far fewer: is there a loop that never ends, or far too much work.$"
    must_say("conv_output_size", cell(f"def forever(*_):\n{body}"), words)


def test_a_debugger_goes_on_after_a_check_and_no_step_counts_any_more(monkeypatch):
    monkeypatch.setattr(guard, "STEPS", 20_000)
    before, seen = sys.gettrace(), []
    sys.settrace(debugger := lambda *given: seen.append(given))
    try:
        checks.conv_output_size(cell(f"def forever(*_):\n{ENDLESS[0]}"))
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    assert sum(1 for _ in range(50_000)) == 50_000


def test_a_clumsy_answer_has_time_enough():
    counts = """
def counts(size, kernel, stride, padding):
    steps = place = 0
    while place + kernel <= size + 2 * padding:
        place, steps = place + stride, steps + 1
        for _ in range(1000):
            pass
    return steps
"""
    must_say("conv_output_size", cell(counts), "right")


def test_an_answer_that_ends_python_is_told_so_and_the_stop_button_stops_a_check():
    words = r"Your code calls exit\(\) or quit\(\), which ends the notebook's Python. Use return."
    must_say("conv_output_size", lambda *_: sys.exit(), words)

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.conv_output_size(interrupted)


SHOWN = [
    ("1 / 0", r"Called with \(56, 3, 1, 1\), your code stopped with ZeroDivisionError: division"),
    ("[][1]", "stopped with IndexError: list index out of range.$"),
    ("(lambda: {}[...])()", "stopped with KeyError: Ellipsis"),
    ("exec('raise ValueError')", "stopped with ValueError: no message"),
    ("print", "Expected a whole number .int., got print"),
    ("torch.zeros(2, 3)", r"got a tensor of shape \(2, 3\) \(Tensor\)"),
    ("torch.tensor(0.25)", "got a tensor with the number 0.25"),
    ("nn.ReLU()", r"got a ReLU \(ReLU\)"),
    ("nn.ReLU", r"got ReLU \(type\)"),
    ("np.eye(2)", r"got an array of shape \(2, 2\)"),
    ("[np.eye(2)]", r"got \[array\(\[\[1., 0.\], \[0., 1.\]\]\)\] \(list\)"),
    ("1 / 3", "got 0.333333 "),
    ("'x' * 200", "got 'x{76}[.]{3} "),
]


@pytest.mark.parametrize(("code", "words"), SHOWN)
def test_errors_and_values_are_shown_in_words(code, words):
    must_say("conv_output_size", size_is(code), words)


def test_an_error_names_the_learners_own_line():
    source = "def f(size, kernel, stride, padding):\n    half = size / 0\n    return half\n"
    linecache.cache["<cell 3>"] = (len(source), None, source.splitlines(True), "<cell 3>")
    space: dict = {}
    exec(compile(source, "<cell 3>", "exec"), space)
    must_say("conv_output_size", space["f"], r"by zero \(in your line 2: half = size / 0\)")


def test_what_no_checker_foresees_stops_no_notebook():
    class Odd(torch.Tensor):
        @property
        def shape(self):
            raise ZeroDivisionError("odd")

    words = (
        "could not be checked: ZeroDivisionError: odd. Does it take and return what the exercise"
    )
    must_say("sigmoid_slope", lambda z: z.as_subclass(Odd), words)


# Help.


def test_hints_come_one_after_the_other_and_the_last_one_stays():
    about = EXERCISES["conv_output_size"]
    given = [repr(checks.hint("conv_output_size")) for _ in range(4)]
    assert given == [f"Hint {n} of 3: {about.hints[n - 1]}" for n in (1, 2, 3, 3)]
    assert repr(checks.hint(checks.conv_output_size)) == given[-1]


@pytest.mark.parametrize(
    "ask", [checks.hint, checks.solution, lambda name: checks.yours(name, None, None)]
)
def test_an_unknown_exercise_is_an_error_that_lists_them(ask):
    with pytest.raises(ValueError, match="no exercise 'conv': choose one of .*conv_output_size"):
        ask("conv")


def test_progress_counts_what_was_checked_in_this_notebook():
    for answer, sign in ((None, "○"), (size_is("0"), "✗"), (size_is(RIGHT), "✓")):
        checks.conv_output_size(answer)
        assert f"{sign} conv_output_size" in repr(checks.progress())
    assert repr(checks.progress()).startswith("1 of ")
    page = checks.progress()._repr_html_()
    assert "✓ Passed" in page and EXERCISES["conv_output_size"].title in page


# Whose answer the next cells use.

NOISY = "def noisy(*sizes):\n    print('hello')\n    return conv_output_size(*sizes)"
BLOCK = "class Block(BasicBlock):\n    pass"
OTHERS = "The next cells use the course's {}: yours has not passed its check yet.\n"
CHOICES = [
    ("conv_output_size", size_is(RIGHT), True),
    ("conv_output_size", cell(NOISY, conv_output_size=answers.conv_output_size), True),
    ("conv_output_size", size_is("0"), False),
    ("conv_output_size", size_is("1 / 0"), False),
    ("conv_output_size", lambda *_: sys.exit(), False),
    ("conv_output_size", cell("def stub(size): ..."), False),
    ("conv_output_size", None, False),
    ("basic_block", cell(BLOCK, BasicBlock=BasicBlock), True),
    ("basic_block", nn.ReLU, False),
    ("basic_block", cell("class Stub(nn.Module): ..."), False),
]


@pytest.mark.parametrize(("name", "answer", "right"), CHOICES)
def test_the_next_cells_use_a_right_answer_and_else_the_course_s(name, answer, right, capsys):
    default = object()
    assert checks.yours(name, answer, default=default) is (answer if right else default)
    words = f"The next cells use your {name}.\n" if right else OTHERS.format(name)
    assert capsys.readouterr() == (words, "")


def test_to_choose_an_answer_changes_no_verdict(capsys):
    checks.yours("conv_output_size", size_is("0"), None)
    assert not STATE
    passed = checks.conv_output_size(size_is(RIGHT))
    checks.yours(checks.conv_output_size, size_is("0"), None)
    assert {"conv_output_size": passed} == STATE
    assert capsys.readouterr().out == 2 * OTHERS.format("conv_output_size")


def test_where_no_check_has_run_progress_shows_the_whole_course():
    shown = checks.progress()
    assert shown.keys() == EXERCISES.keys() and set(shown.values()) == {"untouched"}
    for name, about in EXERCISES.items():
        assert f"{about.chapter:02} · {about.title}" in repr(shown), name
        assert f"{about.chapter:02} · {html.escape(about.heading)}" in shown._repr_html_(), name


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A learner's copy, in which the kernel works."""
    (tmp_path / RECORD).write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_passed_in_the_learners_copy_stays_passed(copy):
    for code, state in (("0", "wrong"), (RIGHT, "passed"), ("0", "passed")):
        checks.conv_output_size(size_is(code))
        checks.needs_projection(None)
        STATE.clear()  # another kernel
        assert checks.progress()["conv_output_size"] == state
    assert "✓ conv_output_size" in repr(checks.progress())
    checks.conv_output_size(None)
    assert "✓ conv_output_size" in repr(checks.progress())  # now of its chapter alone
    assert json.loads((copy / result.FILE).read_text("utf-8")) == {"conv_output_size": "passed"}


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '{"conv_output_size": ["passed"]}', None])
def test_a_damaged_file_or_one_that_cannot_be_written_stops_no_check(copy, damaged):
    if damaged is None:
        (copy / result.FILE).mkdir()
    else:
        (copy / result.FILE).write_text(damaged, encoding="utf-8")
    assert checks.progress()["conv_output_size"] == "untouched"
    assert checks.conv_output_size(size_is(RIGHT)).passed
    assert checks.progress()["conv_output_size"] == "passed"


def test_outside_of_a_copy_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checks.conv_output_size(size_is(RIGHT))
    assert not list(tmp_path.iterdir())


def test_many_kernels_at_once_lose_nothing(copy):
    names = [f"exercise {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as kernels:  # each with a lock of its own, as processes have
        list(kernels.map(lambda name: result.save(name, "passed"), names))
    assert result.saved() == dict.fromkeys(names, "passed")
