"""Widgets without a kernel: frames that were stored beside the notebooks, and a strip of pictures.

`pictures.frames` describes the files; `explorer.js` makes them move. Without JavaScript a reader
sees the strip.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from resnet_course.pictures.frames import STILL, Frames
from resnet_course.website.book.outputs import picture, svg_address

FOLDER = "explorers"
NOTE = (
    '<p class="output-note">Drawn in advance. In JupyterLab this picture has more choices, and it '
    "can show what you have built.</p>"
)


def to_html(key: str, source: Path) -> str:
    """Return the explorer of one cell, or "" where no frames are stored for it.

    Args:
        key: stem of the notebook and id of the cell.
        source: the folder of the book's files.

    Raises:
        ValueError: the file is damaged.
    """
    path = source / FOLDER / f"{key}.js"
    if not path.exists():
        return ""
    try:
        frames = Frames.from_js(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{FOLDER}/{path.name} cannot be read ({error}). Make it again: "
            "python tests/execute_notebooks.py --frames-only"
        ) from error
    strip = "".join(_figure(frames, index) for index in frames.strip)
    address = html.escape(f"{FOLDER}/{path.name}")
    names = f'data-frames="{address}" data-key="{html.escape(key)}"'
    return f'<div class="explorer" tabindex="0" {names}>{strip}</div>{NOTE}'


def replace_picture(pieces: Sequence[str], explorer: str) -> list[str]:
    """Put the explorer in the place of the widget's stored picture and its words."""
    words = next((i for i, piece in enumerate(pieces) if STILL in piece), None)
    if not words:  # none, or nothing before it
        return [*pieces, explorer]
    return [*pieces[: words - 1], explorer, *pieces[words + 1 :]]


def _figure(frames: Frames, index: int) -> str:
    frame = frames.frames[index]
    address = frame.picture if frame.picture.startswith("data:") else svg_address(frame.picture)
    caption = f"<figcaption>{html.escape(frame.words)}</figcaption>"
    return f'<figure class="explorer-strip">{picture(address, frame.words)}{caption}</figure>'
