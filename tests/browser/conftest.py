"""Chromium and JupyterLab for the browser tests.

Without Chromium these tests are skipped, unless RESNET_COURSE_NEEDS_BROWSER is set, as in CI.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDED = bool(os.environ.get("RESNET_COURSE_NEEDS_BROWSER"))
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What a browser in a test has no need of: a sandbox (root has none), and calls to the outside.
OPTIONS = [
    "--no-sandbox",
    "--no-proxy-server",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program, sync_playwright = None, None
    if program is None:
        why = "needs Chromium and Playwright"
        pytest.fail(why) if NEEDED else pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    yield page
    context.close()
