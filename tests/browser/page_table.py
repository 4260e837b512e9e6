"""A table of the website's pages: `python tests/browser/page_table.py BOOK`, after `mdbook build`.

For each page, on a phone and at a desk: KB loaded before anything is scrolled, what axe finds,
and how many pictures are cut.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pages import DESK, PHONE, axe, launch

CUT = """() => [...document.querySelectorAll("main :is(img, .frames-drawing)")].filter((e) =>
  e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).length"""
OPEN = "document.querySelectorAll('details').forEach((e) => (e.open = true))"


def weigh(page: Any, file: Path) -> int:
    """Open a file and return the bytes of all files that it asks for before it is scrolled."""
    asked = {file.as_uri()}
    page.on("request", lambda request: asked.add(request.url))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    paths = [unquote(urlsplit(url).path) for url in asked if url.startswith("file:")]
    return sum(Path(path).stat().st_size for path in paths)


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    print("page                         window    KB  axe  cut")
    with sync_playwright() as playwright:
        browser = launch(playwright) or sys.exit("needs Chromium")
        for file in sorted(Path(sys.argv[1]).resolve().glob("*.html")):
            for size in (PHONE, DESK) if file.stem not in ("404", "print", "toc") else ():
                page = browser.new_page(viewport=size)
                kilobytes = weigh(page, file) / 1000
                page.evaluate(OPEN)
                for widget in page.locator(".frames, .explorer-place").all():
                    widget.scroll_into_view_if_needed()
                    page.wait_for_timeout(300)
                found, cut = axe(page, "html"), page.evaluate(CUT)
                print(f"{file.stem:28} {size['width']:6} {kilobytes:5.0f} {len(found):4} {cut:4}")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
