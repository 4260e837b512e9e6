"""The picture of a ShapeExplorer that a notebook keeps: its real front end, drawn in Chromium."""

from __future__ import annotations

from typing import Any

from browser.pages import launch

from resnet_course.pictures.described import with_256_colours
from resnet_course.website import explorer_files

WIDTH = 920  # pixels
MISSING = (
    "without Playwright and Chromium the picture of a ShapeExplorer cannot be made; the notebook "
    "keeps the simpler one that a learner's computer draws"
)


def picture(data: dict[str, Any]) -> bytes | None:
    """Return the explorer with its data as PNG, as it looks before anybody touches it.

    Args:
        data: of `ShapeExplorer.page_data()`.

    Returns:
        The picture with 256 colours, None without Chromium.

    Raises:
        RuntimeError: the front end reports an error.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if not browser:
            return None
        page = browser.new_page(viewport={"width": WIDTH, "height": 600})
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.set_content(_page(data), wait_until="load")
        page.wait_for_timeout(300)  # until the observer of its size has drawn it again
        whole = page.locator(".resnet-explorer").screenshot() if not troubles else b""
        browser.close()
    if troubles:
        raise RuntimeError(f"the explorer cannot be drawn: {'; '.join(troubles)}")
    return with_256_colours(whole)


def _page(data: dict[str, Any]) -> str:
    show = (
        "window.explorerData = (_, data) => { resnetExplorer.show(document.body, data); "
        "document.body.firstChild.dataset.theme = 'light'; };"
    )
    return (
        '<!DOCTYPE html><html><meta charset="utf-8">'
        f"<style>{explorer_files.style()} body {{ margin: 0; background: #fff }}</style><body>"
        f"<script>{explorer_files.script()}</script>"
        f"<script>{show} {explorer_files.to_js('picture', data)}</script></body></html>"
    )
