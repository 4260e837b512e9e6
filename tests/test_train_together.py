"""Several processes train the network that one process trains."""

from __future__ import annotations

import csv
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import torch
from helpers import OFFLINE, batches, run
from torch import nn

from resnet_course import create_model, drawn_garments, evaluate, fit
from resnet_course.train import ProgressBar, batch_norm, checkpoints, loop
from resnet_course.train.__main__ import main
from resnet_course.train.batch_norm import SyncedBatchNorm2d, synchronise
from resnet_course.train.processes import World

# 250 pictures in batches of 64: the last batch has 58, an uneven part for three processes.
PICTURES = ["--dataset", "drawn-garments", "--limit", "250"]
SMALL = ["--model", "resnet8", "--stem-stride", "2", "--batch-size", "64", "--bfloat16", "off"]
# A low rate: rounding differs between one and several processes, and every step enlarges it, as it
# does between runs with one and with two threads.
RECIPE = ["--epochs", "3", "--lr", "0.01", "--shift", "2", "--flip", "--label-smoothing", "0.1"]
TRAIN = ["-m", "resnet_course.train", *PICTURES, *SMALL, *RECIPE]
CLOSE = {"rtol": 0, "atol": 4e-4}  # without synchronised batch norm the losses differ by 1e-3
LAUNCHER = [sys.executable, "-m", "torch.distributed.run"]
OPTIONS = {"env": {**OFFLINE, "OMP_NUM_THREADS": "1"}}


def losses(out: Path) -> torch.Tensor:
    return torch.tensor(checkpoints.load(out / "last.pt")["history"]["step_losses"])


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    out, threads = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    torch.set_num_threads(1)  # as in the processes
    try:
        main([*TRAIN[2:], "--out", str(out)])
    finally:
        torch.set_num_threads(threads)
    return out


class Together:
    """Cases that one group of processes has gone through: see `together.py`."""

    def __init__(self, processes: int, folder: Path, **cases: list[str]) -> None:
        self.folder = folder
        recipe = [*PICTURES, *SMALL, *RECIPE]
        words = [
            f"{name}={shlex.join([*recipe, *more, '--out', str(folder / name)])}"
            for name, more in cases.items()
        ]
        launch = ("--standalone", f"--nproc-per-node={processes}")
        script = Path(__file__).with_name("together.py")
        command = [*LAUNCHER, *launch, script, *words, "messages"]
        done = run(*command, timeout=300, cwd=folder, **OPTIONS)
        assert done.returncode == 0, done.stderr[-3000:]
        # Case → what was printed in it.
        pieces = (re.split(r"^== (\S+)\n", t, flags=re.M) for t in (done.stdout, done.stderr))
        self.out, self.err = (dict(zip(p[1::2], p[2::2], strict=True)) for p in pieces)


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Together:
    return Together(
        2,
        tmp_path_factory.mktemp("two"),
        synchronised=["--sync-batch-norm"],
        parts=[],
        wrong_rate=["--lr", "-1"],
        no_pictures=["--dataset", "mnist", "--data", "nowhere"],
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Together:
    return Together(3, tmp_path_factory.mktemp("three"), synchronised=["--sync-batch-norm"])


@pytest.mark.processes
@pytest.mark.parametrize("group", ["two", "three"])
def test_processes_together_take_the_steps_of_one(group, alone, request):
    together = request.getfixturevalue(group)
    # What processes tell each other is asked in them: see `together.py`.
    assert together.out["messages"].count("fine") == {"two": 2, "three": 3}[group]
    out = together.folder / "synchronised"
    assert together.out["synchronised"].count("epoch  train loss") == 1  # one speaks for all
    assert torch.allclose(losses(out), losses(alone), **CLOSE)
    one, many = (checkpoints.load(folder / "last.pt")["model"] for folder in (alone, out))
    assert one.keys() == many.keys()
    for key, value in one.items():
        if value.is_floating_point():
            assert torch.allclose(many[key], value, rtol=0, atol=5e-3), key
    rows = [list(csv.DictReader((f / "history.csv").open(encoding="utf-8"))) for f in (alone, out)]
    for expected, found in zip(*rows, strict=True):
        for column in ("train_accuracy", "test_accuracy"):
            assert float(found[column]) == pytest.approx(float(expected[column]), abs=0.021)


@pytest.mark.processes
def test_batch_norm_of_parts_is_another_network(alone, two):
    parts, whole = losses(two.folder / "parts"), losses(alone)
    assert len(parts) == len(whole) and torch.isfinite(parts).all()
    assert not torch.allclose(parts, whole, **CLOSE)
    # Each process measured half of the test pictures: with one and the same network.
    test = batches(drawn_garments(250, 250), 500)
    for name in ("last.pt", "best.pt"):
        saved = checkpoints.load(two.folder / "parts" / name)
        model = create_model("resnet8", stem_stride=2, in_channels=1)
        model.load_state_dict(saved["model"])
        assert evaluate(model, test) == pytest.approx(saved["test_accuracy"], abs=1e-6)


@pytest.mark.processes
def test_a_mistake_is_told_once_and_ends_all_processes(two):
    mistakes = {"wrong_rate": "lr must be more than 0", "no_pictures": "MNIST is not on this"}
    for case, message in mistakes.items():
        assert two.err[case].count(f"error: {message}") == 1, two.err[case]
        assert two.out[case].count("exits with 2") == 2


def wait_until(ready: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait for something that a living process will do."""
    patience = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < patience and process.poll() is None
        time.sleep(0.05)


@pytest.mark.processes
def test_a_dead_worker_ends_the_run_with_a_message_and_a_checkpoint(alone, tmp_path):
    # The recipe of `alone` with a long epoch in which to die.
    command = [*LAUNCHER, "--standalone", "--nproc-per-node=2", *TRAIN, "--sync-batch-norm"]
    command += ["--out", str(tmp_path), "--epochs", "200"]
    launcher = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **OPTIONS
    )
    try:
        wait_until((tmp_path / "last.pt").exists, launcher)
        workers = psutil.Process(launcher.pid).children()
        second = next(w for w in workers if w.environ().get("RANK") == "1")
        second.send_signal(signal.SIGKILL)
        _, errors = launcher.communicate(timeout=120)
    finally:
        launcher.kill()
    assert launcher.returncode != 0
    assert "error: process 0 of 2 cannot go on" in errors
    assert f"The finished epochs are in {tmp_path / 'last.pt'}: give the same command" in errors
    done = checkpoints.load(tmp_path / "last.pt")["epoch"]
    assert 1 <= done < 200

    # The same command goes on from there.
    saved = losses(tmp_path)
    resumed = subprocess.Popen(
        [*command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **OPTIONS
    )
    try:
        wait_until(lambda: checkpoints.load(tmp_path / "last.pt")["epoch"] > done, resumed)
    finally:
        resumed.terminate()  # torchrun ends its workers too
        resumed.wait()
    assert torch.equal(losses(tmp_path)[: len(saved)], saved)


@pytest.mark.processes
def test_several_machines_are_several_launchers(alone, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = ("--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", port)
    recipe = (*TRAIN, "--sync-batch-norm", "--out", tmp_path)

    def machine(number: int) -> subprocess.CompletedProcess[str]:
        place = (*address, f"--node-rank={number}", "--nproc-per-node=1")
        return run(*LAUNCHER, *place, *recipe, timeout=240, **OPTIONS)

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(machine, range(2)))
    assert [each.returncode for each in done] == [0, 0], done[0].stderr[-3000:]
    assert torch.allclose(losses(tmp_path), losses(alone), **CLOSE)


# What needs no second process.


def test_parts_of_a_batch_make_the_batch():
    splits = drawn_garments(50, 10)

    def noisy(x):
        return x + torch.randint(0, 9, (len(x), 1, 1, 1), dtype=torch.uint8)

    def dealt(**part):
        torch.manual_seed(1)
        return list(batches(splits, 16, "train", shuffle=True, transform=noisy, **part))

    whole = dealt()
    parts = [dealt(part=(k, 3)) for k in range(3)]
    for i, (x, y) in enumerate(whole):
        there = [part[i] for part in parts if i < len(part)]  # 2 pictures have no third part
        assert torch.equal(torch.cat([p[0] for p in there]), x)
        assert torch.equal(torch.cat([p[1] for p in there]), y)
    assert len(whole) == 4 and [len(part) for part in parts] == [4, 4, 3]


def test_a_monitor_and_several_processes_do_not_go_together(monkeypatch):
    monkeypatch.setattr(loop, "world", lambda: World(0, 2))
    with pytest.raises(ValueError, match="a monitor can stop one process only"):
        fit(nn.Linear(1, 1), drawn_garments(5, 5), monitor=ProgressBar())


def test_alone_batch_norm_is_torchs():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    names = list(net.state_dict())
    x = torch.randn(8, 1, 6, 6)
    expected = net(x)
    assert synchronise(net) is net and type(net[1]) is SyncedBatchNorm2d
    assert list(net.state_dict()) == names
    assert torch.equal(net(x), expected)


def test_synchronised_batch_norm_against_torch(monkeypatch):
    """With sums over one process that pretends to be a group: forward, backward, statistics."""
    monkeypatch.setattr(batch_norm, "world", lambda: World(0, 2))
    monkeypatch.setattr(batch_norm, "all_reduce", lambda tensor: tensor)
    for affine, momentum in ((True, 0.1), (False, 0.3), (True, None)):
        torch.manual_seed(0)
        one = nn.BatchNorm2d(3, affine=affine, momentum=momentum)
        other = SyncedBatchNorm2d(3, affine=affine, momentum=momentum)
        for _ in range(2):
            x = torch.randn(5, 3, 4, 4) * 3 + 100
            a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
            left, right = one(a), other(b)
            left.square().mul(torch.arange(4)).sum().backward()
            right.square().mul(torch.arange(4)).sum().backward()
            assert torch.allclose(left, right, atol=1e-4)
            assert torch.allclose(a.grad, b.grad, atol=1e-3)
        for key, value in one.state_dict().items():
            assert torch.allclose(other.state_dict()[key].float(), value.float(), rtol=1e-4), key
        if affine:
            assert torch.allclose(one.weight.grad, other.weight.grad, rtol=1e-3)
        assert torch.allclose(one.eval()(x), other.eval()(x), atol=1e-4)
