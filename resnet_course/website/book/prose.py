"""Markdown of a notebook becomes what mdBook reads: headings as Markdown, the rest as clean HTML.

mdBook makes its search index and its links to sections from Markdown headings. All other blocks are
rendered here, so that formulas, links and raw HTML are treated by a real parser, once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from resnet_course.website.book.formulas import to_mathml
from resnet_course.website.book.safe import clean, one_line

HEADING = ("text", "code_inline", "softbreak", "hardbreak", "math_inline", "math_inline_double")
Link = Callable[[str], str]
# A dollar before code, or with a digit after its partner ("$5/$6"), begins no formula.
NO_FORMULA = re.compile(r"\$(?!\$)(?:\\.|[^$`\\])*(?:`|\$\d)", re.DOTALL)


def _dollar(state: StateInline, silent: bool) -> bool:
    if not NO_FORMULA.match(state.src, state.pos):
        return False
    state.pending += "" if silent else "$"
    state.pos += 1
    return True


def _formula(renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    token = tokens[index]
    markup = to_mathml(token.content, block=token.type != "math_inline")
    return f"<p>{markup}</p>\n" if token.block else markup


PARSER = (
    MarkdownIt("commonmark", {"html": True})
    .enable(["table", "strikethrough"])
    # No space inside the dollars ("$5 or $6"), no blank line.
    .use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    .use(amsmath_plugin)
)
PARSER.inline.ruler.before("math_inline", "dollar", _dollar)
for kind in ("math_inline", "math_inline_double", "math_block", "amsmath"):
    PARSER.add_render_rule(kind, _formula)
# A wide table scrolls in a box of its own, named as mdBook does it.
PARSER.add_render_rule("table_open", lambda *_: '<div class="table-wrapper"><table>\n')
PARSER.add_render_rule("table_close", lambda *_: "</table></div>\n")


def to_markdown(text: str, link: Link = str, key: str = "") -> str:
    """Return a Markdown cell for mdBook: its headings as Markdown, all else as HTML.

    Args:
        text: the cell.
        link: target of a link in the cell → target in the book.
        key: of the cell. With it, what follows "What happened." waits behind a button.

    Raises:
        FormulaError: a formula that cannot be converted.
    """
    parts = []
    blocks = SyntaxTreeNode(_parse(text, link)).children
    for is_heading, group in groupby(blocks, lambda block: block.type == "heading"):
        if is_heading:
            parts += [_heading(block) for block in group]
            continue
        for is_answer, run in groupby(_with_answers(group), lambda pair: pair[0]):
            # Together, for an element of raw HTML may go on over several blocks.
            markup = _html([token for _, block in run for token in block.to_tokens()])
            if markup:
                waits = is_answer and key
                told = behind_button(markup, key, "the explanation")
                parts.append(told if waits else f"<div>{markup}</div>")
    return "\n\n".join(parts)


def behind_button(markup: str, key: str, what: str) -> str:
    """Return HTML that answers.js folds until it is asked for; without JavaScript it is open."""
    return (
        f'<details class="answer" data-key="{html.escape(key)}" open>'
        f"<summary>{what}</summary><div>{markup}</div></details>"
    )


def _with_answers(blocks: Iterable[SyntaxTreeNode]) -> Iterator[tuple[bool, SyntaxTreeNode]]:
    """Yield each block, and whether it belongs to an answer: from "What happened." on."""
    answer = False
    for block in blocks:
        inline = next((each for each in block.walk() if each.type == "inline"), None)
        words = inline.content if inline else ""
        if words.startswith(("**What happened", "**Predict.**")):
            answer = words.startswith("**What happened")
        yield answer, block


def to_html(text: str) -> str:
    """Return a Markdown cell as HTML, headings too; links stay, errors as in `to_markdown`."""
    return _html(_parse(text, str))


def _parse(text: str, link: Link) -> list[Token]:
    """Parse Markdown and follow its links. In the words of an image formulas stay TeX."""
    tokens = PARSER.parse(text)
    for inline in (child for token in tokens for child in token.children or ()):
        for name in {"href", "src"} & inline.attrs.keys():
            inline.attrSet(name, link(str(inline.attrs[name])))
        for word in inline.children or ():  # only an image has them
            if word.type.startswith("math"):
                word.type, word.content = "text", f"{word.markup}{word.content}{word.markup}"
    return tokens


def _html(tokens: Sequence[Token]) -> str:
    markup = one_line(clean(PARSER.renderer.render(tokens, PARSER.options, {}))).strip()
    # A box that begins with a bold word, such as "Predict.", has that word as class.
    return re.sub(
        r"<blockquote>( *<p><strong>)([A-Z]\w+)",
        lambda found: f'<blockquote class="box-{found[2].lower()}">{found[1]}{found[2]}',
        markup,
    )


def _heading(block: SyntaxTreeNode) -> str:
    """Return a heading as Markdown: its text, code and formulas, and no other marks."""
    children = [child for child in block.to_tokens()[1].children or () if child.type in HEADING]
    markup = clean(PARSER.renderer.renderInline(children, PARSER.options, {}))
    words = re.sub(r"[\\`*_{}\[\]#~|]", lambda found: f"&#{ord(found[0])};", markup)
    return f"{'#' * int(block.tag[1])} {' '.join(words.split())}"
