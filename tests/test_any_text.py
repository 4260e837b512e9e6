"""Names may be any text; files and terminals of any computer can hold what the course writes."""

from __future__ import annotations

import ast
import json
import os
import re

import pytest
from helpers import NOTEBOOKS, ROOT, cells, linear_model, python
from torch import nn

from resnet_course import TrainConfig, drawn_garments, fit, trace, widgets
from resnet_course.pictures.curves import history_curves
from resnet_course.tracing.rows import printable

ODD = "a\x00\x1b[31m\ud800\u202e\n한"
SHOWN = r"a\x00\x1b[31m\ud800\u202e\n한"


def odd_network() -> nn.Module:
    model = nn.Sequential()
    model.add_module(ODD, nn.Conv2d(1, 2, 3))
    model.add_module("b", type("Odd\x1b\n", (nn.Module,), {"forward": lambda self, x: x + 1})())
    return model


def test_a_name_of_any_text_is_shown_with_escapes_and_found_by_itself():
    assert printable(ODD) == SHOWN and printable("fc ✓ 층") == "fc ✓ 층"
    found = trace(odd_network(), (1, 1, 8, 8))
    assert found[0].name == found[ODD].name == found[SHOWN].name == SHOWN
    assert found.within(ODD)[0].params == 20
    str(found).encode("utf-8")
    assert "\x00" not in str(found) and "\x1b" not in str(found)
    assert found[1].kind == r"Odd\x1b\n"


def test_an_error_names_the_module_with_escapes():
    with pytest.raises(ValueError, match="was built for 1 channels") as error:
        trace(odd_network(), (1, 3, 8, 8))
    assert SHOWN in str(error.value) and "\x00" not in str(error.value)


# Encodings.

PRINTED = """
import resnet_course
from resnet_course import checks, create_model, trace
from resnet_course.train import History
found = trace(create_model("resnet20"), (1, 3, 32, 32))
wrong = checks.conv_output_size(lambda *numbers: 0)
print(found, wrong, History("✓"), checks.progress(), checks.hint("resnet34"), "한", sep="\\n")
print("the end")
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "euc_kr"])
def test_a_terminal_without_utf_8_shows_everything_somehow(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = python("-c", PRINTED, env=environment, text=False, encoding=None)
    assert done.returncode == 0, done.stderr
    assert b"? conv_output_size: Not yet" in done.stdout and b"the end" in done.stdout


def sources() -> dict[str, str]:
    """Return the package's files and the notebooks' code."""
    found = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "resnet_course").rglob("*.py")
    }
    for path in NOTEBOOKS:
        for cell in cells(path, "code"):
            found[f"{path.name}, {cell.id}"] = re.sub(r"(?m)^\s*[%!].*", "", cell.source)
    return found


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a file as text without saying in which encoding."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    if name not in ("open", "read_text", "write_text") or any(
        keyword.arg in ("encoding", None) for keyword in call.keywords
    ):
        return False
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    modes = [each.value for each in given if isinstance(each, ast.Constant)]
    binary = name == "open" and any("b" in str(mode) for mode in modes)
    return not binary and ast.unparse(function).split(".")[0] not in ("Image", "webbrowser")


SOURCES = sources()


@pytest.mark.parametrize("name", SOURCES)
def test_text_files_name_their_encoding_and_nothing_needs_fork(name):
    for node in ast.walk(ast.parse(SOURCES[name])):
        if isinstance(node, ast.Call):
            assert not opens_text(node), f"line {node.lineno}: {ast.unparse(node)}"
        # Windows has neither fork nor "/" between folders.
        if isinstance(node, (ast.Attribute, ast.Name)):
            word = getattr(node, "attr", getattr(node, "id", ""))
            assert word not in ("fork", "set_start_method", "preexec_fn"), f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Path"):
            joined = [arg for arg in node.args if isinstance(arg, (ast.JoinedStr, ast.BinOp))]
            parts = [part for arg in joined for part in ast.walk(arg)]
            slashes = [p for p in parts if isinstance(p, ast.Constant) and "/" in str(p.value)]
            assert not slashes, f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    "text",
    ["open(p)", "p.read_text()", "p.write_text('b')", "p.open('w')", "open(p, mode='r')"],
)
def test_the_test_above_sees_what_it_looks_for(text):
    assert opens_text(ast.parse(text).body[0].value)


def shown(widget) -> str:
    is_explorer = isinstance(widget, widgets.ShapeExplorer)
    page = json.dumps(widget.page_data(), ensure_ascii=False) if is_explorer else ""
    return "".join([widget.to_html(), widget.describe(), page])


def test_widgets_and_pictures_of_odd_names_can_be_stored_and_shown():
    explorer = widgets.ShapeExplorer(odd_network(), (1, 1, 8, 8))
    monitor = widgets.TrainingMonitor()
    config = TrainConfig(epochs=1, batch_size=30, bfloat16=False)
    history = fit(linear_model(), drawn_garments(60, 10), config, monitor=monitor, label=ODD)
    picture = history_curves(history, ODD)
    for text in (shown(explorer), shown(monitor), monitor.words.value, str(picture), picture.alt):
        text.encode("utf-8")
        assert not set("\x00\x1b\ud800\u202e") & set(text)
    assert SHOWN in explorer.describe() and SHOWN in monitor.words.value
