"""What widgets leave: picture and words, and a file that must not be stale beside a notebook."""

from __future__ import annotations

import base64
import io
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor

import nbformat
import numpy as np
import pytest
import torch
from browser.pages import chromium
from execute_notebooks import TRAINED, execute
from explorer_picture import MISSING, picture
from helpers import EXPLORERS, NOTEBOOKS, ROOT, cells, linear_model
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from torch import nn

from resnet_course import create_model, drawn_garments
from resnet_course.data.batches import to_float
from resnet_course.pictures.frames import STILL, Frame, Frames
from resnet_course.website import explorer_files
from resnet_course.website.stored import store
from resnet_course.website.weights_file import file_name
from resnet_course.widgets import (
    BlockBuilder,
    GradientFlowLab,
    GroupedConvExplorer,
    ShapeExplorer,
    TrainingMonitor,
)
from resnet_course.widgets.base import LIVE, NOTE, WIDGET_VIEW, StoredForm

needs_chromium = pytest.mark.skipif(
    not chromium() and not os.environ.get("RESNET_COURSE_NEEDS_BROWSER"), reason="needs Chromium"
)
STORED = ROOT / "notebooks" / "explorers"
OF_CHAPTERS = "[0-9]*.js"  # beside them lie weights of networks
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">\n<g/>{}</svg>'


def frames(**changes) -> Frames:
    given = {
        "name": "x",
        "choices": {"step by": ["a", "b"]},
        "frames": [Frame(SVG.format(i * "<i/>"), f"words {i}") for i in range(2)],
        "start": 1,
        "strip": [0],
    }
    return Frames(**{**given, **changes})


# The file.


def test_what_is_written_is_read_again_and_what_is_common_stands_there_once():
    text = frames().to_js("key-1")
    assert text.startswith('explorerFrames("key-1",{') and text.endswith("});\n")
    assert text.count("xmlns") == 1
    again = Frames.from_js(text)
    assert again == frames() and again.first == frames().frames[1]
    assert again.to_js("key-1") == text


@pytest.mark.parametrize(
    "change", [{"start": 2}, {"start": -1}, {"strip": [2]}, {"frames": []}, {"choices": {}}]
)
def test_frames_that_lead_nowhere_are_refused(change):
    with pytest.raises(ValueError, match="^x: "):
        frames(**change)


DATA = {"network": {"rows": [{"name": "</script><b>"}]}, "maps": {"0": {"values": "AAA="}}}


def test_the_data_of_an_explorer_are_read_again_and_cannot_end_a_script():
    text = explorer_files.to_js("key-1", DATA)
    assert text.startswith('explorerData("key-1",{') and text.endswith("});\n") and "<" not in text
    assert explorer_files.from_js(text) == DATA
    assert explorer_files.is_explorer(text) and not explorer_files.is_explorer(frames().to_js("a"))


FRAMES_TEXT, DATA_TEXT = frames().to_js("key-1"), explorer_files.to_js("key-1", DATA)
OTHER_CODE = [
    *(("expl", "alert(1);expl"), ('"key-1"', '"key",alert(1)'), ("});", "},alert(1));")),
    *(("});\n", "});\nalert(1)"), ("});\n", ""), ("});\n", "});")),
]
OTHER_FRAMES = [
    *(('"words"', '"wrods"'), ('"start":1', '"start":[')),
    *(('"start":1', '"start":7'), ('"start":1', '"start":"1"'), ('"start":1', '"start":[]')),
    *(('"strip":[0]', '"strip":[2]'), ('"picture":[0,', '"picture":[7,')),
]
OTHER_DATA = [
    *(("\\u003c", "<"), ('"AAA="', '"AAA='), ('"rows":[', '"rows":[],"r":[')),
    *(('"network":', '"net":'), ('"maps":{', '"maps":[],"m":{')),
]


@pytest.mark.parametrize(
    ("read", "text", "old", "new"),
    [
        *((Frames.from_js, FRAMES_TEXT, *damage) for damage in OTHER_CODE + OTHER_FRAMES),
        *((explorer_files.from_js, DATA_TEXT, *damage) for damage in OTHER_CODE + OTHER_DATA),
    ],
)
def test_any_other_text_is_refused(read, text, old, new):
    read(text)
    assert old in text
    with pytest.raises(ValueError):
        read(text.replace(old, new))


def test_a_text_of_the_other_kind_is_refused_with_what_is_expected():
    with pytest.raises(ValueError, match=r"^expected explorerFrames\(…\); with frames between$"):
        Frames.from_js(DATA_TEXT)
    with pytest.raises(ValueError, match=r"^expected explorerData\(…\); with data between$"):
        explorer_files.from_js(FRAMES_TEXT)


def test_the_front_end_becomes_one_script_that_leaves_one_name():
    script = explorer_files.script()
    assert script.startswith('"use strict";\n(() => {') and script.endswith("})();\n")
    assert script.count("window.resnetExplorer =") == 1 and "export" not in script.split()
    assert "</script" not in script.lower()


# The widgets.

FRAMED = {name: make for name, make in EXPLORERS.items() if name != "ShapeExplorer"}


@pytest.mark.parametrize("name", FRAMED)
def test_every_widget_has_frames_and_stays_as_it_was(name):
    widget = FRAMED[name]()
    before = widget.still().png(), widget.describe()
    made = widget.frames()
    assert (widget.still().png(), widget.describe()) == before
    assert made.first.words in widget.describe()
    assert len({frame.words for frame in made.frames}) > len(made.frames) // 2
    for frame in made.frames:
        assert len(frame.words) > 20
        if frame.picture.startswith("data:"):
            head, data = frame.picture.split(",")
            assert head == "data:image/png;base64" and base64.b64decode(data)[:4] == b"\x89PNG"
        else:
            assert "\n<svg " in frame.picture and frame.picture.endswith("</svg>")
    assert 2 <= len(made.strip) <= 12
    assert Frames.from_js(made.to_js("a")).first == made.first


def test_the_shape_explorer_leaves_its_data_and_where_it_stands(left, tmp_path):
    widget = ShapeExplorer("resnet20", (1, 3, 32, 32))
    widget.layer, widget.level = 7, "blocks"
    widget._ipython_display_()
    before = widget.still().png(), widget.describe(), widget.layer, widget.opened
    stored = store(widget.model_id, "k", tmp_path).read_text(encoding="utf-8")
    assert (widget.still().png(), widget.describe(), widget.layer, widget.opened) == before
    network = explorer_files.from_js(stored)["network"]
    places = {each["name"]: each for each in [*network["rows"], *network["folders"]]}
    assert places[network["place"]]["words"] == widget.describe()
    assert network["opened"] == widget.opened and len(network["rows"]) == len(widget.trace)


@needs_chromium
def test_the_stored_picture_is_the_explorer_as_a_page_shows_it():
    garment = to_float(drawn_garments(10, 10).test_images[:1], 0, 1)
    data = ShapeExplorer(linear_model(), garment).page_data()
    # In a thread of its own: the browser tests of this session may have Playwright running.
    with ThreadPoolExecutor(1) as alone:
        image = Image.open(io.BytesIO(alone.submit(picture, data).result()))
        del data["network"]["edges"]
        with pytest.raises(RuntimeError, match="the explorer cannot be drawn"):
            alone.submit(picture, data).result()
    assert image.width == 920 and image.height > 300 and image.mode == "P"
    colours = {colour for _, colour in image.convert("RGB").getcolors()}
    assert (255, 255, 255) in colours and len(colours) > 100  # the garment among them


def test_every_choice_of_the_block_builder_is_the_picture_that_the_widget_would_draw():
    widget = BlockBuilder("BasicBlock", 32, 64, stride=2, shortcut="projection", size=28)
    made = widget.frames()
    assert made.choices["channels in, channels"] == ["32, 64", "64, 64", "64, 128", "256, 64"]
    assert len(made.frames) == 3 * 4 * 2 * 4
    other = BlockBuilder("Bottleneck", 256, 64, stride=2, shortcut="none", size=28).still()
    assert made.frames[((1 * 4 + 3) * 2 + 1) * 4 + 3].picture == other


def test_the_gradient_flow_lab_measures_each_choice():
    widget = GradientFlowLab(drawn_garments(64, 10), depth=6, activation="relu", init="small")
    made = widget.frames()
    inits = [option.partition(":")[0] for option in made.choices["initialisation"]]
    assert inits == ["pytorch", "small", "xavier", "he"]
    options = {"activation": "relu", "init": "he", "batch_norm": True}
    other = GradientFlowLab(drawn_garments(64, 10), depth=6, **options)
    assert made.frames[((2 * 4 + 3) * 2 + 1) * 2 + 0].words == other.describe()


def test_storing_disturbs_no_random_numbers_and_needs_a_displayed_widget(tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_course.widgets.base.display", lambda *_, **__: None)
    widget = GradientFlowLab(drawn_garments(64, 10), depth=3)
    assert store(widget.model_id, "k", tmp_path / "e") is None
    widget._ipython_display_()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    path = store(widget.model_id, "k", tmp_path / "e")
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected
    stored = Frames.from_js(path.read_text(encoding="utf-8"))
    assert path.name == "k.js" and stored.first.words in widget.describe()
    assert store("no such widget", "k", tmp_path) is None
    monitor = TrainingMonitor()
    monitor.show_live("note")
    assert store(monitor.model_id, "m", tmp_path) is None


@pytest.mark.processes
def test_running_a_notebook_keeps_its_cells_and_what_its_widgets_leave(
    tmp_path, monkeypatch, capsys
):
    source = "from resnet_course.widgets import GroupedConvExplorer, ShapeExplorer\n"
    shows = new_code_cell(source + "GroupedConvExplorer(4, 4)")
    touched = new_code_cell("ShapeExplorer('resnet20', (1, 3, 32, 32))")
    made = [new_markdown_cell("# A"), new_code_cell("1 + 1"), shows, touched]
    notebook = new_notebook(cells=[*made, new_code_cell("'store' in globals()")])
    path = tmp_path / "01_a.ipynb"
    nbformat.write(notebook, path)
    (tmp_path / "explorers").mkdir()
    (tmp_path / "explorers" / "01_a-gone.js").touch()
    drawn = []
    monkeypatch.setattr("execute_notebooks.picture", lambda data: drawn.append(data) or b"drawn")
    execute(path)
    after = nbformat.read(path, as_version=4).cells
    assert [cell.source for cell in after] == [cell.source for cell in notebook.cells]
    assert [cell.get("execution_count") for cell in after] == [None, 1, 2, 3, 4]
    assert after[4].outputs[0].data["text/plain"] == "False"
    stored = {p.stem: p.read_text(encoding="utf-8") for p in (tmp_path / "explorers").iterdir()}
    assert stored.keys() == {f"01_a-{shows.id}", f"01_a-{touched.id}"}
    for cell in after[2:4]:
        assert all(WIDGET_VIEW not in output.data for output in cell.outputs)
    framed, explored = (cell.outputs[0].data for cell in after[2:4])
    frames_of = Frames.from_js(stored[f"01_a-{shows.id}"])
    assert frames_of.first.words == framed["text/plain"]
    assert base64.b64decode(framed["image/png"])[:4] == b"\x89PNG"
    assert drawn == [explorer_files.from_js(stored[f"01_a-{touched.id}"])]
    assert base64.b64decode(explored["image/png"]) == b"drawn"
    assert explored["text/plain"] == drawn[0]["network"]["rows"][0]["words"]
    # Without Chromium the simpler picture stays, and the message says so.
    monkeypatch.setattr("execute_notebooks.picture", lambda data: None)
    execute(path)
    assert MISSING in capsys.readouterr().out
    cell = nbformat.read(path, as_version=4).cells[3]
    assert base64.b64decode(cell.outputs[0].data["image/png"])[:4] == b"\x89PNG"


# What is left in a notebook: a widget itself, its picture, and the picture in words.

MAKERS = {**EXPLORERS, "TrainingMonitor": TrainingMonitor}


@pytest.fixture
def left(monkeypatch) -> list[tuple[dict, dict]]:
    """What was displayed: (data, metadata)."""
    found: list[tuple[dict, dict]] = []

    def display(data: dict, raw: bool, metadata: dict | None = None) -> None:
        assert raw
        found.append((data, metadata or {}))

    monkeypatch.setattr("resnet_course.widgets.base.display", display)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_every_widget_leaves_itself_a_picture_and_words(name, left, capsys):
    widget = MAKERS[name]()
    assert isinstance(widget, StoredForm) and LIVE in widget._dom_classes
    widget._ipython_display_()
    (view, _), (picture, metadata), (words, _) = left
    assert set(view) == {WIDGET_VIEW} and view[WIDGET_VIEW]["model_id"] == widget.model_id
    assert set(picture) == {"image/png", "text/plain"}
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert picture["text/plain"] == widget.describe() == metadata["image/png"]["alt"]
    assert f'class="{STILL}"' in words["text/html"] and words["text/plain"] == ""
    page = widget.to_html()
    assert "data:image/png;base64," in page and "http" not in page and "<script" not in page
    assert capsys.readouterr() == ("", "")


def test_without_a_picture_the_message_is_left(left):
    widget = ShapeExplorer(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(3, 2, 3)), (1, 9, 9))
    assert widget.trace is None
    widget._ipython_display_()
    assert 'role="alert"' in left[1][0]["text/html"]
    assert left[1][0]["text/plain"] == widget.describe()


def test_a_note_takes_the_place_of_a_live_widget(left):
    TrainingMonitor().show_live("a <note>")
    (view, _), (note, _) = left
    assert set(view) == {WIDGET_VIEW}
    assert f'class="{NOTE}"' in note["text/html"] and "a &lt;note&gt;" in note["text/html"]


# What is stored beside the notebooks.


def shown() -> dict[str, str]:
    """Key of each cell that shows a widget's picture → its words."""
    found = {}
    for path in NOTEBOOKS:
        for cell in cells(path):
            outputs = cell.get("outputs", [])
            for before, after in zip(outputs, outputs[1:], strict=False):
                if STILL in after.get("data", {}).get("text/html", ""):
                    found[f"{path.stem}-{cell.id}"] = before.data["text/plain"]
    return found


def test_every_widget_of_a_notebook_has_its_frames_and_there_are_no_others():
    others = {file_name(source) for source in TRAINED}
    assert sorted({path.name for path in STORED.glob("*")} - others) == sorted(
        f"{key}.js" for key in shown()
    )


@pytest.mark.parametrize("key", shown())
def test_a_stored_widget_starts_with_the_words_of_the_notebook(key):
    text = (STORED / f"{key}.js").read_text(encoding="utf-8")
    if explorer_files.is_explorer(text):
        network = explorer_files.from_js(text)["network"]
        everything = [*network["rows"], *network["folders"]]
        first = [each for each in everything if each["name"] == network["place"]]
        assert shown()[key] in [each["words"] for each in first]
        assert len(text.encode()) < 310_000
    else:
        assert Frames.from_js(text).first.words in shown()[key]
        assert len(text) < 800_000


@pytest.mark.parametrize(
    ("start", "make"),
    [
        ("BasicBlock(64, 128", lambda: BlockBuilder("BasicBlock", 64, 128, stride=2)),
        ("8 dots on the left", lambda: GroupedConvExplorer(8, 8, groups=4)),
    ],
)
def test_stored_frames_are_those_that_the_code_draws_today(start, make):
    texts = [path.read_text(encoding="utf-8") for path in STORED.glob(OF_CHAPTERS)]
    stored = [Frames.from_js(text) for text in texts if not explorer_files.is_explorer(text)]
    (old,) = (each for each in stored if each.first.words.startswith(start))
    assert old == Frames.from_js(make().frames().to_js("a"))


def test_stored_data_are_those_that_the_code_computes_today():
    text = (STORED / "03_resnet18_34-c03-w1.js").read_text(encoding="utf-8")
    widget = ShapeExplorer(create_model("resnet18"), (1, 3, 224, 224), title="ResNet-18")
    widget.layer = 18
    ids = {"id": 0}  # counts what a widget has shown
    old, new = explorer_files.from_js(text)["network"], widget.page_data()["network"]
    assert old | ids == json.loads(json.dumps(new)) | ids
