"""One chapter: from the JSON of a notebook, or the Markdown of a page, to what mdBook reads."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from resnet_course.start.glossary import explained, sentences
from resnet_course.website import explorer_files
from resnet_course.website.book import outputs, widgets
from resnet_course.website.book.chapter_tools import chapter_tools
from resnet_course.website.book.numbering import Numbering
from resnet_course.website.book.prose import behind_button, to_markdown
from resnet_course.website.book.safe import one_line, preformatted

# A page says here what to do if nobody has prepared it; see notebooks/welcome.md.
UNPREPARED = re.compile(r"<!-- unprepared -->.*?<!-- end -->", re.DOTALL)
TITLE = re.compile(r"\A(# .*)?\n*")


class ChapterError(ValueError):
    """A chapter that cannot become a page; the message says which, why, and what to do."""


def convert(
    content: str, path: str, source: Path, chapters: Collection[str], repository: str = ""
) -> str:
    """Return the Markdown of one chapter.

    Args:
        content: of the file, as mdBook has read it.
        path: of the file within the book, such as "03_resnet18_34.ipynb".
        source: the folder of the book's files.
        chapters: the paths of all chapters, for the links between them.
        repository: where the course lies; see `chapter_tools`.

    Raises:
        ChapterError: not a notebook, a link that leads nowhere, a formula that is none.
    """
    link = partial(_link, path=path, source=source, chapters=chapters)
    where = path
    try:
        if PurePosixPath(path).suffix != ".ipynb":
            return to_markdown(UNPREPARED.sub("", content), link)
        notebook = _read(content)
        outputs.limit(notebook)
        parts, predicted, numbering = [], False, Numbering(path)
        for number, cell in enumerate(notebook.cells, 1):
            where = f"{path}, cell {number}"
            key = f"{PurePosixPath(path).stem}-{cell.get('id', number)}"
            if cell.cell_type == "markdown":
                text = outputs.with_attachments(cell)
                words = to_markdown(explained(text, sentences(source)), link, key)
                parts.append(numbering.equations(words))
                predicted = _leaves_a_question(cell.source, predicted)
            elif cell.cell_type == "raw" and cell.source.strip():
                parts.append(one_line(preformatted(cell.source, "output")))
            elif cell.cell_type == "code" and (cell.source.strip() or cell.outputs):
                parts.append(_code(cell, key, source, predicted, numbering))
    except ValueError as error:
        raise ChapterError(f"{where}: {error}") from error
    if any("data-explorer=" in part for part in parts):
        parts.append(f"<script>\n{explorer_files.script()}</script>")
    tools = chapter_tools(path, source, repository)
    page = "\n\n".join(filter(None, parts))
    return TITLE.sub(lambda found: f"{found[1] or ''}\n\n{tools}\n\n", page, count=1)


def _read(content: str) -> NotebookNode:
    try:
        notebook = nbformat.reads(content, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # of json, nbformat or jsonschema: they have no common class
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ChapterError(
            f"this is not a notebook that Jupyter could open ({reason[0][:200]}). Restore it "
            "from git, or open and save it in JupyterLab."
        ) from error
    return notebook


def _leaves_a_question(text: str, before: bool) -> bool:
    """Return whether a reader who has read this cell, too, still has something to predict."""
    asked, told = text.rfind("> **Predict.**"), text.rfind("**What happened")
    ended = re.search(r"^## ", text, re.MULTILINE) or told >= 0
    return asked > told or (before and not ended)


def _code(cell: NotebookNode, key: str, source: Path, predicted: bool, numbering: Numbering) -> str:
    """Return a code cell with its outputs; a widget moves where something of it is stored.

    What a prediction asks about waits behind a button; a widget does not, for it asks itself.
    The captions of figures are in the cell's metadata.
    """
    code = html.escape(cell.source, quote=False)
    parts = [f'<pre><code class="language-python">{code}</code></pre>'] if cell.source else []
    pieces = [outputs.to_html(output) for output in cell.outputs]
    with_widget = widgets.with_widget(pieces, key, source)
    if shown := "".join(numbering.figures(with_widget, cell.metadata.get("caption", ""))):
        shown = f'<div class="outputs">{shown}</div>'
        waits = predicted and with_widget == pieces
        parts.append(behind_button(shown, key, "what happens") if waits else shown)
    return f'<div class="cell">{one_line("".join(parts))}</div>'


def _link(target: str, path: str, source: Path, chapters: Collection[str]) -> str:
    """Turn a link of a chapter into a link of its page."""
    if target.startswith("attachment:"):
        raise ChapterError(f"there is no {target} in the cell: paste the picture again.")
    if not target or re.match(r"[a-z][a-z0-9+.-]*:|#|//", target, re.IGNORECASE):
        return target
    file, mark, fragment = target.partition("#")
    place = ((source / path).parent / unquote(file)).resolve()
    if place.is_relative_to(source.resolve()):
        if place.relative_to(source.resolve()).as_posix() in chapters:
            return f"{file.rsplit('.', 1)[0]}.html{mark}{fragment}"
        if place.exists():
            return target  # mdBook copies it
    raise ChapterError(
        f"the link to {target} leads nowhere: it is neither a chapter in SUMMARY.md nor a file in "
        "the book's folder."
    )
