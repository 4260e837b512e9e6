"""Every notebook runs in JupyterLab to its end, with living widgets, and can be reopened.

The exercises are solved in these copies, so that every check must say that it has passed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import nbformat
import pytest

pytest.importorskip("playwright")

from exercise_cells import places, solve
from helpers import NOTEBOOKS, every_notebook
from lab import Notebook, end_all_kernels, jupyterlab
from playwright.sync_api import expect

DEAD = "Error displaying widget"
# How many of the course's widgets live in the notebook when all cells have run.
WIDGETS = {"00": 1, "01": 3, "02": 3, "03": 2, "04": 3, "05": 5}


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS[0].parent.glob("*.md"):
        shutil.copy(path, folder)
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, 4)
        solve(notebook)
        nbformat.write(notebook, folder / path.name)
    with jupyterlab(folder, tmp_path_factory.mktemp("private")) as address:
        yield address


pytestmark = pytest.mark.usefixtures("no_kernel_stays")


@every_notebook
def test_runs_to_the_end_and_every_widget_lives(page, url, path):
    notebook = Notebook(page, url, path.name)
    assert DEAD not in page.inner_text("body")
    notebook.run()
    expected = WIDGETS.get(path.name[:2], 0)
    expect(notebook.live()).to_have_count(expected, timeout=30_000)
    assert DEAD not in page.inner_text("body")
    for i in range(expected):
        assert notebook.live().nth(i).locator("svg, img").first.is_visible()
    assert not notebook.console
    checks = len(places(nbformat.read(path, 4)))
    verdicts = page.get_by_role("status").filter(has_text="✓")
    assert verdicts.count() == checks
    assert page.get_by_text(f"{checks} of {checks} exercises passed").count() == bool(checks)

    notebook.save()
    end_all_kernels(page, url)
    notebook.open()
    assert notebook.live().count() == 0
    # What a widget leaves is a picture, or a note that says what was here.
    left = page.locator(".resnet-course-still, .resnet-course-note")
    assert left.count() == expected
    assert left.locator("visible=true").count() == expected
    assert page.get_by_text(DEAD).locator("visible=true").count() == 0
