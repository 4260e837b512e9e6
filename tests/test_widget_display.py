"""What a widget leaves in a notebook: itself, its picture, and the picture in words."""

from __future__ import annotations

import base64

import pytest
from helpers import EXPLORERS
from torch import nn

from resnet_course.widgets import ShapeExplorer, TrainingMonitor
from resnet_course.widgets.base import LIVE, NOTE, STILL, WIDGET_VIEW, CourseWidget

MAKERS = {**EXPLORERS, "TrainingMonitor": TrainingMonitor}


@pytest.fixture
def shown(monkeypatch) -> list[tuple[dict, dict]]:
    """What was displayed: (data, metadata)."""
    found: list[tuple[dict, dict]] = []

    def display(data: dict, raw: bool, metadata: dict | None = None) -> None:
        assert raw
        found.append((data, metadata or {}))

    monkeypatch.setattr("resnet_course.widgets.base.display", display)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_every_widget_leaves_itself_a_picture_and_words(name, shown, capsys):
    widget = MAKERS[name]()
    assert isinstance(widget, CourseWidget) and LIVE in widget._dom_classes
    widget._ipython_display_()
    (view, _), (picture, metadata), (words, _) = shown
    assert set(view) == {WIDGET_VIEW} and view[WIDGET_VIEW]["model_id"] == widget.model_id
    assert set(picture) == {"image/png", "text/plain"}
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert picture["text/plain"] == widget.describe() == metadata["image/png"]["alt"]
    assert f'class="{STILL}"' in words["text/html"] and words["text/plain"] == ""
    page = widget.to_html()
    assert "data:image/png;base64," in page and "http" not in page and "<script" not in page
    assert capsys.readouterr() == ("", "")


def test_without_a_picture_the_message_is_left(shown):
    widget = ShapeExplorer(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(3, 2, 3)), (1, 9, 9))
    assert widget.trace is None
    widget._ipython_display_()
    assert 'role="alert"' in shown[1][0]["text/html"]
    assert shown[1][0]["text/plain"] == widget.describe()


def test_a_note_takes_the_place_of_a_live_widget(shown):
    TrainingMonitor().show_live("a <note>")
    (view, _), (note, _) = shown
    assert set(view) == {WIDGET_VIEW}
    assert f'class="{NOTE}"' in note["text/html"] and "a &lt;note&gt;" in note["text/html"]
