"""Runs that meet another run, or end at a bad moment: nothing is lost, and a sentence says so."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest
from helpers import QUICK, linear_model
from torch import nn

from resnet_course import TrainConfig, drawn_garments, fit
from resnet_course.start import files
from resnet_course.train import CheckpointError, checkpoints
from resnet_course.train.__main__ import main

COMMAND = [sys.executable, "-m", "resnet_course.train"]
SMALL = [*QUICK, "--limit", "100", "--batch-size", "50", "--bfloat16", "off"]
ONE = TrainConfig(epochs=1, batch_size=50, device="cpu")


def train(*arguments):
    main([*SMALL, *map(str, arguments)])


def started(*arguments):
    """Start the command and wait until its bar shows that it trains."""
    process = subprocess.Popen(
        [*COMMAND, *SMALL, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stderr.read(1)
    return process


# One folder, one run.


def test_a_second_run_in_the_same_folder_is_refused_until_the_first_has_died(tmp_path, capsys):
    first = started("--epochs", "1000", "--out", tmp_path)
    with pytest.raises(SystemExit):
        train("--epochs", "1", "--out", tmp_path)
    assert f"error: another run writes into {tmp_path}. Choose" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="another run"):
        fit(linear_model(), drawn_garments(100, 50), ONE, out=tmp_path, progress=False)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    fit(linear_model(), drawn_garments(100, 50), ONE, out=tmp_path, progress=False)
    assert checkpoints.load(tmp_path / "last.pt")["epoch"] == 1


def test_fit_refuses_an_empty_name():
    with pytest.raises(ValueError, match='out is "", which names no folder'):
        fit(linear_model(), drawn_garments(100, 50), ONE, out="", progress=False)


# A finished run has all its files.

FILES = ["best.pt", "history.csv", "history.svg", "last.pt", "run.json"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train("--epochs", "2", "--out", folder)
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


@pytest.mark.parametrize(
    "missing", [[], FILES[:3], *([name] for name in FILES if name != "last.pt")]
)
def test_whatever_is_missing_at_the_end_resume_completes(missing, finished, tmp_path, capsys):
    assert sorted(finished) == FILES
    for name, content in finished.items():
        if name not in missing:
            (tmp_path / name).write_bytes(content)
    lost = "best.pt" in missing and (
        checkpoints.load(tmp_path / "last.pt")["test_accuracy"]
        <= checkpoints.load(tmp_path / "last.pt")["history"]["rows"][0]["test_accuracy"]
    )
    if lost:  # its weights are nowhere else
        with pytest.warns(UserWarning, match="best.pt is missing: it held epoch 1"):
            train("--resume", "--out", tmp_path)
    else:
        train("--resume", "--out", tmp_path)
    words = "Weights, history and evidence are in" if missing else "All epochs were finished"
    assert words in capsys.readouterr().out
    # The new evidence tells the new command.
    for name in set(FILES) - ({"run.json"} & {*missing}) - ({"best.pt"} if lost else set()):
        if name.endswith(".pt"):
            one, two = (tmp_path / name).read_bytes(), finished[name]
            assert len(one) == len(two)
        else:
            assert (tmp_path / name).read_bytes() == finished[name]
    assert checkpoints.load(tmp_path / "last.pt")["epoch"] == 2
    assert b'"epoch": 2' in (tmp_path / "run.json").read_bytes()


def test_the_evidence_of_an_older_run_is_replaced(finished, tmp_path):
    for name, content in finished.items():
        (tmp_path / name).write_bytes(content)
    train("--epochs", "1", "--seed", "3", "--out", tmp_path)
    new = (tmp_path / "run.json").read_bytes()
    (tmp_path / "run.json").write_bytes(finished["run.json"])  # as if it had died before
    (tmp_path / "history.svg").write_bytes(finished["history.svg"])
    train("--resume", "--out", tmp_path)
    text = (tmp_path / "run.json").read_bytes()
    assert b'"seed": 3' in text and text != finished["run.json"] and b'"seed": 3' in new
    assert (tmp_path / "history.svg").read_bytes() != finished["history.svg"]


def test_a_terminated_command_keeps_its_finished_epochs(tmp_path):
    process = started("--epochs", "1000", "--out", tmp_path)
    while not (tmp_path / "last.pt").exists():
        process.stderr.read(1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Traceback" not in err
    assert b"To go on, repeat the command with --resume" in out and b"interrupted after" in out
    assert checkpoints.load(tmp_path / "last.pt")["epoch"] >= 1


# Damage.


def test_a_checkpoint_cut_anywhere_is_called_damaged_with_a_way_out(tmp_path):
    path = tmp_path / "last.pt"
    checkpoints.save({"model": nn.Linear(3, 4).state_dict(), "rows": [{"loss": 0.5}]}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"is damaged.*choose another folder, or delete"):
            checkpoints.load(path)
        assert path.read_bytes() == whole[:length]


def refuse_to_replace(monkeypatch, times):
    """Let a file be open in another program, as on Windows, so many times."""
    replace, left = files.Path.replace, [times]

    def refusing(self, target):
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(files.Path, "replace", refusing)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)


def test_a_file_open_for_a_moment_elsewhere_is_replaced_in_the_end(monkeypatch, tmp_path):
    refuse_to_replace(monkeypatch, times=3)
    checkpoints.save({"epoch": 1}, tmp_path / "last.pt")
    assert checkpoints.load(tmp_path / "last.pt") == {"epoch": 1}


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(monkeypatch, tmp_path):
    checkpoints.save({"epoch": 1}, tmp_path / "last.pt")
    refuse_to_replace(monkeypatch, times=10**6)
    with pytest.raises(CheckpointError, match="Access is denied.*another program has it open"):
        checkpoints.save({"epoch": 2}, tmp_path / "last.pt")
    with pytest.raises((AttributeError, TypeError, RuntimeError)):  # no lambda can be written
        checkpoints.save({"epoch": 2, "model": lambda: None}, tmp_path / "last.pt")
    assert checkpoints.load(tmp_path / "last.pt") == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("error", [NotImplementedError(), OSError(errno.ENOLCK, "No locks")])
def test_on_a_drive_without_locks_a_run_goes_on_without_one(error, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints.FileLock, "acquire", Mock(side_effect=error))
    with checkpoints.taken(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
