"""The words of the exercises, in text files beside this one."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FOLDER = Path(__file__).parent


@functools.cache
def read_toml(name: str) -> dict[str, Any]:
    """Return a file of tables: "exercises", "messages" or "mistakes"."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def messages(name: str) -> SimpleNamespace:
    """Return a table of messages.toml: `messages("multi_head").probabilities`."""
    return SimpleNamespace(**read_toml("messages")[name])


@functools.cache
def read_parts(name: str) -> dict[str, str]:
    """Return the parts of a text file, "block_mistakes": title → lines."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    titles = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    return dict(zip(titles[1::2], titles[2::2], strict=True))
