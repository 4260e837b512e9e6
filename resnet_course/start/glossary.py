"""What the glossary says about each term, for the links of the chapters that lead there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

# | <a id="stem"></a>stem | Korean | Chinese | One sentence. |
ROW = re.compile(r'^\| *<a id="([^"]+)"></a>[^|]*\|[^|]*\|[^|]*\|([^|]+)\|', re.MULTILINE)
LINK = re.compile(r'\]\(glossary\.md#([^) ]+) "([^"]*)"\)')


@cache
def sentences(folder: Path) -> dict[str, str]:
    """Return the sentence of each term, by the end of the links that lead to it (behind the #).

    Args:
        folder: of the chapters. Without a glossary.md in it there are no terms.
    """
    path = folder / "glossary.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {anchor: sentence.strip() for anchor, sentence in ROW.findall(text)}


def explained(markdown: str, terms: dict[str, str]) -> str:
    """Put the sentence of each term behind its translations, where the mouse shows them."""

    def link(found: re.Match[str]) -> str:
        anchor, title = found.groups()
        said = terms.get(anchor, "").replace('"', "&quot;")
        return f'](glossary.md#{anchor} "{title}: {said}")' if said else found[0]

    return LINK.sub(link, markdown)
