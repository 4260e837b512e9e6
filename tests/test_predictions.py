"""Predictions against counting by hand, records and trained networks against what they claim."""

from __future__ import annotations

import re
import shlex
from statistics import mean, stdev

import pytest
import torch
from helpers import batches, count, network

from resnet_course import drawn_garments, evaluate, fashion_mnist, predict
from resnet_course.measure.predictions import Predictions
from resnet_course.resnet import CONFIGS
from resnet_course.train import options
from resnet_course.train.pretrained import trained_model, trained_record
from resnet_course.train.records import FOLDER, recorded, reported, spread

CLASSES = ("cat", "dog", "owl")
# Right: 0, 1, 2, 2, 0. Predicted: 0, 2, 2, 1, 1.
LOGITS = torch.tensor([[5.0, 1, 0], [0, 1, 1.5], [0, 0, 3], [0, 9, 1], [2, 2.5, 0]])
LABELS = torch.tensor([0, 1, 2, 2, 0])


def test_predictions_count_as_by_hand():
    seen = Predictions(LOGITS, LABELS, CLASSES)
    assert len(seen) == 5
    assert seen.predicted.tolist() == [0, 2, 2, 1, 1]
    assert seen.accuracy() == 2 / 5 and seen.accuracy(k=2) == 1.0
    assert seen.confusion().tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 1]]
    assert seen.mistakes().tolist() == [3, 4, 1]  # surest first: 9 against 1, 2.5:2:0, 1.5:1:0
    assert seen.confidence[3].item() == pytest.approx(LOGITS[3].softmax(0)[1].item())
    first = Predictions(LOGITS[:1], LABELS[:1], CLASSES)  # most classes do not occur
    assert first.confusion().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert first.mistakes().tolist() == [] and first.confused_pairs() == []
    assert seen.confused_pairs() == [("cat", "dog", 1), ("dog", "owl", 1), ("owl", "dog", 1)]
    with pytest.raises(ValueError, match=r"\(4, 2\), got \(5, 3\)"):
        Predictions(LOGITS, LABELS[:4], ("cat", "dog"))


def test_predict_keeps_the_order_and_takes_batches_of_any_size():
    splits = drawn_garments(10, 37)
    model = network().eval()
    logits, labels = predict(model, batches(splits, 10))
    x, y = next(iter(batches(splits, 37)))
    assert torch.equal(labels, y)
    assert torch.allclose(logits, model(x), atol=1e-5)


NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_carries_its_evidence_and_its_numbers_hang_together(name):
    record = recorded(name)
    assert {"commit", "date", "hardware", "versions", "images"} <= set(record.evidence)
    assert all(len(text) > 5 for text in record.evidence.values())
    first = record.runs[0]
    ours = f"runs/|tests/benchmarks/|{name}/|{re.escape(first.label.replace(' ', '_'))}/"
    assert "/" not in re.sub(ours, "", first.command), "a path of the machine"
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) < 2000, "nobody can read this"
    tuning = name.endswith("tuning")  # one run each, on training pictures that are kept back
    for label in record.labels:
        assert tuning or [run.seed for run in record.of(label)] == [0, 1, 2]
    for run in record.runs:
        assert len(run.test_accuracy) == len(run.train_loss)
        assert ("--hold-out" in run.command) == tuning
        if name == "single-effects":  # made by a program of its own, not by the training command
            assert run.command.endswith(f' run --only "{run.label}"')
            continue
        words = run.command.split()
        given = dict(zip(words[3:], words[4:], strict=False))
        assert int(given["--seed"]) == run.seed
        assert len(run.test_accuracy) == int(given["--epochs"])
        with torch.device("meta"):
            read = options.read_options(shlex.split(run.command)[3:])
            model = options.network(read, classes=10)
        assert count(model) == run.parameters
    header = record.header()
    assert header.startswith(f"command   {first.command}")
    assert f"commit    {record.evidence['commit']}" in header and "seeds" in header


def test_the_frontier_is_timed_and_more_time_gave_more():
    record = recorded("frontier")
    seconds, accuracies = [], []
    for label in record.labels:
        for run in record.of(label):
            assert len(run.seconds) == len(run.test_accuracy)
            assert list(run.seconds) == sorted(run.seconds)
        seconds.append(mean(record.last(label, "seconds")))
        accuracies.append(mean(record.last(label, "test_accuracy")))
    assert [line.split("  in ")[-1] for line in str(record).splitlines()[-3:]] == [
        f"{value:.0f} s" for value in seconds
    ]
    assert seconds == sorted(seconds) and accuracies == sorted(accuracies)


def test_each_idea_was_tried_on_pictures_kept_back():
    record = recorded("single-effects")
    assert record.evidence["images"].endswith("55,000 for training, 5,000 for testing")
    assert record.labels[:4] == ("SGD, learned stem", "Muon", "whitening", "both")


def test_the_two_recipes_were_timed_in_pairs():
    record = recorded("recipe")
    plain, quick, plain_long, quick_long = (
        (mean(record.last(label, "seconds")), mean(record.last(label, "test_accuracy")))
        for label in record.labels
    )
    # The new recipe has no more time, but for a tenth, and more right answers.
    assert quick[0] < 1.1 * plain[0] and quick[1] > plain[1]
    assert quick_long[0] < 1.1 * plain_long[0] and quick_long[1] > plain_long[1]


def test_half_an_hour_was_kept_and_used():
    new, old = recorded("recipe-half-hour"), recorded("half-hour")
    ((label,), (before,)) = new.labels, old.labels
    assert 1500 < mean(new.last(label, "seconds")) < 1.05 * 1800
    assert mean(new.last(label, "test_accuracy")) > mean(old.last(before, "test_accuracy"))
    assert new.runs[0].parameters == pytest.approx(old.runs[0].parameters, rel=0.05)


def test_the_report_against_d2l_is_what_the_benchmark_printed():
    text = reported("against-d2l")
    assert text.startswith("command   python tests/benchmarks/against_d2l.py")
    assert "no result" not in text
    with pytest.raises(ValueError, match="choose one of against-d2l"):
        reported("nothing")


def test_a_record_adds_up_over_its_seeds():
    record = recorded("plain-and-residual")
    assert record.labels == ("plain20", "resnet20", "resnext20_8x4d", "plain56", "resnet56")
    last = [run.test_accuracy[-1] for run in record.of("resnet20")]
    assert record.last("resnet20", "test_accuracy") == tuple(last)
    assert record.curve("resnet20", "test_accuracy")[-1] == pytest.approx(mean(last))
    assert spread(last) == f"{100 * mean(last):.2f} % ± {100 * stdev(last):.2f} (3)"
    assert spread([0.9]) == "90.00 % (1)"
    assert "--model, --out, --seed" in record.header()
    with pytest.raises(ValueError, match="no run 'resnet9'"):
        record.of("resnet9")
    with pytest.raises(ValueError, match="choose one of digits"):
        recorded("nothing")


@pytest.mark.parametrize("source", ["fashion-mnist", "drawn-garments"])
def test_the_trained_networks_are_small_and_keep_what_their_record_says(source):
    record = trained_record(source)
    weights = FOLDER.parent / "weights" / f"{source}.pt"
    assert weights.stat().st_size < 500_000
    state = torch.load(weights, weights_only=True)  # data only, no code
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    assert record["command"].startswith("python -m resnet_course.train --model resnet14")
    assert record["commit"] and record["hardware"] and record["model"] in CONFIGS

    drawn = source == "drawn-garments"
    splits = drawn_garments(1, 1000) if drawn else fashion_mnist(limit=(1, 2000))
    if splits.source != source:
        pytest.skip("the real pictures are not here")
    model = trained_model(source)
    assert not model.training
    accuracy = evaluate(model, batches(splits, 500))
    assert accuracy == pytest.approx(record["test_accuracy"], abs=0.02)
