"""Make a PDF of the website: `python tests/browser/book_pdf.py BOOK FILE`, after `mdbook build`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pages import launch

FOOTER = '<div style="width: 100%; text-align: center; font-size: 8px" class="pageNumber"></div>'
# The pages leave the choice of letters to the reader's system; here they are those of the book.
LETTERS = 'html { font-family: "Open Sans", sans-serif } :root { --mono-font: "Source Code Pro" }'


def make(page: Any, book: Path, pdf: Path) -> None:
    """Print the whole book.

    Args:
        page: a new one of Playwright.
        book: folder of the website.
        pdf: file to write.
    """
    page.add_init_script("window.print = () => {}")  # mdBook's page opens the browser's dialog
    page.goto((book / "print.html").resolve().as_uri())
    page.add_style_tag(content=LETTERS)
    page.emulate_media(media="print")
    page.evaluate("document.body.offsetHeight, document.fonts.ready.then(() => {})")
    page.pdf(
        path=pdf,
        prefer_css_page_size=True,
        display_header_footer=True,
        header_template="<i></i>",
        footer_template=FOOTER,
        tagged=True,
        outline=True,
    )


def main() -> None:
    """Print the book that is named."""
    from playwright.sync_api import sync_playwright

    book, pdf = map(Path, sys.argv[1:])
    with sync_playwright() as playwright:
        browser = launch(playwright) or sys.exit("needs Chromium")
        make(browser.new_page(), book, pdf)
        browser.close()


if __name__ == "__main__":
    main()
