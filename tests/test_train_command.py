"""`python -m resnet_course.train`, checkpoints and the files that a run leaves."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace

import pytest
import torch
from helpers import QUICK, batches, count, equal, linear_model, python, run
from PIL import Image
from torch import nn

from resnet_course import (
    Augment,
    TrainConfig,
    create_model,
    drawn_garments,
    evaluate,
    fit,
    hold_out,
)
from resnet_course.train import checkpoints, loop, options
from resnet_course.train.__main__ import main
from resnet_course.train.evidence import commit


def test_a_run_leaves_weights_history_and_evidence(tmp_path, capsys):
    out = tmp_path / "run"
    main([*QUICK, "--epochs", "2", "--seed", "3", "--shift", "1", "--out", str(out)])
    assert "epoch  train loss" in capsys.readouterr().out

    last, best = checkpoints.load(out / "last.pt"), checkpoints.load(out / "best.pt")
    model = create_model("resnet8", in_channels=1, num_classes=10)
    model.load_state_dict(last["model"])
    assert last["epoch"] == 2 and last["config"]["seed"] == 3
    assert last["config"]["augment"] == {"shift": 1, "flip": False, "cutout": 0}

    with (out / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    evidence = json.loads((out / "run.json").read_text(encoding="utf-8"))
    accuracies = [row["test_accuracy"] for row in evidence["history"]]
    assert [float(row["test_accuracy"]) for row in rows] == accuracies
    assert best["test_accuracy"] == max(accuracies)
    assert evidence["command"].startswith("python -m resnet_course.train --dataset drawn-garments")
    assert evidence["parameters"] == count(model) and evidence["options"]["limit"] == 64
    assert "size" not in last["notes"], "older checkpoints have none"
    assert "64 for training" in evidence["images"]
    assert torch.__version__ in evidence["versions"]


def test_it_runs_as_a_module_and_help_names_every_option():
    done = python("-W", "error", "-m", "resnet_course.train", "--help")
    for option in ("model", "epochs", "batch-size", "lr", "limit", "seed", "data", "out", "resume"):
        assert f"--{option}" in done.stdout
    assert done.returncode == 0 and not done.stderr


@pytest.fixture
def fruit(tmp_path):
    """A folder of pictures for each class: apples are red, pears green."""
    for name, colour in {"apple": (200, 0, 0), "pear": (0, 200, 0)}.items():
        (tmp_path / "fruit" / name).mkdir(parents=True)
        for number in range(10):
            picture = Image.new("RGB", (30 + number, 24), colour)
            picture.save(tmp_path / "fruit" / name / f"{number}.png")
    (tmp_path / "fruit.zip").touch()
    return tmp_path / "fruit"


def test_a_second_data_set_may_lie_beside_the_first(tmp_path, monkeypatch):
    (tmp_path / "FashionMNIST").mkdir()
    monkeypatch.setattr(options, "mnist", lambda root, limit: f"MNIST in {root}")
    given = options.read_options(["--dataset", "mnist", "--data", str(tmp_path)])
    assert options.pictures(given) == f"MNIST in {tmp_path}"


def test_pictures_of_ones_own_are_trained_on_and_the_run_goes_on(fruit, tmp_path, capsys):
    out, folder = tmp_path / "run", ["--dataset", "folder", "--data", str(fruit)]
    more = ["--size", "16", "--model", "resnet8", "--batch-size", "8", "--out", str(out)]
    main([*folder, *more, "--epochs", "2"])
    last = checkpoints.load(out / "last.pt")
    model = create_model("resnet8", in_channels=3, num_classes=2)
    model.load_state_dict(last["model"])
    assert last["notes"]["size"] == 16
    evidence = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert "fruit, 16 for training, 4 for testing" in evidence["images"]
    main([*folder, "--resume", "--out", str(out)])
    assert "Going on from" in capsys.readouterr().out
    again = ["--weights", str(out / "last.pt"), "--lr", "0.01", "--limit", "8"]
    main([*folder, *more[:-1], str(tmp_path / "second"), "--epochs", "1", *again])
    assert f"Starting from {out / 'last.pt'}." in capsys.readouterr().out
    wide = create_model("resnet8", in_channels=3, num_classes=5)
    torch.save(wide.state_dict(), tmp_path / "wide.pt")
    again = ["--weights", str(tmp_path / "wide.pt"), "--out", str(tmp_path / "third")]
    main([*folder, *more[:-2], "--epochs", "1", *again])
    assert "fc.weight and fc.bias begin anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*QUICK, "--epochs", "0"], "epochs must be a positive integer"),
        ([*QUICK, "--model", "resnet9"], "invalid choice: 'resnet9'"),
        ([*QUICK, "--shift", "-1"], "shift must be a whole number"),
        ([*QUICK, "--hold-out", "64"], "count must be a whole number from 1 to 63"),
        ([*QUICK, "--limit", "0"], "whole number from 1"),
        *(
            ([*QUICK, option, ""], f"argument {option}: the name is empty")
            for option in ("--out", "--data", "--resume")
        ),
        # A folder is never replaced by garments.
        (["--dataset", "folder"], "--dataset folder needs --data FOLDER"),
        (["--data", "fruit"], "has no folder FashionMNIST, but apple, pear: for a folder"),
        (["--dataset", "mnist", "--data", "fruit"], "has no folder MNIST, but apple, pear"),
        (["--data", "fruit/apple"], "has no folder FashionMNIST, but 0.png, 1.png, 2.png"),
        (["--data", "fruit.zip"], "--data fruit.zip is a file: give a folder"),
        (["--dataset", "folder", "--data", "fruit", "--size", "0"], "size"),
        (["--dataset", "folder", "--data", "fruit", "--limit", "-1"], "limit must be a whole"),
        (["--dataset", "folder", "--data", "fruit/apple"], "folder"),
        (["--dataset", "folder", "--data", "fruit", "--weights", "no.pt"], "no.pt"),
    ],
)
def test_wrong_options_end_with_a_sentence_and_nothing_is_written(
    fruit, arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        main(["--model", "resnet8", "--epochs", "1", "--out", "run", *arguments])
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"fruit", "fruit.zip"}


def test_a_folder_that_may_not_be_read_is_told(fruit, capsys, tmp_path, monkeypatch):
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != fruit and may(path, how))
    with pytest.raises(SystemExit):
        main(["--epochs", "1", "--out", str(tmp_path / "run"), "--data", str(fruit)])
    assert f"--data {fruit} may not be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("place", [".", "FashionMNIST", "FashionMNIST/raw"])
def test_the_folder_of_the_data_set_may_be_given_itself(place, tmp_path, monkeypatch):
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    monkeypatch.setattr(options, "fashion_mnist", lambda *given: given)
    given = options.read_options(["--data", str(tmp_path / place)])
    assert options.pictures(given) == (str(tmp_path / place), None)


def test_fit_writes_the_best_epoch_and_the_last(tmp_path, monkeypatch):
    accuracies = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(loop, "evaluate", lambda *args, **options: next(accuracies))
    splits = drawn_garments(64, 10)
    model = create_model("resnet8", in_channels=1, stem_stride=2)
    history = fit(model, splits, TrainConfig(epochs=3), out=tmp_path, progress=False)
    best, last = checkpoints.load(tmp_path / "best.pt"), checkpoints.load(tmp_path / "last.pt")
    assert history.best.epoch == best["epoch"] == 2 and best["test_accuracy"] == 0.9
    assert last["epoch"] == 3
    assert equal(model.state_dict(), last["model"])
    assert not torch.equal(best["model"]["fc.weight"], last["model"]["fc.weight"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.pt", "history.csv", "last.pt"]


def test_fit_trains_on_augmented_pictures_and_tests_on_the_pictures_themselves():
    seen = {True: [], False: []}

    class Model(nn.Linear):
        def forward(self, x):
            seen[self.training].append(x)
            return super().forward(x.flatten(1))

    splits = drawn_garments(64, 10)
    black = torch.full_like(splits.train_images, 255)
    splits = replace(splits, train_images=black, test_images=black[:10])
    config = TrainConfig(epochs=1, augment=Augment(3), bfloat16=False)
    fit(Model(784, 10), splits, config, progress=False)
    assert len(torch.cat(seen[True]).unique()) == 2  # a shift lets zeros in
    assert len(torch.cat(seen[False]).unique()) == 1


def test_training_accuracy_is_the_share_of_right_pictures():
    splits = drawn_garments(100, 10)
    model = linear_model()
    config = TrainConfig(epochs=1, lr=1e-30, bfloat16=False, batch_size=32)
    history = fit(model, splits, config, progress=False)
    assert not any(module.training for module in model.modules())
    assert history.last.train_accuracy == evaluate(model, batches(splits, 7, "train"))


def test_hold_out_takes_the_last_training_images_and_never_the_test_images():
    splits = drawn_garments(100, 50)
    kept = hold_out(splits, 20)
    assert torch.equal(torch.cat([kept.train_images, kept.test_images]), splits.train_images)
    assert torch.equal(kept.test_labels, splits.train_labels[-20:])
    assert kept.source == splits.source and len(kept.train_labels) == 80


def test_the_commit_is_that_of_the_checkout_and_says_what_is_changed(tmp_path, monkeypatch):
    module = tmp_path / "train" / "evidence.py"
    module.parent.mkdir()
    module.write_text("1", encoding="utf-8")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "first"]):
        assert run("git", *command, cwd=tmp_path).returncode == 0
    monkeypatch.setattr("resnet_course.train.evidence.__file__", str(module))
    clean = commit()
    assert len(clean) == 10 and run("git", "rev-parse", "HEAD", cwd=tmp_path).stdout[:10] == clean
    module.write_text("2", encoding="utf-8")
    assert commit() == f"{clean} + changes"
    module.write_text("1", encoding="utf-8")
    (tmp_path / "other_room.py").write_text("1", encoding="utf-8")
    assert commit() == clean, "files that git does not know yet do not count"
    monkeypatch.setattr("resnet_course.train.evidence.__file__", str(tmp_path / "no" / "where.py"))
    assert commit().startswith("unknown")
