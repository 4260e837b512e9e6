"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.slides import convert
from helpers import NOTEBOOKS, ROOT, build, mdbook


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Path:
    """The website, built by the real mdBook from the stored outputs."""
    if mdbook() is None:
        pytest.skip("needs the extra `book`")
    folder = tmp_path_factory.mktemp("book")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def decks(tmp_path_factory) -> dict[str, Path]:
    """The slides of every chapter, by its stem, made by nbconvert."""
    pytest.importorskip("pyreveal", reason="needs the extra `lecture`")
    return convert(NOTEBOOKS, tmp_path_factory.mktemp("decks"))
