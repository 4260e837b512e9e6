"""Write and read a checkpoint: a dictionary of tensors, numbers and texts in one file."""

from __future__ import annotations

import errno
import io
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from resnet_course.start.files import remove_parts, write_whole
from resnet_course.train.processes import from_first

Place = str | os.PathLike[str]


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the text says why and what to do."""


@contextmanager
def taken(folder: Path | None) -> Iterator[None]:
    """Make the folder of a run and keep other runs out of it; several processes of one run may.

    The lock is the operating system's: when a process dies, its lock is gone. The same thread may
    take a folder twice. None takes nothing. Raises a CheckpointError if another run has it.
    """
    if folder is None:
        yield
        return
    lock = FileLock(folder / ".lock", is_singleton=True)

    def take() -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _acquire(lock)
            remove_parts(folder)
        except Timeout:
            raise CheckpointError(
                f"another run writes into {folder}. Choose another folder, or wait until it ends."
            ) from None
        except OSError as error:
            text = f"the folder {folder} cannot be made or written: {error.strerror}."
            raise CheckpointError(text) from error

    from_first(take)
    try:
        yield
    finally:
        if lock.lock_counter == 1:  # a folder of results shows results only
            with suppress(OSError):  # Windows deletes no open file
                (folder / ".lock").unlink()
        lock.release()


def _acquire(lock: FileLock) -> None:
    """Take the lock. On a drive without locks a run goes on without one."""
    try:
        lock.acquire(blocking=False)
    except NotImplementedError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise


def save(state: dict[str, Any], path: Path) -> None:
    """Write `state` in one step: whoever reads `path` finds the old file or the new one, whole.

    Raises a CheckpointError where it cannot be written; the old file is still there.
    """
    store(path, _encoded(state))


def check_plain(state: dict[str, Any]) -> None:
    """Raise a CheckpointError if `load` would refuse `state`: better now than after hours."""
    try:
        torch.load(io.BytesIO(_encoded(state)), weights_only=True)
    except pickle.UnpicklingError as error:
        kind = re.search(r"GLOBAL (\S+)", str(error))
        raise CheckpointError(
            "a checkpoint holds tensors, numbers and texts only, and the notes or the settings of "
            f"this run hold something else ({kind[1] if kind else 'unknown'}). Numbers of NumPy "
            "become plain ones with .item()."
        ) from error


def store(path: Path, content: bytes) -> None:
    """Write the bytes of a file in one step; errors as in `save`."""
    try:
        write_whole(path, content)
    except OSError as error:
        way = "make room"
        if isinstance(error, PermissionError):
            way = "see whether another program has it open, and who may write there"
        advice = f"{way.capitalize()}, or choose another folder."
        if path.exists():
            advice = f"The file of the epoch before is untouched: {way}, and resume."
        needed = f"It needs {len(content) / 1e6:,.1f} MB"
        if path.parent.is_dir():
            needed += f", and {shutil.disk_usage(path.parent).free / 1e6:,.1f} MB are free there"
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}. {needed}. {advice}"
        ) from error


def update(path: Path, content: bytes) -> None:
    """Write the bytes of a file, as `store` does, if it has others or is missing."""
    if not path.exists() or path.read_bytes() != content:
        store(path, content)


def load(path: Place) -> dict[str, Any]:
    """Read a checkpoint onto the CPU. It can hold data only, no code (`weights_only=True`).

    Raises:
        CheckpointError: there is none, or it is damaged, or it is something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # a file of another kind can break the reader in any way
        raise CheckpointError(
            f"{path} is damaged, or it is no checkpoint of torch. It cannot be mended: put a copy "
            "in its place, choose another folder, or delete it and begin again."
        ) from error
    if not isinstance(state, dict):
        held = type(state).__name__
        raise CheckpointError(f"{path} holds a {held}, not the dictionary of a checkpoint.")
    return state


def to_resume(resume: bool | Place | None, folder: Place | None) -> Path | None:
    """Return the checkpoint that a run goes on from, or None if it begins.

    `resume` is a file; a folder, which means the `last.pt` in it; True, which means the one in
    `folder`, where the run writes, if there is one yet; False or None begins. Raises a ValueError
    for True without a folder.
    """
    if resume is None or resume is False:
        return None
    if resume is not True:
        path = Path(resume)
        return path / "last.pt" if path.is_dir() else path
    if folder is None:
        raise ValueError("resume=True goes on from the folder `out`: name one.")
    path = Path(folder) / "last.pt"
    return path if path.exists() else None


def adopt(start: Path, folder: Path) -> None:
    """Copy the files of a run to the folder where it goes on, if that is another one."""
    if start.resolve().parent == folder.resolve():
        return
    best, here = start.with_name("best.pt"), folder / "best.pt"
    if best.exists():
        store(here, best.read_bytes())
    else:
        here.unlink(missing_ok=True)  # of another run
    store(folder / "last.pt", start.read_bytes())


def _encoded(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
