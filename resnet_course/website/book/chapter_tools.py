"""What stands below the title of a chapter: how to run it, here or elsewhere, and its slides."""

from __future__ import annotations

import html
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from resnet_course.start.environment import INSTALL_D2L, START
from resnet_course.website.book.safe import one_line

GITHUB = re.compile(r"(https://github\.com/([\w.-]+/[\w.-]+?))(?:\.git)?/?")


def chapter_tools(path: str, source: Path, repository: str) -> str:
    """Return one line of HTML with what unfolds to run a chapter, and the link to its slides.

    Args:
        path: of the notebook within the book; mdBook copies it beside the page.
        source: the folder of the book's files. Only slides that lie there get a link.
        repository: where the course lies, as book.toml says. Only GitHub is known to Binder and to
            Colab by the same words; "" or another host gets no links to them.
    """
    name, deck = PurePosixPath(path).name, PurePosixPath("slides", Path(path).stem + ".slides.html")
    found = GITHUB.fullmatch(repository)
    folder = f'<a href="{found[1]}">the folder of the course</a>' if found else "its folder"
    parts = [
        "<details><summary>Run this chapter</summary>",
        f"<p>On your computer, once the course is there: in a terminal, in {folder}:</p>",
        _commands("\n".join(START)),
        "<p>(On Windows, in the Command Prompt, the first line is <code>py -m venv .venv</code>, "
        r"then <code>.venv\Scripts\activate</code>.)</p>",
        _elsewhere(*found.groups(), f"{source.name}/{path}") if found else "",
        f'<p><a href="{html.escape(quote(name))}" download>Download this notebook</a>. It runs '
        "where the course is installed.</p></details>",
    ]
    if ((source / path).parent / deck).is_file():
        parts.append(f' <a href="{html.escape(quote(str(deck)))}">Slides</a>')
    return one_line(f'<div class="chapter-tools">{"".join(parts)}</div>')


def _elsewhere(address: str, slug: str, notebook: str) -> str:
    """Return the ways that need no installation; Colab opens the notebook without its package."""
    file = html.escape(quote(notebook))
    binder = f"https://mybinder.org/v2/gh/{slug}/HEAD?urlpath=lab/tree/{file}"
    colab = f"https://colab.research.google.com/github/{slug}/blob/main/{file}"
    return (
        f'<p>With nothing installed: <a href="{binder}">open it in Binder</a>. The first start '
        "takes some minutes, and nothing is kept.</p>"
        f'<p>Or <a href="{colab}">open it in Colab</a> and run this in a new first cell:</p>'
        + _commands(f'!pip install "git+{address}" && {INSTALL_D2L}')
    )


def _commands(text: str) -> str:
    """Return lines for a terminal; mdBook gives them a button that copies them."""
    code = html.escape(text, quote=False)
    return f'<pre><code class="language-bash">{code}</code></pre>'
