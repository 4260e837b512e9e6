"""Slides: what `jupyter nbconvert --to slides` needs to make one file that works without network.

    jupyter nbconvert --to slides --config resnet_course/website/lecture/config.py NOTEBOOK

nbconvert decides which cells make a slide, from their `slideshow` metadata. The template in this
folder sets them, with the pictures, boxes and formulas of the website, at 1280×720. reveal.js comes
from the environment (the package pyreveal brings it) and is written into the file.

`jupyter lab` with the same `--config` shows a live lecture with letters for a room.
"""

from __future__ import annotations

import html
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from resnet_course.website import explorer_files
from resnet_course.website.book import outputs, prose, widgets
from resnet_course.website.book.safe import preformatted
from resnet_course.website.lecture.plan import KEYS, notes, slide_type, slides

FOLDER = Path(__file__).parent
TEMPLATE = "resnet-course"
HIDE_INPUT = "hide-input"  # tag of a code cell of which a slide shows only what came out
# What the scripts with data call.
KEEP = """\
const explorers = {}, explorerData = (key, data) => { explorers[key] = data; };
const weights = {}, networkWeights = (name, text) => { weights[name] = text; };"""


def configure(config: Any) -> None:
    """Set up nbconvert's slides, and JupyterLab for a live lecture.

    In a configuration file of Jupyter, `get_config()` is `config`.
    """
    config.LabApp.custom_css = True
    config.ServerApp.tornado_settings = {"static_custom_path": [str(FOLDER / "live")]}
    config.SlidesExporter.template_name = TEMPLATE
    config.SlidesExporter.extra_template_basedirs = [str(FOLDER)]
    config.SlidesExporter.preprocessors = [prepare]
    config.SlidesExporter.filters = {
        "slide_cell": slide_cell,
        "reveal_file": reveal_file,
        "explorer_style": explorer_style,
        "explorer_scripts": explorer_scripts,
    }


def prepare(notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
    """Note in the metadata of cells what the template puts onto slides, in place.

    nbconvert calls this once for a notebook, of which `resources` tells name and folder.

    Raises:
        ValueError: the data of an explorer are damaged, or a plan has another form than plan.py
            says.
    """
    outputs.limit(notebook)
    about = resources["metadata"]
    _note_explorers(notebook, about["name"], Path(about.get("path", "")))
    for i, slide in enumerate(slides(notebook)):
        told = notes(slide) if i else f"{KEYS}\n\n{notes(slide)}"
        first = slide.cells[0].metadata
        first["told"] = _without_links(prose.to_html(told))
        first["vote"] = bool(slide.plan and slide.plan.vote)
    return notebook, resources


def _note_explorers(notebook: NotebookNode, name: str, folder: Path) -> None:
    """Note in each cell that shows a ShapeExplorer on a slide the data that are stored of it."""
    for cell in notebook.cells:
        key = f"{name}-{cell.get('id', '')}"
        text = widgets.stored(key, folder)
        if text and slide_type(cell) != "skip" and explorer_files.is_explorer(text):
            widgets.check(key, text)
            scripts = [text, *widgets.weights(text, folder)]
            cell.metadata["explorer"] = {"key": key, "scripts": scripts}


def slide_cell(cell: NotebookNode) -> str:
    """Return a cell as HTML for a slide: a text, or code with its outputs.

    Raises:
        FormulaError: a formula that cannot be converted.
    """
    if cell.cell_type == "markdown":
        return _without_links(prose.to_html(outputs.with_attachments(cell)))
    if cell.cell_type != "code":
        return preformatted(cell.source, "output")
    code = ""
    if HIDE_INPUT not in cell.metadata.get("tags", []):
        code = f'<div class="code">{highlight(cell.source, PythonLexer(), HtmlFormatter())}</div>'
    pieces = [outputs.to_html(output) for output in cell.outputs]
    if explorer := cell.metadata.get("explorer"):
        before, still, after = widgets.split(pieces)
        key = html.escape(explorer["key"])
        place = f'<div class="explorer-place" data-key="{key}">{"".join(still)}</div>'
        pieces = [*before, place, *after]
    shown = "".join(pieces)
    return f'{code}<div class="outputs">{shown}</div>' if shown else code


def explorer_style(notebook: NotebookNode) -> str:
    """Return the style of the front end as an element, "" for a deck without explorers."""
    return f"<style>{explorer_files.style()}</style>" if _explorers(notebook) else ""


def explorer_scripts(notebook: NotebookNode) -> str:
    """Return the front end, once, with the data of each explorer of a deck and their networks.

    "" for a deck without explorers.
    """
    found = _explorers(notebook)
    scripts = (explorer_files.script(), KEEP, *found) if found else ()
    return "\n".join(f"<script>{text}</script>" for text in scripts)


def _explorers(notebook: NotebookNode) -> list[str]:
    """Return the scripts that bring data, each once: explorers may share a network's weights."""
    cells = (each.metadata["explorer"] for each in notebook.cells if "explorer" in each.metadata)
    return list(dict.fromkeys(text for each in cells for text in each["scripts"]))


def reveal_file(name: str) -> str:
    """Return a file of reveal.js's folder `dist`, fit to stand inside `<script>` or `<style>`.

    Raises:
        ModuleNotFoundError: no package of this environment brings reveal.js.
    """
    found = find_spec("pyreveal")
    if found is None or found.origin is None:  # a folder that was left over has no origin
        raise ModuleNotFoundError(
            'Slides need reveal.js. In the folder of the course: pip install -e ".[lecture]"'
        )
    folder = Path(found.origin).parent / "revealjs" / "dist"
    text = (folder / name).read_text(encoding="utf-8")
    return re.sub(r"</(script|style)", r"<\\/\1", text, flags=re.IGNORECASE)


def _without_links(markup: str) -> str:
    """Keep the words of links between chapters: a click must not lead out of the lecture."""
    return re.sub(
        r'<a href="(?!https?:)[^"]*"( title="[^"]*")?>(.*?)</a>',
        lambda found: f"<span{found[1] or ''}>{found[2]}</span>",
        markup,
    )
