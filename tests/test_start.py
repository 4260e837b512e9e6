"""The learner's copy: answers wait in it, a second start loses nothing, and a wheel can make it."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import sys
import sysconfig
import venv
from pathlib import Path
from unittest.mock import Mock

import nbformat
import pytest
from helpers import NOTEBOOKS, ROOT, cells, every_notebook, python, run

from resnet_course.start import command, copies
from resnet_course.start.answers_wait import learners_form
from resnet_course.start.copies import RECORD, make_copy
from resnet_course.start.glossary import sentences

NAMES = [path.name for path in NOTEBOOKS] + ["glossary.md"]
CHAPTER = "02_residual_blocks.ipynb"
NEW, NEWER = "02_residual_blocks (new).ipynb", "02_residual_blocks (new 2).ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A course of its own, whose chapters can become newer."""
    package = tmp_path / "package"
    shutil.copytree(ROOT / "notebooks", package / "notebooks", ignore=lambda *_: ["explorers"])
    monkeypatch.setattr(copies, "PACKAGE", package)
    return package / "notebooks"


@pytest.fixture
def copy(course, tmp_path) -> Path:
    folder = tmp_path / "my course · 내 과정"
    assert make_copy(folder) == {"new": NAMES}
    return folder


def change(path: Path, words: str, cell: int = 0) -> str:
    """Write into a cell, as a learner or an author does; returns the file."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[cell].source += f"\n{words}"
    nbformat.write(notebook, path)
    return path.read_text(encoding="utf-8")


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def others(*names: str) -> list[str]:
    return [name for name in NAMES if name not in names]


# What a chapter looks like.


def test_words_of_the_glossary_show_their_sentence(tmp_path):
    make_copy(tmp_path)
    text = "\n".join(cell.source for cell in cells(tmp_path / "02_residual_blocks.ipynb"))
    said = sentences(NOTEBOOKS[0].parent)["residual-block"]
    assert f'(glossary.md#residual-block "잔차 블록 · 残差块: {said}")' in text
    assert not re.search(r'glossary\.md#\S+ "[^":]+"', text)


@every_notebook
def test_nothing_has_run_and_every_answer_is_folded(path):
    copied = nbformat.reads(learners_form(path.read_text(encoding="utf-8")), as_version=4)
    nbformat.validate(copied)
    for mine, theirs in zip(cells(path), copied.cells, strict=True):
        tags = set(mine.metadata.get("tags", []))
        assert mine.id == theirs.id
        if mine.cell_type == "code":
            assert not theirs.outputs and theirs.execution_count is None
            first = "# The course's answer\n" if "solution" in tags else ""
            assert theirs.source == first + mine.source
            hidden = theirs.metadata.get("jupyter", {}).get("source_hidden", False)
            assert hidden == bool(tags & {"solution", "hide-input"})
        elif "solution" not in tags:
            happened = mine.source.count("**What happened.**")
            assert happened == theirs.source.count("<summary><b>What happened</b></summary>")
            assert "**What happened" not in theirs.source
            # Headings and questions stay in sight, and no word is lost.
            folded = re.findall(r"(?s)<details>.*?</details>", theirs.source)
            assert not re.search(r"(?m)^(## |### |> \*\*Predict)", "".join(folded))
            plain = re.sub(r"</?details>|<summary>.*?</summary>", "", theirs.source)
            assert re.findall(r"\w+", plain) == re.findall(
                r"\w+",
                re.sub(
                    r"\*\*What happened\.\*\*|</?details>|<summary>.*?</summary>", "", mine.source
                ),
            )


def copied(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    return nbformat.reads(learners_form(text), as_version=4).cells[0]


def form(source: str, *tags: str) -> str:
    return copied(nbformat.v4.new_markdown_cell(source, metadata={"tags": [*tags]})).source


FOLD = "<details>\n<summary><b>{}</b></summary>\n\n{}\n\n</details>"
HAPPENED = FOLD.format("What happened", "It fell.\n\nBy half.")
OWN = FOLD.format("The course's answer", "It is short.")


@pytest.mark.parametrize(
    ("source", "copied"),
    [
        ("**What happened.** It fell.\n\nBy half.", HAPPENED),
        ("Before.\n\n**What happened.** It fell.\n\nBy half.\n", f"Before.\n\n{HAPPENED}"),
        (
            "**What happened.** It fell.\n\nBy half.\n\n## 2. Next\n\nAnd so on.",
            f"{HAPPENED}\n\n## 2. Next\n\nAnd so on.",
        ),
        (
            "**What happened.** It fell.\n\nBy half.\n\n> **Predict.** More?",
            f"{HAPPENED}\n\n> **Predict.** More?",
        ),
        ("We ask **What happened.** here.", "We ask **What happened.** here."),
    ],
)
def test_an_answer_goes_to_the_next_heading_or_question(source, copied):
    assert form(source) == copied


def test_of_a_solution_only_the_heading_stays_in_sight():
    assert form("### Our function\n\nIt is short.", "solution") == f"### Our function\n\n{OWN}"
    assert form("It is short.", "solution") == OWN
    assert form("### Our function", "solution") == "### Our function"
    code = copied(nbformat.v4.new_code_cell("half = x / 2", metadata={"tags": ["solution"]}))
    # JupyterLab shows the first line of what it hides.
    assert code.source == "# The course's answer\nhalf = x / 2"
    assert code.metadata.jupyter.source_hidden


def test_every_link_leads_somewhere_in_the_copy(copy):
    for path in copy.iterdir():
        for link in re.findall(r"\]\(([\w./ -]+)[#)]", text(copy, path.name)):
            if "." in link:
                assert (copy / link).is_file(), f"{path.name}: {link}"


# A second start.


def test_a_second_start_touches_nothing(copy):
    before = {path: path.stat().st_mtime_ns for path in copy.iterdir() if path.name != RECORD}
    assert make_copy(copy) == {"same": NAMES}
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_the_learner_changed_stays_and_a_newer_chapter_lies_beside(copy, course):
    mine = change(copy / CHAPTER, "My own words.")
    assert make_copy(copy) == {"same": others(CHAPTER), "changed": [CHAPTER]}
    change(course / CHAPTER, "A better sentence.")
    for _ in range(2):  # it is named as long as it lies there
        assert make_copy(copy) == {"same": others(CHAPTER), "beside": [NEW]}
        assert text(copy, CHAPTER) == mine and "A better sentence." in text(copy, NEW)
    # The learner works in the new one too, and the course goes on.
    new = change(copy / NEW, "Here as well.")
    assert make_copy(copy) == {"same": others(CHAPTER), "changed": [CHAPTER]}
    change(course / CHAPTER, "The best sentence.")
    assert make_copy(copy) == {"same": others(CHAPTER), "beside": [NEWER]}
    assert text(copy, CHAPTER) == mine and text(copy, NEW) == new
    (copy / NEWER).unlink()  # not wanted
    assert make_copy(copy) == {"same": others(CHAPTER), "changed": [CHAPTER]}


def test_a_chapter_that_has_only_run_is_not_changed(copy, course):
    notebook = nbformat.read(copy / CHAPTER, as_version=4)
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text="ran")]
    notebook.cells.append(nbformat.v4.new_code_cell(""))  # JupyterLab adds one at the end
    notebook.metadata.language_info = {"name": "python", "version": "3.13"}
    nbformat.write(notebook, copy / CHAPTER)
    ran = text(copy, CHAPTER)
    assert make_copy(copy) == {"same": NAMES} and text(copy, CHAPTER) == ran
    change(course / CHAPTER, "A better sentence.")
    assert make_copy(copy) == {"same": others(CHAPTER), "updated": [CHAPTER]}
    assert "A better sentence." in text(copy, CHAPTER)


def test_a_chapter_that_was_deleted_comes_back_as_it_was(copy):
    fresh = text(copy, CHAPTER)
    change(copy / CHAPTER, "All wrong.")
    (copy / CHAPTER).unlink()
    assert make_copy(copy) == {"same": others(CHAPTER), "new": [CHAPTER]}
    assert text(copy, CHAPTER) == fresh


@pytest.mark.parametrize("record", [None, "", "{", "[1]", "7", '{"02_residual_blocks.ipynb": 3}'])
def test_without_a_good_record_nothing_is_replaced(record, copy, course):
    changed = NAMES[0]
    mine = change(copy / changed, "My own words.")
    (copy / RECORD).unlink()
    if record is not None:
        (copy / RECORD).write_text(record, encoding="utf-8")
    old = text(copy, CHAPTER)
    change(course / CHAPTER, "A better sentence.")
    beside = [changed.replace(".ipynb", " (new).ipynb"), NEW]
    assert make_copy(copy) == {"same": others(changed, CHAPTER), "beside": beside}
    assert text(copy, changed) == mine and text(copy, CHAPTER) == old
    assert make_copy(copy)["beside"] == beside


def test_a_damaged_notebook_is_the_learners(copy, course):
    (copy / CHAPTER).write_bytes(b'{"cells": [\xff')
    change(course / CHAPTER, "A better sentence.")
    assert make_copy(copy)["beside"] == [NEW]
    assert (copy / CHAPTER).read_bytes() == b'{"cells": [\xff'


def test_a_copy_that_breaks_off_leaves_whole_files_and_can_be_made_again(
    course, tmp_path, monkeypatch
):
    sync, folder, files = os.fsync, tmp_path / "copy", itertools.count()

    def full(file):
        if next(files) == 2:  # half of the third chapter is written
            raise OSError(28, "No space left on device")
        sync(file)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            make_copy(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*NAMES[:2], RECORD])
    assert make_copy(folder) == {"same": NAMES[:2], "new": NAMES[2:]}


# The command.


@pytest.fixture
def start(monkeypatch, tmp_path, capfd):
    """Give the command, without looking at the computer; returns what it says."""
    monkeypatch.setattr(command, "LOOK", "pass")
    monkeypatch.chdir(tmp_path)

    def start(*arguments: str, code: int = 0) -> str:
        assert command.main([*arguments]) == code
        said = capfd.readouterr()
        assert bool(said.err) == bool(code)
        return said.out + said.err

    return start


def test_the_command_makes_the_copy_says_how_to_begin_and_goes_on_in_it(
    start, tmp_path, monkeypatch
):
    folder = tmp_path / "my-course"
    said = start("--no-lab")
    assert f'jupyter lab "{folder / NAMES[0]}"' in said and "copied: 00_start_here" in said
    change(folder / CHAPTER, "My own words.")
    assert f"with your changes: {CHAPTER}\n" in start("--no-lab")
    monkeypatch.chdir(folder)
    assert str(folder) in start("--no-lab") and not (folder / "my-course").exists()


def test_jupyterlab_opens_in_the_copy_with_the_options_after_the_dashes(
    start, tmp_path, monkeypatch
):
    from jupyterlab.labapp import LabApp

    given: list[str] = []
    monkeypatch.setattr(LabApp, "launch_instance", given.extend)
    folder = tmp_path / "two words"
    said = start("--folder", "two words", "--", "--port=80")
    again = shlex.join([sys.executable, "-m", "resnet_course", "--folder", str(folder)])
    assert f"in a new terminal:\n   {again}\n" in said
    assert given == [f"--ServerApp.root_dir={folder}", str(folder / NAMES[0]), "--port=80"]
    monkeypatch.setattr(sys, "platform", "win32")
    said = start("--folder", "two words")
    again = f'{sys.executable} -m resnet_course --folder "{folder}"'
    assert f"in a new Command Prompt:\n   {again}\n" in said
    said = start("--folder", "R&D")  # & would end the command
    assert f'--folder "{tmp_path / "R&D"}"\n' in said


def test_a_computer_that_is_not_ready_gets_no_copy(start, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "LOOK", "raise SystemExit('FIX torch')")
    said = start("--no-lab", code=1)
    assert "FIX torch" in said and "has not started" in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("a-file", "is a file. Choose another name with --folder."),
        ("copy/inside", "lies inside a copy of the course"),
        ("a-file/inside", "The copy could not be made: Not a directory"),
        (str(ROOT / "notebooks"), "holds the course itself"),
        (str(ROOT / "notebooks" / "new"), "holds the course itself"),
    ],
)
def test_a_folder_that_cannot_hold_a_copy_is_refused_in_words(start, tmp_path, folder, words):
    (tmp_path / "a-file").touch()
    start("--no-lab", "--folder", "copy")
    before = sorted(tmp_path.rglob("*"))
    said = start("--no-lab", "--folder", folder, code=1)
    assert words in said and "--folder" in said
    assert sorted(tmp_path.rglob("*")) == before
    assert not (ROOT / "notebooks" / RECORD).exists()


# Installed.


def test_a_wheel_in_a_fresh_environment_makes_the_copy(tmp_path):
    """Everything but the course itself is taken from the present environment."""
    tree, site = tmp_path / "tree", Path(sysconfig.get_path("purelib"))
    hidden = shutil.ignore_patterns("__pycache__", "explorers")
    for name in ("resnet_course", "notebooks"):
        shutil.copytree(ROOT / name, tree / name, ignore=hidden)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    done = python("-c", build, cwd=tree)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")

    fresh = tmp_path / "fresh"
    venv.create(fresh)
    program = fresh / ("Scripts" if os.name == "nt" else "bin")
    pip = ["-m", "pip", "--python", fresh, "install", "--quiet", "--no-deps", "--no-index", wheel]
    done = python(*pip)
    assert done.returncode == 0, done.stderr
    (installed,) = fresh.rglob("site-packages/resnet_course")
    (installed.parent / "beside.pth").write_text(str(site), encoding="utf-8")
    files = {path.relative_to(tree) for path in (tree / "resnet_course").rglob("*.*")}
    missing = {path for path in files if not (installed.parent / path).exists()}
    assert not missing, "pyproject.toml names every room, and the files in it"

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run(program / "resnet-course", "--no-lab", cwd=elsewhere, env=environment)
    assert done.returncode == 0 and "Everything is ready." in done.stdout, done.stderr
    assert sorted(path.name for path in (elsewhere / "my-course").iterdir()) == [RECORD, *NAMES]


def test_a_present_folder_that_is_gone_is_told(start, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "There is no such folder" in start("--no-lab", code=1)
    assert "There is no such folder" in start("--no-lab", "--folder", "~no such user/x", code=1)


def test_terminals_of_jupyterlab_know_the_environment(start, monkeypatch):
    from jupyterlab.labapp import LabApp

    monkeypatch.setenv("PATH", "elsewhere")
    monkeypatch.setattr(LabApp, "launch_instance", lambda *_: None)
    start()
    assert os.environ["PATH"] == os.pathsep.join((str(Path(sys.executable).parent), "elsewhere"))


def test_the_look_at_the_computer_survives_a_narrow_code_page():
    hide = "import resnet_course.start.environment as e\n"
    hide += "e._package = lambda name, **_: e.Check(name, 'missing', True, 'pip install')\n"
    done = python("-c", hide + command.LOOK, env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr


def test_a_second_start_needs_no_room(copy, monkeypatch):
    monkeypatch.setattr(copies, "write_whole", Mock(side_effect=OSError(28, "disk full")))
    assert make_copy(copy) == {"same": NAMES}


def test_a_file_that_cannot_be_looked_at_is_never_replaced(copy, monkeypatch):
    mine = change(copy / CHAPTER, "My own words.")
    real = Path.read_text

    def refuse(path, *arguments, **options):
        if path == copy / CHAPTER:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    with monkeypatch.context() as broken, pytest.raises(PermissionError):
        broken.setattr(Path, "read_text", refuse)
        make_copy(copy)
    assert text(copy, CHAPTER) == mine
