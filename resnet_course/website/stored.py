"""Keep the frames of a widget in a file, so that it works where no kernel runs."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from resnet_course.data.files import write_whole
from resnet_course.widgets.base import CourseWidget


def store(model_id: str, key: str, folder: str | Path) -> Path | None:
    """Write the frames of a displayed widget; whatever runs later notices nothing.

    Args:
        model_id: of the widget, as it stands in the output of its cell.
        key: name of the file, and of the explorer in its page.
        folder: where to write; made if need be.

    Returns:
        The file, or None for a widget without frames and for what is no widget of the course.
    """
    widget = CourseWidget.displayed.get(model_id)
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        frames = widget.frames() if widget is not None else None
    random.setstate(states[0])
    np.random.set_state(states[1])
    if frames is None:
        return None
    path = Path(folder) / f"{key}.js"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, frames.to_js(key).encode())
    return path
