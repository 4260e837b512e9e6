"""Chromium for the browser tests.

Without Chromium these tests are skipped, unless RESNET_COURSE_NEEDS_BROWSER is set, as in CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import DESK, PHONE, launch, watch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    missing = pytest.fail if os.environ.get("RESNET_COURSE_NEEDS_BROWSER") else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("needs Playwright")
    with sync_playwright() as playwright:
        browser = launch(playwright) or missing("needs Chromium")
        yield browser
        browser.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def viewport(request) -> dict[str, int]:
    """A test that asks for it runs at both sizes."""
    return request.param


@pytest.fixture
def page(browser) -> Iterator:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def no_kernel_stays(page, url) -> Iterator[None]:
    """End the kernels of the JupyterLab at `url`, which a test file has as a fixture of its own.

    A kernel that goes on after a failure would slow down the next notebook many times.
    """
    yield
    from lab import end_all_kernels  # here, since it needs Playwright

    end_all_kernels(page, url)


@pytest.fixture
def open_page(browser, book) -> Iterator:
    contexts, troubles = [], []

    def opener(name: str, viewport=DESK, theme: str = "light", **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        context.add_init_script(
            f"try {{ localStorage.setItem('mdbook-theme', '{theme}') }} catch {{}}"
        )
        page = context.new_page()
        troubles.append(watch(page))
        page.goto((book / f"{name}.html").as_uri())
        return page

    yield opener
    assert not any(troubles)
    for context in contexts:
        context.close()
