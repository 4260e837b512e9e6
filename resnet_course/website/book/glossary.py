"""What the glossary says about each term, for the links of the chapters that lead there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

# | <a id="stem"></a>stem | Korean | Chinese | One sentence. |
ROW = re.compile(r'^\| *<a id="([^"]+)"></a>[^|]*\|[^|]*\|[^|]*\|([^|]+)\|', re.MULTILINE)


@cache
def sentences(source: Path) -> dict[str, str]:
    """Return the sentence of each term, by the link that leads to it in the book.

    Args:
        source: the folder of the book's files. Without a glossary.md in it there are no terms.
    """
    path = source / "glossary.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {f"glossary.html#{anchor}": sentence.strip() for anchor, sentence in ROW.findall(text)}
