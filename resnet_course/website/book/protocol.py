"""What mdBook sends to a preprocessor and wants back, since its version 0.5.

It sends `[context, book]`. The book's chapters stand in `items`, and chapters within a chapter in
its `sub_items`. It wants the book back, with other contents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnet_course.website.book.chapter import convert


class ProtocolError(ValueError):
    """Something that is not what mdBook sends."""


def prepare(text: str) -> dict[str, Any]:
    """Return the book that mdBook sends as JSON, with every chapter turned into Markdown.

    Raises:
        ProtocolError: this is no book.
        ChapterError: a chapter cannot become a page.
    """
    try:
        context, book = json.loads(text)
        source = Path(context["root"]) / context["config"]["book"].get("src", "src")
        settings = context["config"].get("output", {}).get("html", {})
        chapters = list(_chapters(book["items"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(
            "expected the JSON of mdBook 0.5 or newer on standard input. `mdbook build` starts "
            f"this program, see book.toml. ({type(error).__name__}: {str(error)[:200]})"
        ) from error
    paths = {chapter["path"] for chapter in chapters}
    repository = settings.get("git-repository-url", "")
    for chapter in chapters:
        content, path = chapter["content"], chapter["path"]
        chapter["content"] = convert(content, path, source, paths, repository)
    return book


def _chapters(items: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the chapters that have a file; separators and titles of parts are text."""
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            chapter = item["Chapter"]
            if chapter.get("path") is not None:  # a draft has none
                chapter["path"] = chapter["path"].replace("\\", "/")
                yield chapter
            yield from _chapters(chapter.get("sub_items", []))
