"""A run that dies and is resumed ends as one that lived; what cannot work says why."""

from __future__ import annotations

import contextlib
import copy
import math
import random
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import QUICK, StopAfter, equal, network, python
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from torch import nn

from resnet_course import Augment, TrainConfig, create_model, drawn_garments, fit, whiten
from resnet_course.train import CheckpointError, checkpoints
from resnet_course.train import __main__ as command
from resnet_course.train.history import History

CONFIG = TrainConfig(epochs=3, batch_size=32, augment=Augment(2, cutout=4), device="cpu")
ONE = replace(CONFIG, epochs=1)
SPLITS = drawn_garments(160, 50)
SMALL = [*QUICK, "--limit", "256"]


class WithDropout(nn.Module):
    """A net that draws from three generators of random numbers while it trains."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 13 * 13, 10)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        if self.training:
            x = nn.functional.dropout(x, 0.3) * random.gauss(1, 0.05) * np.random.rand()
        return self.fc(x.flatten(1))


def fresh(seed=0):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    return WithDropout()


def run(out=None, config=CONFIG, model=None, splits=SPLITS, **options) -> History:
    """Train quietly; without a model, a fresh one."""
    return fit(model or fresh(), splits, config, out=out, progress=False, **options)


def saved(out: Path, name: str = "last.pt") -> dict:
    return checkpoints.load(out / name)


def without_time(history) -> list:
    return [replace(row, seconds=0) for row in history]


def table(out: Path) -> list[str]:
    """Return the lines of history.csv without the seconds, which come last."""
    lines = (out / "history.csv").read_text(encoding="utf-8").splitlines()
    return [line.rpartition(",")[0] for line in lines]


class DiesError(Exception):
    """Stands for the end of the process at some point of a write."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    model, folder = fresh(), tmp_path_factory.mktemp("unbroken")
    history = run(folder, model=model)
    return model.state_dict(), history, folder


# Three epochs write three times: best.pt if it is the best, history.csv, last.pt.
@pytest.mark.parametrize("deadly", range(9))
def test_dying_at_any_write_changes_nothing_in_the_end(deadly, unbroken, tmp_path, monkeypatch):
    write, writes = checkpoints.write_whole, 0

    def deadly_write(path, content):
        nonlocal writes
        writes += 1
        if writes == deadly + 1:
            raise DiesError
        write(path, content)

    weights, whole, folder = unbroken
    best = sum(History("", whole.rows[:i]).best is whole.rows[i - 1] for i in (1, 2, 3))
    dies = deadly < 6 + best  # an unbroken run writes so often
    monkeypatch.setattr(checkpoints, "write_whole", deadly_write)
    with pytest.raises(DiesError) if dies else contextlib.nullcontext():
        run(tmp_path)
    monkeypatch.setattr(checkpoints, "write_whole", write)

    # Another seed of everything: only what the checkpoint holds can lead to the same end.
    model = fresh(seed=5 if (tmp_path / "last.pt").exists() else 0)
    history = run(tmp_path, model=model, resume=True)
    assert equal(model.state_dict(), weights)
    assert history.step_losses == whole.step_losses
    assert without_time(history) == without_time(whole)
    for name in ("last.pt", "best.pt"):
        one, two = saved(tmp_path, name), saved(folder, name)
        assert equal(one["model"], two["model"]) and one["epoch"] == two["epoch"]
    assert table(tmp_path) == table(folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pt", "history.csv", "last.pt"]


def test_a_full_disk_is_told_and_the_old_checkpoint_lives(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    command.main([*SMALL, "--epochs", "2", "--out", str(tmp_path)])
    before = [(tmp_path / name).read_bytes() for name in ("last.pt", "best.pt")]

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # a checkpoint has 600 KB

    again = ("-m", "resnet_course.train", *SMALL, "--epochs", "1", "--out", tmp_path)
    second = python(*again, preexec_fn=small_disk)
    assert second.returncode == 1
    assert re.search(r"error: .*best\.pt cannot be written: File too large.*MB", second.stderr)
    assert "Traceback" not in second.stderr
    assert [(tmp_path / name).read_bytes() for name in ("last.pt", "best.pt")] == before
    assert not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b"hello, I am a text"), "damaged"),
        (lambda path: torch.save({"model": Path(), "f": print}, path), "damaged"),
        (lambda path: torch.save([1, 2], path), "holds a list"),
        (lambda path: path.with_name("best.pt").replace(path), "resume from last.pt"),
    ],
    ids=["text", "code", "list", "weights"],
)
def test_a_file_that_is_no_run_is_named_and_left_alone(spoil, message, tmp_path):
    path = tmp_path / "last.pt"
    run(tmp_path, ONE)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message) as error:
        run(tmp_path, ONE, resume=path)
    assert "last.pt" in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 30, "model": {}, "optimizer": {}},
        {"epoch": None, "config": {"epochs": 3}},
        {"fc.weight": torch.zeros(2)},
        {"model": {}, "notes": {"out": "elsewhere", 3: 4, "nonsense": 1}},
    ],
)
def test_the_command_leaves_a_foreign_checkpoint_alone(content, tmp_path, capsys):
    path = tmp_path / "last.pt"
    torch.save(content, path)
    before = path.read_bytes()
    for resume, words in (
        ([], "not of this course: choose another"),
        (["--resume"], "could go on"),
    ):
        with pytest.raises(SystemExit):
            command.main([*SMALL, "--epochs", "1", "--out", str(tmp_path), *resume])
        assert words in capsys.readouterr().err
        assert [*tmp_path.iterdir()] == [path] and path.read_bytes() == before


def test_numpy_s_numbers_are_numbers_in_a_checkpoint_or_are_refused(tmp_path):
    config = replace(ONE, lr=np.float64(0.1), weight_decay=np.float32(0.0))
    run(tmp_path, replace(config, bfloat16=np.bool_(False), flip_test=np.bool_(True)))
    kept = saved(tmp_path)["config"]
    assert kept["lr"] == 0.1 and kept["flip_test"] is True
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(CheckpointError, match=r"numbers and texts only.*numpy.*\.item\(\)"):
        run(tmp_path, ONE, notes={"trial": np.int64(3)})
    assert (tmp_path / "last.pt").read_bytes() == before


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path):
    for name in (".last.pt.123.part", ".mine.part", "notes.part"):
        (tmp_path / name).write_text("half", encoding="utf-8")
    run(tmp_path, ONE)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(".mine.part", "notes.part", "last.pt", "best.pt", "history.csv")
    }


@pytest.mark.parametrize(
    ("at", "error", "epochs", "words"),
    [
        (7, None, 2, "stopped after step 7 of 15"),
        (5, None, 1, ""),  # with the last step of an epoch, so that nothing is lost
        (8, KeyboardInterrupt, 1, "interrupted after step 8 of 15"),
        (2, KeyboardInterrupt, 0, "interrupted after step 2 of 15"),
    ],
)
def test_a_stopped_or_interrupted_run_leaves_a_history_and_resumes_to_the_same_end(
    at, error, epochs, words, unbroken, tmp_path
):
    weights, whole, _ = unbroken
    model, watcher = fresh(), StopAfter(at, error)
    history = fit(model, SPLITS, CONFIG, out=tmp_path, monitor=watcher)
    assert watcher.finished and not model.training
    assert (len(history), len(history.step_losses)) == (epochs, at)
    assert (history.interrupted or "") == words and str(history).endswith(words)
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())

    if epochs:
        assert saved(tmp_path)["epoch"] == 1
        model = fresh(seed=1)
        resumed = run(tmp_path, model=model, resume=True)
        assert equal(model.state_dict(), weights) and not resumed.interrupted
        assert without_time(resumed) == without_time(whole)
        assert resumed.step_losses == whole.step_losses


def fast_head(model: nn.Module) -> torch.optim.Optimizer:
    groups = [{"params": model.conv1.parameters()}, {"params": model.fc.parameters(), "lr": 0.01}]
    return torch.optim.AdamW(groups, lr=1e-3)


def whitened() -> nn.Module:
    model = network(stem="whitening")
    whiten(model, SPLITS)
    return model


@pytest.mark.parametrize("optimizer", [fast_head, "muon", None])
@pytest.mark.parametrize("make", [network, whitened])
def test_other_optimizers_and_stems_resume_to_the_same_end(make, optimizer, tmp_path):
    whole, resumed, config = make(), make(), replace(CONFIG, epochs=2, optimizer=optimizer)
    expected = run(config=config, model=whole)
    run(tmp_path, config, make(), monitor=StopAfter(8))
    assert saved(tmp_path)["epoch"] == 1
    assert run(tmp_path, config, resumed, resume=True).step_losses == expected.step_losses
    assert equal(resumed.state_dict(), whole.state_dict())


def test_interrupting_a_run_whose_loss_is_lost_says_so():
    history = fit(
        TurnsBad(2, answers=True), SPLITS, CONFIG, monitor=StopAfter(3, KeyboardInterrupt)
    )
    assert "after step 3 of 15; the loss is nan since step 2" in history.interrupted


def test_a_missing_file_is_an_error_but_resume_true_begins(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        run(None, ONE, resume=tmp_path / "nothing.pt")
    with pytest.raises(ValueError, match="name one"):
        run(None, ONE, resume=True)
    assert len(run(tmp_path, ONE, resume=True)) == 1


def mirrored(images):
    return images.flip(3)


OWN = replace(ONE, augment=mirrored)  # a transform of one's own is kept by its name


def plain() -> nn.Module:
    return create_model("plain8", in_channels=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": replace(OWN, lr=0.2)}, "lr is 0.1 in the checkpoint and 0.2 here"),
        (
            {"config": replace(OWN, epochs=2, seed=1)},
            "epochs is 1 in the checkpoint and 2 here; seed is 0",
        ),
        ({"config": replace(OWN, augment=None)}, "augment is mirrored in the checkpoint"),
        # Its weights have the same names and shapes, and yet it is another network.
        ({"model": create_model("resnet8", in_channels=1)}, "network is"),
        ({"model": fresh()}, "network is"),
        ({"splits": replace(SPLITS, train_images=SPLITS.train_images.flip(0))}, "images: checksum"),
        ({"splits": replace(SPLITS, mean=0.5)}, r"images: mean is 0.137 in the .* and 0.5 here"),
        ({"splits": replace(SPLITS, std=0.5)}, r"images: std is 0.2595 in the .* and 0.5 here"),
        ({"notes": {"limit": 5}}, "limit is None in the checkpoint and 5 here"),
    ],
)
def test_what_does_not_belong_to_the_checkpoint_is_named(change, message, tmp_path):
    run(tmp_path, OWN, plain())
    before = (tmp_path / "last.pt").read_bytes()
    options = {"config": OWN, "model": plain(), **change}
    weights = copy.deepcopy(options["model"].state_dict())
    with pytest.raises(CheckpointError, match=message):
        run(tmp_path, resume=True, **options)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert equal(options["model"].state_dict(), weights)
    # Another processor may measure another last digit.
    alike = replace(SPLITS, mean=SPLITS.mean + 1e-12)
    assert len(run(tmp_path, OWN, plain(), splits=alike, resume=True)) == 1


def test_a_checkpoint_from_before_mean_and_std_were_kept_goes_on(tmp_path):
    whole = run(tmp_path, OWN, plain())
    content = saved(tmp_path)
    del content["images"]["mean"], content["images"]["std"]
    checkpoints.save(content, tmp_path / "last.pt")
    assert run(tmp_path, OWN, plain(), resume=True).rows == whole.rows


def test_a_network_of_the_same_class_with_other_layers_is_told(tmp_path):
    class Net(nn.Sequential):
        pass

    run(tmp_path, ONE, Net(nn.Flatten(), nn.Linear(784, 10)))
    other = Net(nn.Flatten(), nn.Linear(784, 10, bias=False))
    with pytest.raises(CheckpointError, match="1.bias is .10,. in the checkpoint and missing"):
        run(tmp_path, ONE, other, resume=True)


CELL = """
import os, signal, threading, torch
from resnet_course import TrainConfig, create_model, drawn_garments, fit
model = create_model("resnet8", in_channels=1, stem_stride=2)
splits = drawn_garments(2000, 100)
threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT)).start()  # as the ■ of JupyterLab does
history = fit(model, splits, TrainConfig(epochs=1000, bfloat16=False), progress=False)
print("the cell goes on")
"""
LOOK = """
finite = all(torch.isfinite(v).all() for v in model.state_dict().values())
print(history.interrupted, model.training, finite, len(history.step_losses) > 0)
"""


@pytest.mark.processes
def test_interrupting_the_kernel_of_a_notebook_leaves_model_and_history():
    notebook = new_notebook(cells=[new_code_cell(CELL), new_code_cell(LOOK)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    first, second = ("".join(o.text for o in cell.outputs) for cell in notebook.cells)
    assert "the cell goes on" in first and "Traceback" not in first
    assert re.fullmatch(r"interrupted after step \d+ of 16000 False True True\n", second), second


def test_ctrl_c_ends_the_command_with_a_way_to_go_on(tmp_path, monkeypatch, capsys):
    arguments = [*SMALL, "--epochs", "2", "--out", str(tmp_path)]

    def ends(*words: str) -> int:
        with pytest.raises(SystemExit) as error:
            command.main([*words])
        return error.value.code

    with monkeypatch.context() as patch:
        pressed = partial(fit, monitor=StopAfter(10, KeyboardInterrupt))
        patch.setattr(command, "fit", pressed)
        assert ends(*arguments) == 130
    assert "repeat the command with --resume" in capsys.readouterr().out
    assert ends(*arguments) == 2  # forgotten --resume: nothing is lost
    assert "ended after epoch 1 of 2. Add --resume" in capsys.readouterr().err
    # Resuming needs no other option than the folder.
    command.main(["--resume", "--out", str(tmp_path)])
    assert "Going on from" in capsys.readouterr().out
    last = (tmp_path / "last.pt").read_bytes()
    command.main(["--resume", str(tmp_path / "last.pt")])  # in its own folder, not in runs/latest
    assert str(tmp_path) in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "last.pt").write_bytes(last)
    command.main(["--resume", str(tmp_path / "last.pt"), "--out", str(tmp_path / "other")])
    assert (tmp_path / "other" / "history.svg").read_text(encoding="utf-8").lstrip().startswith("<")
    assert ends("--resume", "--out", str(tmp_path), "--lr", "0.5") == 1
    assert "lr is 0.1 in the checkpoint and 0.5 here" in capsys.readouterr().err


class TurnsBad(nn.Module):
    """In one training step its answers become nan, or its weights infinite by their gradient."""

    def __init__(self, at, *, answers):
        super().__init__()
        self.fc, self.at, self.answers, self.seen = nn.Linear(784, 10), at, answers, 0
        self.fc.weight.register_hook(self.spoil)

    def forward(self, x):
        self.seen += self.training
        logits = self.fc(x.flatten(1))
        bad = self.training and self.answers and self.seen == self.at
        return logits * math.nan if bad else logits

    def spoil(self, gradient):
        return gradient * math.inf if not self.answers and self.seen == self.at else gradient


@pytest.mark.parametrize(
    ("at", "answers", "words"),
    [
        (
            1,
            True,
            r"the loss is nan in step 1 of 5 of epoch 1 \(step 1 of the run\).*the network "
            "itself",
        ),
        (2, True, r"the loss is nan in step 2 of 5 of epoch 1 \(step 2 of the run\).*lower"),
        (8, True, r"the loss is nan in step 3 of 5 of epoch 2 \(step 8 of the run\).*lower"),
        # The last step of an epoch, whose loss is fine.
        (5, False, "fc.weight is not finite .* epoch 1"),
        (15, False, "fc.weight is not finite .* epoch 3"),
    ],
)
def test_numbers_that_turn_bad_stop_the_run_and_are_never_saved(at, answers, words, tmp_path):
    watcher = StopAfter(0)
    with pytest.raises(FloatingPointError, match=words):
        fit(TurnsBad(at, answers=answers), SPLITS, CONFIG, out=tmp_path, monitor=watcher)
    assert watcher.finished
    assert (tmp_path / "last.pt").exists() == (at > 5)
    if at > 5:
        last = saved(tmp_path)
        assert last["epoch"] == (at - 1) // 5 and torch.isfinite(last["model"]["fc.weight"]).all()


@pytest.mark.parametrize("name", ["conv1.weight", "bn1.running_mean"])
def test_weights_that_are_no_numbers_are_named_before_the_first_step(name):
    model = create_model("resnet8", in_channels=1)
    model.state_dict()[name].view(-1)[0] = math.nan
    with pytest.raises(ValueError, match=f"{name} holds numbers that are not finite"):
        fit(model, SPLITS, CONFIG, progress=False)


def test_a_huge_learning_rate_ends_the_command_with_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        command.main([*SMALL, "--epochs", "3", "--lr", "1e30", "--out", str(tmp_path)])
    assert error.value.code == 1
    assert re.search(r"error: the loss is (nan|inf) in step \d+", capsys.readouterr().err)


def test_a_folder_that_cannot_be_made_is_told_before_the_training(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    watcher = StopAfter(1)
    with pytest.raises(CheckpointError, match="cannot be made"):
        fit(fresh(), SPLITS, CONFIG, out=tmp_path / "file" / "run", monitor=watcher)
    assert watcher.left == 1


def test_a_finished_run_resumes_to_itself(unbroken):
    weights, whole, folder = unbroken
    model = fresh(seed=9)
    history = run(folder, model=model, resume=True)
    assert equal(model.state_dict(), weights)
    assert history.rows == whole.rows and not model.training
    kept = saved(folder)["schedule"]
    assert not any(map(callable, kept.values())) and kept["total_steps"] == 15


def test_a_resumed_run_keeps_its_precision_on_another_processor(tmp_path, monkeypatch):
    fast = "resnet_course.train.config.has_fast_bfloat16"
    monkeypatch.setattr(fast, lambda device: True)
    fit(fresh(), SPLITS, CONFIG, out=tmp_path, monitor=StopAfter(7, KeyboardInterrupt))
    assert saved(tmp_path)["bfloat16"] is True
    monkeypatch.setattr(fast, lambda device: False)
    run(tmp_path, resume=True)
    assert saved(tmp_path)["bfloat16"] is True
