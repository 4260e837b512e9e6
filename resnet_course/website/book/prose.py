"""Markdown of a notebook becomes what mdBook reads: headings as Markdown, the rest as clean HTML.

mdBook makes its search index and its links to sections from Markdown headings. All other blocks are
rendered here, so that formulas, links and raw HTML are treated by a real parser, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from resnet_course.website.book.formulas import replace_formulas, to_mathml
from resnet_course.website.book.safe import clean, one_line

# Stand for formulas while Markdown and its HTML are worked on; from the part of Unicode that
# nobody else uses.
OPEN, CLOSE = "\ue000", "\ue001"
PLACE = re.compile(f"{OPEN}(\\d+){CLOSE}")
NO_ELEMENTS = ("code_inline", "code_block", "fence", "html_inline", "html_block", "image")
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

Link = Callable[[str], str]


def to_markdown(text: str, link: Link = lambda target: target) -> str:
    """Return a Markdown cell for mdBook: its headings as Markdown, all else as HTML.

    Args:
        text: the cell.
        link: target of a link in the cell → target in the book.

    Raises:
        FormulaError: a formula that cannot be converted.
    """
    blocks, restore = _blocks(text, link)
    parts = []
    for block in blocks:
        if block[0].type == "heading_open":
            parts.append(restore(f"{block[0].markup} {_heading(block[1])}"))
        else:
            markup = _html(block)
            parts += [restore(f"<div>{markup}</div>")] if markup else []
    return "\n\n".join(parts)


def to_html(text: str, link: Link = lambda target: target) -> str:
    """Return a Markdown cell as HTML, headings too; for the arguments see `to_markdown`."""
    blocks, restore = _blocks(text, link)
    return restore("".join(map(_html, blocks)))


def _blocks(text: str, link: Link) -> tuple[list[list[Token]], Callable[[str], str]]:
    """Parse Markdown; returns its blocks, and what puts the formulas into their HTML."""
    formulas: list[tuple[str, bool]] = []  # TeX, on a line of its own

    def keep(tex: str, block: bool) -> str:
        formulas.append((tex, block))
        return f"{OPEN}{len(formulas) - 1}{CLOSE}"

    def as_tex(words: str) -> str:
        return PLACE.sub(lambda found: f"${formulas[int(found[1])][0]}$", words)

    def restore(markup: str) -> str:
        def formula(found: re.Match[str]) -> str:
            tex, block = formulas[int(found[1])]
            return to_mathml(tex, block=block)

        return PLACE.sub(formula, markup)

    marks = str.maketrans("", "", OPEN + CLOSE)
    tokens = PARSER.parse(replace_formulas(text.translate(marks), keep))
    _prepare(tokens, link, as_tex)
    blocks: list[list[Token]] = [[]]
    for token in tokens:
        blocks[-1].append(token)
        if not token.level and token.nesting != 1:  # neither inside a block nor at its beginning
            blocks.append([])
    return blocks[:-1], restore


def _html(block: list[Token]) -> str:
    markup = clean(PARSER.renderer.render(block, PARSER.options, {}))
    return _name_boxes(one_line(markup)).strip()


def _prepare(tokens: list[Token], link: Link, as_tex: Callable[[str], str]) -> None:
    """Follow the links, and keep formulas as TeX where no element can stand."""
    for token in tokens:
        for name, value in token.attrs.items():
            token.attrSet(name, as_tex(str(value)))
        for name in ("href", "src"):
            if name in token.attrs:
                token.attrSet(name, link(str(token.attrs[name])))
        if token.type in NO_ELEMENTS:
            token.content = as_tex(token.content)
            for child in token.children or ():  # the words of an image
                child.content = as_tex(child.content)
        _prepare(token.children or [], link, as_tex)


def _name_boxes(markup: str) -> str:
    """Give a box that begins with a bold word, such as "Predict.", that word as class."""
    return re.sub(
        r"<blockquote>( *<p><strong>)([A-Z]\w+)",
        lambda found: f'<blockquote class="box-{found[2].lower()}">{found[1]}{found[2]}',
        markup,
    )


def _heading(inline: Token) -> str:
    """Return the content of a heading as Markdown: text, code and formulas, all else as text."""
    pieces = []
    for child in inline.children or ():
        if child.type == "code_inline":
            content = child.content.replace("{{", "{ {")
            ticks = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
            pad = " " if content.startswith("`") or content.endswith("`") else ""
            pieces.append(f"{ticks}{pad}{content}{pad}{ticks}")
        elif child.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
        else:
            pieces.append(re.sub(r"([\\`*_{}\[\]<>#~|&])", r"\\\1", child.content))
    return "".join(pieces)
