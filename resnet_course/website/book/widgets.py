"""Widgets without a kernel: what was stored of them beside the notebooks.

A ShapeExplorer has its data there: `load_explorers.js` lets the front end of JupyterLab show them,
and without JavaScript its stored picture stays. Other widgets have frames (see `pictures.frames`):
`frames.js` makes them move, and without JavaScript a reader sees a strip of pictures.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from resnet_course.pictures.frames import STILL, Frames
from resnet_course.website import explorer_files, weights_file
from resnet_course.website.book.outputs import picture, svg_address

FOLDER = "explorers"
AGAIN = "Make it again: python tests/execute_notebooks.py --widgets-only"
EXPLORER_NOTE = "In JupyterLab it has more networks and sizes, and can show what you have built."
FRAMES_NOTE = "Drawn in advance. In JupyterLab this picture has more choices."


def stored(key: str, folder: Path) -> str | None:
    """Return the text of the file of one cell's widget, None where nothing is stored.

    Args:
        key: stem of the notebook and id of the cell.
        folder: of the notebooks.
    """
    path = folder / FOLDER / f"{key}.js"
    return path.read_text(encoding="utf-8") if path.exists() else None


def check(key: str, text: str) -> Frames | None:
    """Read the file of a widget; return its frames, None for the data of an explorer.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        if explorer_files.is_explorer(text):
            explorer_files.from_js(text)
            return None
        return Frames.from_js(text)
    except ValueError as error:
        raise ValueError(f"{FOLDER}/{key}.js cannot be read ({error}). {AGAIN}") from error


def weights(text: str, folder: Path) -> list[str]:
    """Return the script with the weights of the network that an explorer runs, if it runs one.

    Args:
        text: of the explorer's file.
        folder: of the notebooks.

    Raises:
        ValueError: the weights' file is missing or damaged.
    """
    live = explorer_files.from_js(text)["network"].get("live")
    if not live:
        return []
    name = weights_file.file_name(live["weights"])
    try:
        found = (folder / FOLDER / name).read_text(encoding=weights_file.ENCODING)
        weights_file.weights_from_js(found)
    except (OSError, ValueError) as error:
        raise ValueError(f"{FOLDER}/{name} cannot be read ({error}). {AGAIN}") from error
    return [found]


def with_widget(pieces: Sequence[str], key: str, folder: Path) -> list[str]:
    """Put what is stored of a widget into the outputs of its cell, which are HTML.

    Raises:
        ValueError: its file is damaged.
    """
    text = stored(key, folder)
    if text is None:
        return list(pieces)
    frames = check(key, text)
    if frames is None:
        weights(text, folder)  # the page would ask for them
    before, still, after = split(pieces)
    address = f'"{html.escape(f"{FOLDER}/{key}.js")}" data-key="{html.escape(key)}"'
    if frames is None:
        made = f'<div class="explorer-place" data-explorer={address}>{"".join(still)}</div>'
        note = EXPLORER_NOTE
    else:
        strip = "".join(_figure(frames, index) for index in frames.strip)
        made = f'<div class="frames" tabindex="0" data-frames={address}>{strip}</div>'
        note = FRAMES_NOTE
    return [*before, made, f'<p class="output-note">{note}</p>', *after]


def split(pieces: Sequence[str]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Split outputs around a widget's stored picture and its words: before, these two, after."""
    words = next((i for i, piece in enumerate(pieces) if STILL in piece), None)
    if not words:  # none, or nothing before it
        return pieces, (), ()
    return pieces[: words - 1], pieces[words - 1 : words + 1], pieces[words + 1 :]


def _figure(frames: Frames, index: int) -> str:
    frame = frames.frames[index]
    address = frame.picture if frame.picture.startswith("data:") else svg_address(frame.picture)
    caption = f"<figcaption>{html.escape(frame.words)}</figcaption>"
    return f'<figure class="frames-strip">{picture(address, frame.words)}{caption}</figure>'
