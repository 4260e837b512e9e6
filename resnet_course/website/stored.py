"""Keep a widget in a file, so that it works where no kernel runs.

A ShapeExplorer leaves its data, which the front end draws; other widgets leave frames, pictures
that are drawn in advance.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from resnet_course.start.files import write_whole
from resnet_course.website import explorer_files
from resnet_course.widgets import ShapeExplorer
from resnet_course.widgets.base import CourseWidget, StoredForm


def store(model_id: str, key: str, folder: str | Path) -> Path | None:
    """Write what a displayed widget leaves; whatever runs later notices nothing.

    Args:
        model_id: of the widget, as it stands in the output of its cell.
        key: name of the file, and of the widget in its page.
        folder: where to write; made if need be.

    Returns:
        The file, or None for a widget without frames and for what is no widget of the course.
    """
    widget = StoredForm.displayed.get(model_id)
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        text = _text(widget, key)
    random.setstate(states[0])
    np.random.set_state(states[1])
    if text is None:
        return None
    path = Path(folder) / f"{key}.js"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, text.encode())
    return path


def _text(widget: StoredForm | None, key: str) -> str | None:
    if isinstance(widget, ShapeExplorer):
        return explorer_files.to_js(key, widget.page_data())
    frames = widget.frames() if isinstance(widget, CourseWidget) else None
    return frames and frames.to_js(key)
