"""TeX formulas in Markdown become MathML, which browsers draw without any program or network."""

from __future__ import annotations

import re
from collections.abc import Callable

from latex2mathml.converter import convert

# Code first: whatever stands in it is no formula. A fence ends with a line of as many marks. A code
# span ends with as many backticks, and no blank line lies within it.
FOUND = re.compile(
    r"(?P<fence>^[ >]*(?P<marks>`{3,}|~{3,}).*?(?:^[ >]*(?P=marks)[`~]*[ ]*$|\Z))"
    r"|(?P<span>(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<escaped>\\[\\$`])"
    r"|\$\$(?P<block>(?:(?!\n\s*\n|\$\$).)+)\$\$"
    # As in JupyterLab and pandoc: no space inside the dollars, no digit after them ("$5 or $6").
    r"|\$(?P<inline>[^\s$`](?:(?!\n\s*\n|[$`]).)*?(?<![\s\\])|[^\s$`\\])\$(?!\d)",
    re.MULTILINE | re.DOTALL,
)


class FormulaError(ValueError):
    """A formula that cannot be converted; the message names it."""


def to_mathml(tex: str, *, block: bool = False) -> str:
    """Convert one formula.

    Args:
        tex: without the dollars.
        block: on a line of its own.

    Returns:
        A `<math>` element in one line.

    Raises:
        FormulaError: latex2mathml does not understand it.
    """
    try:
        markup = convert(tex, display="block" if block else "inline")
    except Exception as error:  # its exceptions have no common class
        reason = str(error) or type(error).__name__
        raise FormulaError(f"the formula ${tex}$ cannot be converted: {reason}") from error
    # What it does not know it would show as it is, and of braces it wants no balance.
    unknown = re.search(r">(\\[a-zA-Z]+)<", markup)
    if unknown:
        raise FormulaError(f"the formula ${tex}$ has a command that is not known: {unknown[1]}")
    braces = re.sub(r"\\[{}]", "", tex)
    if braces.count("{") != braces.count("}"):
        raise FormulaError(f"the formula ${tex}$ has a brace too many or too few")
    return markup.replace("\n", " ")


def replace_formulas(markdown: str, replace: Callable[[str, bool], str]) -> str:
    """Replace every formula outside code by `replace(tex, is_block)`.

    In a box (`> `) the marks at the beginnings of a formula's lines are no part of it.
    """

    def one(found: re.Match[str]) -> str:
        block, inline = found["block"], found["inline"]
        if block is None and inline is None:
            return found[0]
        tex = re.sub(r"\n[ >]*", " ", inline if block is None else block).strip()
        return replace(tex, block is not None)

    return FOUND.sub(one, markdown)


def formulas_to_mathml(markdown: str) -> str:
    """Return the Markdown with every formula outside code as MathML.

    Raises:
        FormulaError: a formula that cannot be converted.
    """
    return replace_formulas(markdown, lambda tex, block: to_mathml(tex, block=block))
