"""The learner's copy in JupyterLab: answers wait in every chapter, and what was passed is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright")

from exercise_cells import places
from helpers import NOTEBOOKS, every_notebook, python
from lab import Notebook, end_all_kernels, jupyterlab
from playwright.sync_api import expect

CHAPTER = "02_residual_blocks.ipynb"
RIGHT = """def my_conv_output_size(size, kernel, stride, padding):
return (size + 2 * padding - kernel) // stride + 1"""  # JupyterLab indents


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home") / "my course · 내 과정"


@pytest.fixture(scope="module")
def url(tmp_path_factory, copy) -> Iterator[str]:
    """JupyterLab, as `resnet-course` itself starts it."""
    command = ("-m", "resnet_course", "--folder", str(copy), "--")
    with jupyterlab(copy, tmp_path_factory.mktemp("private"), *command) as address:
        yield address


pytestmark = pytest.mark.usefixtures("no_kernel_stays")


@every_notebook
def test_every_chapter_opens_and_its_answers_wait(page, url, copy, path):
    Notebook(page, url, path.name)
    notebook = nbformat.read(copy / path.name, as_version=4)
    assert page.locator(".jp-Cell").count() == len(notebook.cells)
    expect(page.locator(".jp-OutputArea-output:visible")).to_have_count(0)

    hidden = {"hide-input", "solution"}
    tagged = [c for c in notebook.cells if hidden & {*c.metadata.get("tags", [])}]
    collapsed = sum(cell.cell_type == "code" for cell in tagged)
    code = page.locator(".jp-CodeCell")
    expect(code.locator(".jp-Placeholder:visible")).to_have_count(collapsed)
    expect(code.locator(".cm-content:visible")).to_have_count(code.count() - collapsed)

    answers = page.locator(".jp-RenderedMarkdown details", has_text="What happened")
    text = "\n".join(cell.source for cell in notebook.cells)
    assert answers.count() == text.count("<b>What happened</b>") > 0
    assert page.locator(".jp-RenderedMarkdown details[open]").count() == 0
    for words in answers.all_text_contents():
        assert "**" not in words and "](" not in words, "the text inside is Markdown"
    first = answers.first
    expect(first.locator("p").first).not_to_be_visible()
    first.locator("summary").click()
    expect(first.locator("p").first).to_be_visible()


def run_cell(notebook: Notebook, text: str, new: str | None = None) -> None:
    """Run the cell that holds a text, with a new source if one is given, as a learner does."""
    notebook.cell(text).first.locator(".cm-content").click()
    if new is not None:
        notebook.page.keyboard.press("Control+A")
        notebook.page.keyboard.type(new)
    notebook.page.keyboard.press("Shift+Enter")
    notebook.wait("state.kernel === 'idle'", 120)


def test_an_exercise_is_worked_and_checked_and_its_progress_is_kept(page, url, copy):
    chapter = Notebook(page, url, CHAPTER)
    cells = nbformat.read(copy / CHAPTER, as_version=4)
    (place,) = (each for each in places(cells) if each.name == "conv_output_size")
    run_cell(chapter, "from resnet_course import")
    run_cell(chapter, f"def {place.learners_name}", RIGHT)
    run_cell(chapter, place.check.source)
    verdict = page.get_by_role("status").filter(has_text="conv_output_size: Passed.")
    expect(verdict).to_be_visible(timeout=60_000)
    chapter.save()
    end_all_kernels(page, url)

    start = Notebook(page, url, NOTEBOOKS[0].name)
    run_cell(start, "checks.progress()")
    passed = page.locator("tr", has_text="conv_output_size").filter(has_text="✓ Passed")
    expect(passed).to_be_visible(timeout=60_000)
    expect(page.locator("caption", has_text="1 of 2")).to_be_visible()  # of 20 or more
    end_all_kernels(page, url)

    chapter = Notebook(page, url, CHAPTER)
    expect(chapter.cell("return (size + 2 * padding")).to_have_count(1)
    expect(verdict).to_be_visible()

    done = python("-m", "resnet_course", "--no-lab", "--folder", copy, env={**os.environ})
    assert done.returncode == 0 and f"with your changes: {CHAPTER}\n" in done.stdout
    assert "return (size + 2 * padding" in (copy / CHAPTER).read_text(encoding="utf-8")
