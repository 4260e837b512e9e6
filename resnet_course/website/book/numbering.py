"""Figures and displayed equations of a chapter get numbers that link to themselves."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

# What is a figure among the outputs of a cell: a picture, or the place of a widget.
FIGURE = re.compile(r'<div (?:class="picture"|[^>]* data-(?:explorer|frames)=)')
EQUATION = re.compile(r'<p>(<math [^>]*display="block".*?</math>)</p>')


class Numbering:
    """Counts the figures and the equations of one chapter."""

    def __init__(self, path: str) -> None:
        """Begin at 1: in `03_resnet18_34.ipynb` come figure 3.1 and equation (3.1)."""
        self.chapter = PurePosixPath(path).stem.partition("_")[0]
        self.last: Counter[str] = Counter()

    def figures(self, pieces: Iterable[str], caption: str = "") -> list[str]:
        """Return the outputs of one cell, which are HTML, with its pictures as figures.

        Args:
            pieces: one for each output.
            caption: of the pictures of this cell; without it, what their description begins with.
        """
        return [self._figure(piece, caption) if FIGURE.match(piece) else piece for piece in pieces]

    def equations(self, markup: str) -> str:
        """Return HTML with a number beside each formula that is a paragraph of its own."""
        return EQUATION.sub(self._equation, markup)

    def _next(self, kind: str) -> tuple[str, str]:
        self.last[kind] += 1
        number = self.last[kind]
        return f"{kind}-{self.chapter}-{number}", f"{self.chapter.lstrip('0') or 0}.{number}"

    def _figure(self, piece: str, caption: str) -> str:
        name, number = self._next("figure")
        words = html.escape(caption or _beginning(piece), quote=False)
        shown = f'<a href="#{name}">Figure {number}</a> · {words}'
        return f'<figure id="{name}">{piece}<figcaption>{shown}</figcaption></figure>'

    def _equation(self, found: re.Match[str]) -> str:
        name, number = self._next("equation")
        link = f'<a href="#{name}" aria-label="Equation ({number})">({number})</a>'
        return f'<div class="equation" id="{name}">{found[0]}{link}</div>'


def _beginning(piece: str) -> str:
    """Return how the description of the first image begins, up to the first stop or colon."""
    found = re.search(r'<img alt="(.*?)"', piece)
    words = re.split(r"[:.;](?:\s|$)", html.unescape(found[1] if found else ""), maxsplit=1)[0]
    return words[:1].upper() + words[1:]
