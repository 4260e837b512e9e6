"""TeX formulas become MathML, which browsers draw without any program or network."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

PRIME = re.compile(r"<msup>(<(m[ino])[^>]*>[^<]*</\2>)<mi>(&#x0203[234];)</mi></msup>")
OPERATORS = r"(\\math(?:bin|close|op|open|ord|punct|rel))(?![a-zA-Z])"


class FormulaError(ValueError):
    """A formula that cannot be converted; the message names it."""


def to_mathml(tex: str, *, block: bool = False) -> str:
    r"""Convert one formula.

    Args:
        tex: without the dollars.
        block: on a line of its own.

    Returns:
        A `<math>` element, still to be cleaned: \href and \style can stand in a formula.

    Raises:
        FormulaError: latex2mathml does not understand it.
    """
    tex = tex.strip()
    bare = tex.replace("{align}", "{align*}")  # without numbers, as in JupyterLab
    try:
        markup = convert(bare, display="block" if block else "inline")
    except Exception as error:  # its exceptions have no common class
        reason = str(error) or type(error).__name__
        raise FormulaError(f"the formula ${tex[:500]}$ cannot be converted: {reason}") from error
    # What it does not know it shows as it is. Operators made of other elements are no MathML. And
    # of braces it wants no balance.
    unknown = re.search(r">(\\[a-zA-Z]+|&)<", markup) or re.search(OPERATORS, tex)
    if unknown:
        raise FormulaError(f"the formula ${tex}$ has a command that is not known: {unknown[1]}")
    braces = re.sub(r"\\[{}]", "", tex)
    if braces.count("{") != braces.count("}"):
        raise FormulaError(f"the formula ${tex}$ has a brace too many or too few")
    # A prime is drawn high already, also in fonts for formulas, and Chromium would raise it again.
    markup = PRIME.sub(r"<mrow>\1<mo>\3</mo></mrow>", markup)
    # Within \text{…} it escapes nothing.
    return re.sub(r"<(?!/?(?:m[a-z]+|none)\b)", "&lt;", markup)
