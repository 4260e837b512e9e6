"""The explorer where no kernel runs: its front end for a page, and the file with its data.

The book, the slides and the stored picture use the same files as JupyterLab: `widgets/front_end`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from resnet_course.pictures.frames import read_call, write_call

PREFIX = "explorerData("
FRONT_END = Path(__file__).parent.parent / "widgets" / "front_end"


def script() -> str:
    """Return the front end as a script that gives the page `window.resnetExplorer`.

    JupyterLab loads it as a module; a browser loads no module into a page opened as a file.
    """
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(FRONT_END.glob("*.js")))
    module, _, rest = text.rpartition("export default")  # how the last file ends
    text = f'"use strict";\n(() => {{\n{module}window.resnetExplorer ={rest}}})();\n'
    return re.sub(r"</(script)", r"<\\/\1", text, flags=re.IGNORECASE)


def style() -> str:
    """Return the front end's style sheet."""
    return (FRONT_END / "explorer.css").read_text(encoding="utf-8")


def to_js(key: str, data: dict[str, Any]) -> str:
    """Return the text of a file, or of a script in a page, that hands `data` to the page.

    Args:
        key: tells pages with several explorers which one it is.
        data: of `ShapeExplorer.page_data()`.
    """
    return write_call(PREFIX, key, data, inline=True)


def is_explorer(text: str) -> bool:
    """Is it such a text, and not frames of another widget?"""
    return text.startswith(PREFIX)


def from_js(text: str) -> dict[str, Any]:
    """Read what `to_js` has written.

    Raises:
        ValueError: the text is anything else.
    """
    data = read_call(PREFIX, text, "data", inline=True)
    network, maps = data.get("network"), data.get("maps")
    if not isinstance(maps, dict) or not isinstance(network, dict) or not network.get("rows"):
        raise ValueError("the data lack the network or its maps")
    return data
