"""One chapter: from the JSON of a notebook, or the Markdown of a page, to what mdBook reads."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from resnet_course.website.book import explorers, outputs
from resnet_course.website.book.formulas import FormulaError
from resnet_course.website.book.prose import to_markdown
from resnet_course.website.book.safe import one_line

# A page says here what to do if nobody has prepared it; see notebooks/welcome.md.
UNPREPARED = re.compile(r"<!-- unprepared -->.*?<!-- end -->", re.DOTALL)


class ChapterError(ValueError):
    """A chapter that cannot become a page; the message says which, why, and what to do."""


def convert(content: str, path: str, source: Path, chapters: Collection[str]) -> str:
    """Return the Markdown of one chapter.

    Args:
        content: of the file, as mdBook has read it.
        path: of the file within the book, such as "03_resnet18_34.ipynb".
        source: the folder of the book's files.
        chapters: the paths of all chapters, for the links between them.

    Raises:
        ChapterError: not a notebook, a link that leads nowhere, a formula that is none.
    """
    link = _links(path, source, chapters)
    where = path
    try:
        if PurePosixPath(path).suffix != ".ipynb":
            return to_markdown(UNPREPARED.sub("", content), link)
        notebook = _read(content)
        parts = []
        for number, cell in enumerate(notebook.cells, 1):
            where = f"{path}, cell {number}"
            if cell.cell_type == "markdown":
                parts.append(to_markdown(cell.source, link))
            elif cell.cell_type == "code" and (cell.source.strip() or cell.outputs):
                key = f"{PurePosixPath(path).stem}-{cell.get('id', number)}"
                parts.append(_code(cell, key, source))
    except (FormulaError, ChapterError, explorers.ExplorerError) as error:
        raise ChapterError(f"{where}: {error}") from error
    return _with_download("\n\n".join(filter(None, parts)), path)


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


def _code(cell: NotebookNode, key: str, source: Path) -> str:
    """Return a code cell with its outputs; a widget becomes an explorer where it has frames."""
    code = html.escape(cell.source, quote=False)
    parts = [f'<pre><code class="language-python">{code}</code></pre>'] if cell.source else []
    explorer = explorers.to_html(key, source)
    pieces = [outputs.to_html(output) for output in cell.outputs]
    if explorer:
        pieces = explorers.replace_picture(pieces, explorer)
    shown = "".join(pieces)
    if shown:
        parts.append(f'<div class="outputs">{shown}</div>')
    return f'<div class="cell">{one_line("".join(parts))}</div>'


def _links(path: str, source: Path, chapters: Collection[str]) -> Callable[[str], str]:
    """Return the function that turns a link of this chapter into a link of its page."""

    def link(target: str) -> str:
        if not target or re.match(r"[a-z][a-z0-9+.-]*:|#|//", target, re.IGNORECASE):
            return target
        file, mark, fragment = target.partition("#")
        place = (source / path).parent / file
        try:
            name = place.resolve().relative_to(source.resolve()).as_posix()
        except ValueError:
            name = ""
        if name in chapters:
            return f"{file.rsplit('.', 1)[0]}.html{mark}{fragment}"
        if name and place.exists():
            return target  # mdBook copies it
        raise ChapterError(
            f"the link to {target} leads nowhere: it is neither a chapter in SUMMARY.md nor a "
            "file in the book's folder."
        )

    return link


def _with_download(page: str, path: str) -> str:
    """Put a link to the notebook, which mdBook copies beside the page, below the first heading."""
    name = html.escape(PurePosixPath(path).name)
    tools = (
        f'<p class="chapter-tools"><a href="{name}" download>Download this notebook</a> '
        "to run it in JupyterLab.</p>"
    )
    return re.sub(r"\A(# .*)?\n*", lambda found: f"{found[1] or ''}\n\n{tools}\n\n", page, count=1)
