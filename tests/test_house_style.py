"""The part of the house style that a program can check, for every notebook."""

from __future__ import annotations

import getpass
import itertools
import re
from pathlib import Path

import nbformat
from helpers import NOTEBOOKS, cells, every_notebook, slide_type

from resnet_course.start.answers_wait import ANSWER

IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
# Home and temporary folders, installed packages, Windows drives, and this very folder.
MACHINE_PATH = re.compile(
    r"/home/|/root/|/Users/|/tmp/|/opt/|site-packages|\b[A-Z]:\\|"
    + re.escape(str(NOTEBOOKS[0].parents[1])),
    re.IGNORECASE,
)
# A name such as "root" is a word of English too; /root/ is caught above.
USER = None if getpass.getuser() in ("root", "user", "runner", "admin") else getpass.getuser()


def outputs(path: Path) -> list:
    return [output for cell in cells(path, "code") for output in cell.outputs]


def texts(output) -> list[str]:
    """Everything in an output that a person could read."""
    data = [v for k, v in output.get("data", {}).items() if not k.startswith("image/p")]
    return [*map(str, data), output.get("text", ""), *output.get("traceback", [])]


def test_there_are_notebooks_numbered_without_gaps():
    numbers = [int(path.name[:2]) for path in NOTEBOOKS]
    assert numbers == list(range(len(numbers))) and len(numbers) >= 4


@every_notebook
def test_is_valid_and_small_and_says_which_kernel(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 1_000_000
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@every_notebook
def test_was_run_once_from_top_to_bottom_in_short_cells(path):
    code = cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)) and code
    for cell in code:
        assert len(cell.source.splitlines()) <= 25, cell.source


@every_notebook
def test_no_cell_is_skipped_and_every_uncompared_cell_says_why(path):
    for cell in cells(path, "code"):
        tags = cell.metadata.get("tags", [])
        assert "nbval-skip" not in tags
        # In the metadata, where no learner has to read it.
        reason = cell.metadata.get("nbval", {}).get("reason", "")
        assert bool(re.match(r"\w.{15,}", reason)) == ("nbval-ignore-output" in tags), cell.source
        assert "Not compared" not in cell.source


@every_notebook
def test_outputs_hold_no_error_no_warning_no_machine_path_and_no_user(path):
    for output in outputs(path):
        assert output.output_type != "error", output.get("ename")
        assert output.get("name") != "stderr", output.text
        for text in texts(output):
            assert "Warning" not in text
            assert not MACHINE_PATH.search(text), text[:500]
            assert USER is None or not re.search(rf"\b{re.escape(USER)}\b", text), text[:500]


@every_notebook
def test_every_picture_has_a_description(path):
    for output in outputs(path):
        for kind in IMAGES:
            if kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "")
                assert len(alt) > 20, "a picture without a description"
    for cell in cells(path, "markdown"):
        for alt in re.findall(r"!\[(.*?)\]\(", cell.source):
            assert len(alt) > 20, cell.source
        assert "<img" not in cell.source


@every_notebook
def test_every_paper_that_is_named_can_be_opened(path):
    for cell in cells(path, "markdown"):
        if "## Read more\n" in cell.source:
            section = cell.source.partition("## Read more\n")[2].partition("\n## ")[0]
            for item in section.strip().removeprefix("- ").split("\n- "):
                assert re.search(r"\]\(https://[^)\s]+\)", item), item
        for number in re.findall(r"arXiv[: ](\d{4}\.\d+)", cell.source):
            assert f"{number}](https://arxiv.org/abs/{number})" in cell.source


@every_notebook
def test_has_the_opening_and_the_closing(path):
    opening = itertools.takewhile(lambda cell: cell.cell_type == "markdown", cells(path))
    first = "\n\n".join(cell.source for cell in opening)
    assert re.match(rf"# {path.name[:2]} · \w+", first)
    for part in (
        r"\*\*Question\.\*\* .+\?",
        r"\*\*You will be able to\*\*",
        r"> \*\*Predict\.\*\*",
    ):
        assert re.search(part, first), f"the opening has no {part}"
    assert re.search(r"\*\*Time\.\*\* \d+ minutes", first)
    text = "\n".join(cell.source for cell in cells(path, "markdown"))
    order = [text.find(f"\n## {part}") for part in ("You can now explain", "Try next")]
    assert -1 < order[0] < order[1]


@every_notebook
def test_every_cell_says_what_it_is_in_the_lecture(path):
    kinds = [slide_type(cell) for cell in cells(path)]
    # Never the string "-": the live lecture (jupyterlab-slideshow) leaves such cells out.
    assert set(kinds) <= {"slide", "subslide", "fragment", "notes", "skip", None}, path.name
    assert kinds[0] == "slide"
    for cell in cells(path, "markdown"):  # so that no answer comes before its prediction is read
        if "> **Predict.**" in cell.source:
            assert slide_type(cell) not in ("notes", "fragment"), cell.source


@every_notebook
def test_no_folded_answer_leads_to_the_next_cell(path):
    for cell in cells(path, "markdown"):
        for answer in ANSWER.findall(cell.source):  # what the learner's copy folds
            assert not answer.endswith(":"), answer[-200:]
