"""The learner's own copy of the course, which can be made again without losing anything.

A record in the copy remembers each file as the course gave it. So a second start knows which files
the learner has changed, and leaves them alone. Running a chapter does not change it: only its cells
count, not their outputs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from resnet_course.start.answers_wait import learners_form
from resnet_course.start.files import write_whole
from resnet_course.start.glossary import sentences

RECORD = ".resnet-course.json"  # name of a file → fingerprint of what the course put there
FIRST = "00_start_here.ipynb"
PACKAGE = Path(__file__).parents[1]


class FolderError(ValueError):
    """No copy can be in this folder; the message says why, and what to do."""


def course_folder() -> Path:
    """Return the folder of the course's own notebooks: in the package, or beside it in a clone.

    Raises:
        FolderError: there are none.
    """
    for folder in (PACKAGE / "notebooks", PACKAGE.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise FolderError("The notebooks of the course are missing. Please install the course again.")


def make_copy(folder: Path) -> dict[str, list[str]]:
    """Make the copy, or bring it up to date; nothing that the learner changed is touched.

    Args:
        folder: of the copy; it need not exist.

    Returns:
        What was done → names of files. "new": they were not there. "updated": the course has newer
        ones, and the learner had not changed them. "beside": the course has newer ones, the learner
        has changed theirs, and so these lie beside. "changed": the learner's. "same": all others.

    Raises:
        FolderError: the folder is no place for a copy.
        OSError: a file cannot be read or written. Each file is a whole one all the same.
    """
    folder = folder.resolve()
    _check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record, done = _read_record(folder), defaultdict(list)
    source, before = course_folder(), dict(record)
    try:
        for path in (*sorted(source.glob("*.ipynb")), source / "glossary.md"):
            text = path.read_text(encoding="utf-8")
            text = learners_form(text, sentences(source)) if path.suffix == ".ipynb" else text
            what, name = _place(folder, path.name, text, record)
            done[what].append(name)
    finally:
        if record != before:  # else a full disk need not be in the way
            write_whole(folder / RECORD, json.dumps(record, indent=1).encode())
    return dict(done)


def fingerprint(text: str) -> str:
    """Return what stays the same however often a notebook runs; of other texts, a hash.

    Empty cells do not count: JupyterLab adds one after the last cell.
    """
    try:
        cells = [
            (cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", []))
            for cell in json.loads(text)["cells"]
        ]
        text = json.dumps([cell for cell in cells if cell[1].strip()])
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # no notebook, or a damaged one
    return hashlib.sha256(text.encode()).hexdigest()


def _check(folder: Path) -> None:
    source = course_folder()
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder} is a file. Choose another name with --folder.")
    if source in (folder, *folder.parents):
        raise FolderError(f"{folder} holds the course itself. Choose another one with --folder.")
    for above in folder.parents:
        if (above / RECORD).is_file():
            raise FolderError(
                f"{folder} lies inside a copy of the course: {above}. "
                "Name that one with --folder, or a folder outside of it."
            )


def _place(folder: Path, name: str, new: str, record: dict[str, str]) -> tuple[str, str]:
    """Put one file where it overwrites nothing of the learner's; return what was done, its name."""
    now = fingerprint(new)
    for number, candidate in enumerate(_names(name)):
        path, given = folder / candidate, record.get(candidate)
        found = _found(path)
        if found == now:
            what = "same"
        elif given == now and (found or number):  # without a file: what lay beside is thrown away
            return "changed", name
        elif found in (None, given):
            write_whole(path, new.encode())
            what = "updated" if found else "new"
        else:
            continue  # the learner's own
        record[candidate] = now
        return ("beside" if number else what), candidate
    raise AssertionError("the names never end")


def _found(path: Path) -> str | None:
    try:  # from Python 3.14 on, `exists` says no after every error
        return fingerprint(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None


def _names(name: str) -> Iterator[str]:
    stem, suffix = Path(name).stem, Path(name).suffix
    yield from (name, f"{stem} (new){suffix}")
    yield from (f"{stem} (new {number}){suffix}" for number in itertools.count(2))


def _read_record(folder: Path) -> dict[str, str]:
    """Return the record; without one, every file that differs counts as the learner's."""
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
