"""Stored outputs of code cells become HTML: pictures with their words, tables, text."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nbformat import NotebookNode
from nbformat.v4 import new_output
from PIL import Image

from resnet_course.website.book import prose
from resnet_course.website.book.formulas import FormulaError
from resnet_course.website.book.safe import NestingError, clean, one_line, preformatted

MOST_LINES, MOST_CHARACTERS = 200, 40_000
MOST_BYTES = 3_000_000  # of one picture or one piece of HTML
MOST_IN_ALL = 20_000_000  # bytes of all outputs of a notebook
IMAGES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
TOO_MUCH = (
    f"All outputs together have more than {MOST_IN_ALL / 1e6:.0f} MB, too much for a page: those "
    "from here on are in the notebook only."
)
TEXTS = ("text/html", "text/markdown", "text/latex")
QUIET = ("application/vnd.jupyter.widget-view+json", "application/javascript")


def to_html(output: Mapping[str, Any]) -> str:
    """Return one output as one line of HTML, "" if it has nothing to show without a kernel.

    Text is escaped, HTML is cleaned, and what is far too long for a page is cut with a note.
    """
    kind = output["output_type"]
    if kind == "stream":
        return _text(output["text"], f"output {html.escape(output.get('name', 'stdout'))}")
    if kind == "error":
        return _text(f"{output.get('ename')}: {output.get('evalue')}", "output stderr")
    data = output.get("data", {})
    rich = next((name for name in (*IMAGES, *TEXTS) if name in data), "")
    if rich and len(data[rich]) > MOST_BYTES:
        size = f"{len(data[rich]) / 1e6:.0f} MB"
        return _note(f"An output of {size} is too large for a page; see the notebook.")
    if rich in TEXTS:
        raw = data[rich]
        try:
            cleaned = one_line(clean(raw)) if rich == "text/html" else prose.to_html(raw)
        except FormulaError:  # a program may have made it: its text is better than no page
            return _text(data[rich], "output")
        except NestingError as error:
            return _note(f"This output cannot be shown here: {error}")
        return f'<div class="output-html">{cleaned.strip()}</div>' if cleaned.strip() else ""
    if rich:
        return _image(rich, data, output.get("metadata", {}).get(rich, {}))
    if "text/plain" in data:
        return _text(data["text/plain"], "output") if data["text/plain"] else ""
    shown = next((name for name in data if name not in QUIET), "")
    return _note(f"An output of the kind {shown} can only be seen in JupyterLab.") if shown else ""


def limit(notebook: NotebookNode) -> None:
    """Cut the outputs of a notebook, in place, where all together get too large for a page."""
    left, told = MOST_IN_ALL, False
    for cell in notebook.cells:
        for i, output in enumerate(cell.get("outputs", [])):
            size = len(str(output))
            left -= size if size <= MOST_BYTES else 0  # what is larger becomes a note anyway
            if left < 0:
                cell.outputs[i:] = [] if told else [new_output("stream", text=TOO_MUCH)]
                told = True
                break


def with_attachments(cell: NotebookNode) -> str:
    """Return the Markdown of a cell, with the pictures that lie in the cell as addresses."""
    text = cell.source
    for name in sorted(cell.get("attachments", {}), key=len, reverse=True):
        kind, content = next(iter(cell.attachments[name].items()))
        for written in {name, quote(name)}:
            text = text.replace(f"attachment:{written}", f"data:{kind};base64,{content}")
    return text


def picture(address: str, alt: str) -> str:
    """Return an image with its description; as `<img>`, whose scripts never run."""
    return f'<img alt="{html.escape(alt)}" src="{html.escape(address)}">'


def svg_address(markup: str) -> str:
    """Return an SVG picture as the address of an image."""
    return f"data:image/svg+xml;base64,{base64.b64encode(markup.encode()).decode()}"


def _image(name: str, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    alt = metadata.get("alt") or data.get("text/plain") or "a picture without a description"
    if name == "image/svg+xml":
        address = svg_address(data[name])
    else:
        address = _smaller(name, re.sub(r"[^A-Za-z0-9+/=]", "", data[name]))
    return f'<div class="picture">{picture(address, alt)}</div>'


def _smaller(kind: str, content: str) -> str:
    """Return an image as an address; a PNG as WebP with the same pixels and a fifth fewer bytes."""
    if kind == "image/png":
        made = io.BytesIO()
        with contextlib.suppress(Exception):  # damaged, or far too large: it is left as it is
            image = Image.open(io.BytesIO(base64.b64decode(content)), formats=["PNG"])
            image.save(made, "WEBP", lossless=True, quality=100)
            kind, content = "image/webp", base64.b64encode(made.getvalue()).decode()
    return f"data:{kind};base64,{content}"


def _text(text: str, kind: str) -> str:
    from nbconvert.filters.ansi import strip_ansi  # here, since it imports all of nbconvert

    lines = strip_ansi(text).split("\n")
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)  # a bar's last state
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)
    lines = text.splitlines()
    kept = "\n".join(lines[:MOST_LINES])[:MOST_CHARACTERS]
    shown = one_line(preformatted(kept, kind))
    if len(kept) < len(text.rstrip("\n")):
        rest = len(lines) - len(kept.splitlines())
        more = f"{rest:,} more lines" if rest else f"{len(text) - len(kept):,} more characters"
        shown += _note(f"… and {more}, in the notebook.")
    return shown


def _note(words: str) -> str:
    return f'<p class="output-note">{html.escape(words)}</p>'
