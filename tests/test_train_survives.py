"""A run that dies and is resumed ends as one that lived; what cannot work says why."""

from __future__ import annotations

import contextlib
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jupyter_client import KernelManager
from torch import nn

from resnet_course import Augment, TrainConfig, create_model, drawn_garments, fit
from resnet_course.train import CheckpointError, checkpoints, state
from resnet_course.train.__main__ import main
from resnet_course.train.history import History

CONFIG = TrainConfig(epochs=3, batch_size=32, augment=Augment(2, cutout=4), device="cpu")
COMMAND = [sys.executable, "-m", "resnet_course.train", "--dataset", "drawn-garments"]
SMALL = ["--limit", "256", "--model", "resnet8", "--stem-stride", "2", "--batch-size", "32"]


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
            x = nn.functional.dropout(x, 0.3) * random.uniform(0.9, 1.1) * np.random.rand()
        return self.fc(x.flatten(1))


def fresh(seed=0):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    return WithDropout()


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(160, 50)


def equal(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def without_time(history) -> list:
    return [replace(row, seconds=0) for row in history]


class DiesError(Exception):
    """Stands for the end of the process at some point of a write."""


@pytest.fixture(scope="module")
def unbroken(splits, tmp_path_factory):
    model, folder = fresh(), tmp_path_factory.mktemp("unbroken")
    history = fit(model, splits, CONFIG, out=folder, progress=False)
    return model.state_dict(), history, folder


# Three epochs write three times: best.pt if it is the best, history.csv, last.pt.
@pytest.mark.parametrize("deadly", range(9))
def test_dying_at_any_write_changes_nothing_in_the_end(
    deadly, unbroken, splits, tmp_path, monkeypatch
):
    write, writes = checkpoints.write_whole, 0

    def deadly_write(path, content):
        nonlocal writes
        writes += 1
        if writes == deadly + 1:
            raise DiesError
        write(path, content)

    out = tmp_path / "broken"
    monkeypatch.setattr(checkpoints, "write_whole", deadly_write)
    rows = unbroken[1].rows
    best = sum(History("", rows[:i]).best is rows[i - 1] for i in (1, 2, 3))
    dies = deadly < 6 + best  # an unbroken run writes so often
    with pytest.raises(DiesError) if dies else contextlib.nullcontext():
        fit(fresh(), splits, CONFIG, out=out, progress=False)
    monkeypatch.setattr(checkpoints, "write_whole", write)

    # Another seed of everything: only what the checkpoint holds can lead to the same end.
    started = (out / "last.pt").exists()
    model = fresh(seed=5 if started else 0)
    history = fit(model, splits, CONFIG, out=out, resume=True, progress=False)
    weights, whole, folder = unbroken
    assert equal(model.state_dict(), weights)
    assert history.step_losses == whole.step_losses
    assert without_time(history) == without_time(whole)
    for name in ("last.pt", "best.pt"):
        one, two = checkpoints.load(out / name), checkpoints.load(folder / name)
        assert equal(one["model"], two["model"]) and one["epoch"] == two["epoch"]
    table = (out / "history.csv").read_text().splitlines()
    whole_table = (folder / "history.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[0] for line in table] == [
        line.rsplit(",", 1)[0] for line in whole_table
    ]
    assert sorted(p.name for p in out.glob("[!.]*")) == ["best.pt", "history.csv", "last.pt"]


def run_command(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *SMALL, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        **options,
    )


@pytest.mark.chance
def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_weights(tmp_path):
    # A run that dies before its first checkpoint would ask anew whether 16 bits are faster.
    options = ["--epochs", "6", "--shift", "2", "--flip", "--seed", "4", "--bfloat16", "off"]
    whole = run_command(*options, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    rows = checkpoints.load(tmp_path / "whole" / "last.pt")["history"]["rows"]

    chance = random.Random()
    out, delays = tmp_path / "broken", []
    for _ in range(3):
        process = subprocess.Popen(
            [*COMMAND, *SMALL, *options, "--out", str(out), "--resume"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        # The bar appears when training begins: starting Python takes longer than the training.
        process.stderr.read(1)
        delays.append(chance.uniform(0, 0.6 * rows[-1]["seconds"]))
        time.sleep(delays[-1])
        process.send_signal(signal.SIGKILL)
        process.stderr.close()
        process.wait()
    end = run_command(*options, "--out", out, "--resume")
    assert end.returncode == 0, end.stderr
    one, two = (checkpoints.load(tmp_path / n / "last.pt") for n in ("whole", "broken"))
    assert equal(one["model"], two["model"]), f"killed after {delays} seconds"
    best = (checkpoints.load(tmp_path / n / "best.pt") for n in ("whole", "broken"))
    assert equal(*(state["model"] for state in best))
    assert one["history"]["step_losses"] == two["history"]["step_losses"]


def test_a_full_disk_is_told_and_the_old_checkpoint_lives(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    out = tmp_path / "run"
    first = run_command("--epochs", "2", "--out", out)
    assert first.returncode == 0, first.stderr
    before = [(out / name).read_bytes() for name in ("last.pt", "best.pt")]

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # a checkpoint has 600 KB

    second = run_command("--epochs", "1", "--out", out, preexec_fn=small_disk)
    assert second.returncode == 1
    assert re.search(r"error: .*best\.pt cannot be written: File too large.*MB", second.stderr)
    assert "Traceback" not in second.stderr
    assert [(out / name).read_bytes() for name in ("last.pt", "best.pt")] == before
    assert not list(out.glob(".*part"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"hello, I am a text", "damaged"),
        ("cut", "damaged"),
        ("weights", "resume from last.pt"),
        ("list", "holds a list"),
        ("code", "damaged"),
    ],
)
def test_a_file_that_is_no_run_is_named_and_left_alone(content, message, splits, tmp_path):
    path = tmp_path / "last.pt"
    fit(fresh(), splits, replace(CONFIG, epochs=1), out=tmp_path, progress=False)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif content == "weights":
        path.write_bytes((tmp_path / "best.pt").read_bytes())
    elif content == "list":
        torch.save([1, 2], path)
    elif content == "code":
        torch.save({"model": Path(), "f": print}, path)
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message) as error:
        fit(fresh(), splits, replace(CONFIG, epochs=1), out=tmp_path, resume=path, progress=False)
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
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_the_command_leaves_a_foreign_checkpoint_alone(content, resume, tmp_path, capsys):
    torch.save(content, tmp_path / "last.pt")
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(SystemExit):
        main([*COMMAND[3:], *SMALL, "--epochs", "1", "--out", str(tmp_path), *resume])
    said = capsys.readouterr().err
    assert "could go on" in said if resume else "is not of this course: choose another" in said
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["last.pt"]
    assert (tmp_path / "last.pt").read_bytes() == before


def test_what_could_not_be_read_back_is_not_written(splits, tmp_path):
    fit(fresh(), splits, CONFIG, out=tmp_path, progress=False)
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(CheckpointError, match=r"numbers and texts only.*numpy.*\.item\(\)"):
        fit(fresh(), splits, CONFIG, out=tmp_path, notes={"trial": np.int64(3)}, progress=False)
    assert (tmp_path / "last.pt").read_bytes() == before
    flags = replace(CONFIG, bfloat16=np.bool_(False), flip_test=np.bool_(True))
    fit(fresh(), splits, flags, out=tmp_path, progress=False)
    assert checkpoints.load(tmp_path / "last.pt")["config"]["flip_test"] is True


def test_what_a_killed_write_left_is_removed_and_nothing_else(splits, tmp_path):
    for name in (".last.pt.123.part", ".mine.part", "notes.part"):
        (tmp_path / name).write_text("half")
    fit(fresh(), splits, CONFIG, out=tmp_path, progress=False)
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {
        *(".mine.part", "notes.part", "last.pt", "best.pt", "history.csv")
    }


class StopsAt:
    """A monitor whose button is pressed after some steps."""

    def __init__(self, at):
        self.left, self.stopped = at, False

    def start(self, *_):
        pass

    def step(self, _):
        self.left -= 1
        self.stopped = self.left <= 0

    def epoch(self, _):
        pass

    def finish(self):
        pass


def test_a_run_stopped_within_an_epoch_resumes_from_the_end_of_the_one_before(
    unbroken, splits, tmp_path
):
    weights, history, _ = unbroken
    stopped = fit(fresh(), splits, CONFIG, out=tmp_path, monitor=StopsAt(7))
    assert stopped.interrupted == "stopped after step 7 of 15" and len(stopped) == 2
    model = fresh(seed=1)
    resumed = fit(model, splits, CONFIG, out=tmp_path, resume=True, progress=False)
    assert equal(model.state_dict(), weights) and not resumed.interrupted
    assert without_time(resumed) == without_time(history)


def test_a_run_stopped_with_the_last_step_of_an_epoch_lost_nothing(unbroken, splits, tmp_path):
    stopped = fit(fresh(), splits, CONFIG, out=tmp_path, monitor=StopsAt(5))
    assert not stopped.interrupted and checkpoints.load(tmp_path / "last.pt")["epoch"] == 1
    model = fresh(seed=1)
    fit(model, splits, CONFIG, out=tmp_path, resume=True, progress=False)
    assert equal(model.state_dict(), unbroken[0])


def test_interrupting_a_run_whose_loss_is_lost_says_so(splits):
    class Impatient(StopsAt):
        def step(self, loss):
            super().step(loss)
            if self.stopped:
                raise KeyboardInterrupt

    with torch.no_grad():
        model = fresh()
        model.fc.bias.fill_(math.nan)
    history = fit(model, splits, CONFIG, monitor=Impatient(2))
    assert "after step 2 of 15; the loss is nan since step 1" in history.interrupted


def test_a_missing_file_is_an_error_but_resume_true_begins(splits, tmp_path):
    one = replace(CONFIG, epochs=1)
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        fit(fresh(), splits, one, resume=tmp_path / "nothing.pt", progress=False)
    with pytest.raises(ValueError, match="name one"):
        fit(fresh(), splits, one, resume=True, progress=False)
    assert len(fit(fresh(), splits, one, out=tmp_path, resume=True, progress=False)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0.2}, "lr is 0.1 in the checkpoint and 0.2 here"),
        ({"epochs": 2, "seed": 1}, "epochs is 1 in the checkpoint and 2 here; seed is 0"),
        ({"augment": None}, "augment is"),
    ],
)
def test_another_configuration_is_named(change, message, splits, tmp_path):
    one = replace(CONFIG, epochs=1)
    fit(fresh(), splits, one, out=tmp_path, progress=False)
    before = (tmp_path / "last.pt").read_bytes()
    model = fresh()
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        fit(model, splits, replace(one, **change), out=tmp_path, resume=True, progress=False)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert equal(model.state_dict(), weights)


def test_other_images_another_network_and_other_notes_are_named(splits, tmp_path):
    one = replace(CONFIG, epochs=1)
    torch.manual_seed(0)
    fit(create_model("plain8", in_channels=1), splits, one, out=tmp_path, progress=False)

    def resumed(model, images=splits, **options):
        with pytest.raises(CheckpointError) as error:
            fit(model, images, one, out=tmp_path, resume=True, progress=False, **options)
        return str(error.value)

    # Its weights have the same names and shapes, and yet it is another network.
    assert "network is" in resumed(create_model("resnet8", in_channels=1))
    assert "network is" in resumed(fresh())
    plain = create_model("plain8", in_channels=1)
    changed = replace(splits, train_images=splits.train_images.flip(0))
    assert "images: checksum" in resumed(plain, changed)
    assert "limit is None in the checkpoint and 5 here" in resumed(plain, notes={"limit": 5})


def test_a_network_of_the_same_class_with_other_layers_is_told(splits, tmp_path):
    class Net(nn.Sequential):
        pass

    one = replace(CONFIG, epochs=1)
    fit(Net(nn.Flatten(), nn.Linear(784, 10)), splits, one, out=tmp_path, progress=False)
    other = Net(nn.Flatten(), nn.Linear(784, 10, bias=False))
    with pytest.raises(CheckpointError, match="1.bias is .10,. in the checkpoint and missing"):
        fit(other, splits, one, out=tmp_path, resume=True, progress=False)


def mirrored(images):
    return images.flip(3)


def test_a_transform_of_your_own_is_kept_by_its_name(splits, tmp_path):
    own = replace(CONFIG, epochs=1, augment=mirrored)
    fit(fresh(), splits, own, out=tmp_path, progress=False)
    assert checkpoints.load(tmp_path / "last.pt")["config"]["augment"] == "mirrored"
    assert len(fit(fresh(), splits, own, out=tmp_path, resume=True, progress=False)) == 1
    with pytest.raises(CheckpointError, match="augment is mirrored in the checkpoint"):
        fit(fresh(), splits, replace(CONFIG, epochs=1), out=tmp_path, resume=True, progress=False)


class Interrupts:
    """A watcher that presses the kernel's ■ in one step."""

    stopped = False

    def __init__(self, step):
        self.at, self.seen, self.finished = step, 0, False

    def start(self, label, epochs, steps, done=0):
        self.seen = done * steps

    def step(self, loss):
        self.seen += 1
        if self.seen == self.at:
            raise KeyboardInterrupt

    def epoch(self, row):
        pass

    def finish(self):
        self.finished = True


def test_interrupting_leaves_a_usable_model_and_history_and_can_be_resumed(
    unbroken, splits, tmp_path
):
    model, out, watcher = fresh(), tmp_path / "interrupted", Interrupts(8)
    history = fit(model, splits, CONFIG, out=out, monitor=watcher)
    assert watcher.finished and not model.training
    assert len(history) == 1 and len(history.step_losses) == 8
    assert history.interrupted == "interrupted after step 8 of 15"
    assert history.interrupted in str(history)
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())

    history = fit(model, splits, CONFIG, out=out, resume=True, progress=False)
    assert equal(model.state_dict(), unbroken[0])
    assert history.step_losses == unbroken[1].step_losses and not history.interrupted


CELL = """
import torch
from resnet_course import TrainConfig, create_model, drawn_garments, fit
model = create_model("resnet8", in_channels=1, stem_stride=2)
splits = drawn_garments(2000, 100)
print("begin", flush=True)
history = fit(model, splits, TrainConfig(epochs=1000, bfloat16=False), progress=False)
print("the cell goes on")
"""
LOOK = """
finite = all(torch.isfinite(v).all() for v in model.state_dict().values())
print(history.interrupted, model.training, finite, len(history.step_losses) > 0)
"""


@pytest.mark.processes
def test_interrupting_the_kernel_of_a_notebook_leaves_model_and_history():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    printed = []

    def hear(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        if message["msg_type"] == "error":
            printed.append("\n".join(message["content"]["traceback"]))
        if "begin" in message["content"].get("text", ""):
            threading.Timer(3.0, manager.interrupt_kernel).start()

    try:
        client.wait_for_ready(timeout=60)
        for code in (CELL, LOOK):
            client.execute_interactive(code, timeout=120, output_hook=hear)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = "".join(printed)
    assert "the cell goes on" in text and "Traceback" not in text
    assert re.search(r"interrupted after step \d+ of 16000 False True True", text), text


def test_interrupting_before_the_first_epoch_ends_leaves_a_history_too(splits):
    history = fit(fresh(), splits, CONFIG, monitor=Interrupts(2))
    assert len(history) == 0 and len(history.step_losses) == 2
    assert str(history).endswith("interrupted after step 2 of 15")


def test_ctrl_c_ends_the_command_with_a_way_to_go_on(tmp_path, monkeypatch, capsys):
    from resnet_course.train import __main__ as command

    def interrupted_fit(*args, **options):
        return fit(*args, **options, monitor=Interrupts(10))

    monkeypatch.setattr(command, "fit", interrupted_fit)
    arguments = [*COMMAND[3:], *SMALL, "--epochs", "2", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 130
    assert "repeat the command with --resume" in capsys.readouterr().out

    monkeypatch.setattr(command, "fit", fit)
    with pytest.raises(SystemExit) as error:  # forgotten --resume: nothing is lost
        main(arguments)
    assert error.value.code == 2
    assert "ended after epoch 1 of 2. Add --resume" in capsys.readouterr().err
    # Resuming needs no other option than the folder.
    main(["--resume", "--out", str(tmp_path)])
    assert "Going on from" in capsys.readouterr().out
    last = (tmp_path / "last.pt").read_bytes()
    main(["--resume", str(tmp_path / "last.pt")])  # in its own folder, not in runs/latest
    assert str(tmp_path) in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "last.pt").write_bytes(last)
    main(["--resume", str(tmp_path / "last.pt"), "--out", str(tmp_path / "other")])
    assert (tmp_path / "other" / "history.svg").read_text().lstrip().startswith("<")
    with pytest.raises(SystemExit) as error:
        main(["--resume", "--out", str(tmp_path), "--lr", "0.5"])
    assert error.value.code == 1
    assert "lr is 0.1 in the checkpoint and 0.5 here" in capsys.readouterr().err


class TurnsBad(nn.Module):
    """Its answers become nan in one training step."""

    def __init__(self, at):
        super().__init__()
        self.fc, self.at, self.seen = nn.Linear(784, 10), at, 0

    def forward(self, x):
        self.seen += self.training
        logits = self.fc(x.flatten(1))
        return logits * float("nan") if self.training and self.seen == self.at else logits


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (1, r"step 1 of 5 of epoch 1 \(step 1 of the run\)"),
        (8, r"step 3 of 5 of epoch 2 \(step 8 of the run\)"),
    ],
)
def test_a_nan_loss_stops_the_run_and_names_its_step(at, words, splits, tmp_path):
    watcher = Interrupts(0)
    with pytest.raises(FloatingPointError, match=rf"the loss is nan in {words}.*lower"):
        fit(TurnsBad(at), splits, CONFIG, out=tmp_path, monitor=watcher)
    assert watcher.finished
    if at > 5:
        saved = checkpoints.load(tmp_path / "last.pt")
        assert saved["epoch"] == 1 and torch.isfinite(saved["model"]["fc.weight"]).all()


class SpoilsItself(nn.Module):
    """Its weights become infinite in its last step, whose loss is fine."""

    def __init__(self, at):
        super().__init__()
        self.fc, self.at, self.seen = nn.Linear(784, 10), at, 0
        self.fc.weight.register_hook(self.spoil)

    def forward(self, x):
        self.seen += self.training
        return self.fc(x.flatten(1))

    def spoil(self, gradient):
        return gradient * float("inf") if self.seen == self.at else gradient


@pytest.mark.parametrize("at", [5, 15])
def test_weights_that_the_last_step_of_an_epoch_spoils_are_never_saved(at, splits, tmp_path):
    with pytest.raises(FloatingPointError, match=f"fc.weight is not finite .* epoch {at // 5}"):
        fit(SpoilsItself(at), splits, CONFIG, out=tmp_path, progress=False)
    assert (tmp_path / "last.pt").exists() == (at > 5)
    if at > 5:
        assert torch.isfinite(checkpoints.load(tmp_path / "last.pt")["model"]["fc.weight"]).all()


def test_numbers_of_numpy_are_numbers_in_a_checkpoint(splits, tmp_path):
    config = replace(CONFIG, epochs=1, lr=np.float64(0.1), weight_decay=np.float32(0.0))
    fit(fresh(), splits, config, out=tmp_path, progress=False)
    assert checkpoints.load(tmp_path / "last.pt")["config"]["lr"] == 0.1


def test_a_huge_learning_rate_ends_the_command_with_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        main([*COMMAND[3:], *SMALL, "--epochs", "3", "--lr", "1e30", "--out", str(tmp_path)])
    assert error.value.code == 1
    assert re.search(r"error: the loss is (nan|inf) in step \d+", capsys.readouterr().err)


def test_a_folder_that_cannot_be_made_is_told_before_the_training(splits, tmp_path):
    (tmp_path / "file").write_text("")
    watcher = Interrupts(1)
    with pytest.raises(CheckpointError, match="cannot be made"):
        fit(fresh(), splits, CONFIG, out=tmp_path / "file" / "run", monitor=watcher)
    assert watcher.seen == 0


def test_a_finished_run_resumes_to_itself(unbroken, splits):
    weights, whole, folder = unbroken
    model = fresh(seed=9)
    history = fit(model, splits, CONFIG, out=folder, resume=True, progress=False)
    assert equal(model.state_dict(), weights)
    assert history.rows == whole.rows and not model.training


def test_functions_of_a_schedule_stay_out_of_a_checkpoint(unbroken):
    kept = checkpoints.load(unbroken[2] / "last.pt")["schedule"]
    assert not any(map(callable, kept.values())) and kept["total_steps"] == 15


def test_random_states_come_back():
    states = state.random_states()
    drawn = torch.rand(3), random.random(), np.random.rand(3), random.gauss(0, 1)
    state.set_random_states(states)
    again = torch.rand(3), random.random(), np.random.rand(3), random.gauss(0, 1)
    assert torch.equal(drawn[0], again[0]) and drawn[1] == again[1]
    assert (drawn[2] == again[2]).all() and drawn[3] == again[3]


def test_a_resumed_run_keeps_its_precision_on_another_processor(splits, tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_course.train.config.has_fast_bfloat16", lambda device: True)
    fit(fresh(), splits, CONFIG, out=tmp_path, monitor=Interrupts(7))
    assert checkpoints.load(tmp_path / "last.pt")["bfloat16"] is True
    monkeypatch.setattr("resnet_course.train.config.has_fast_bfloat16", lambda device: False)
    fit(fresh(), splits, CONFIG, out=tmp_path, resume=True, progress=False)
    assert checkpoints.load(tmp_path / "last.pt")["bfloat16"] is True


def test_the_environment_of_these_tests_is_not_that_of_torchrun():
    assert "TORCHELASTIC_RUN_ID" not in os.environ
