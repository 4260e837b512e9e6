"""What `fit` tells its watcher, and what TrainingMonitor makes of it."""

from __future__ import annotations

import json
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
import torch
from helpers import SVG, linear_model, texts
from IPython.core.interactiveshell import InteractiveShell

from resnet_course import TrainConfig, drawn_garments, fit
from resnet_course.pictures.curves import PANEL, SHOWN, Run, describe, training_curves
from resnet_course.train.history import EpochRow
from resnet_course.widgets import TrainingMonitor, training_monitor


@pytest.fixture(autouse=True)
def outside_a_notebook(monkeypatch):
    """Other tests may have left an IPython behind, and the monitor would show itself there."""
    monkeypatch.setattr(training_monitor, "get_ipython", lambda: None)


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(100, 20)


CONFIG = TrainConfig(epochs=2, batch_size=30, bfloat16=False, device="cpu")


def heard(watcher: Mock) -> list[str]:
    return [name for name, *_ in watcher.method_calls]


def test_fit_tells_its_watcher_every_step_and_every_epoch(splits):
    watcher = Mock(stopped=False)
    history = fit(linear_model(), splits, CONFIG, monitor=watcher, label="linear")
    one = ["step"] * 4 + ["epoch"]
    assert heard(watcher) == ["start", *one, *one, "finish"]
    watcher.start.assert_called_once_with("linear", 2, 4, 0)
    assert [call.args[0].item() for call in watcher.step.mock_calls] == history.step_losses
    assert [call.args[0] for call in watcher.epoch.mock_calls] == history.rows


def test_a_watcher_can_stop_the_run_in_the_middle_of_an_epoch(splits, tmp_path):
    watcher, model = Mock(stopped=False), linear_model()

    def step(loss):
        watcher.stopped = watcher.step.call_count == 6

    watcher.step.side_effect = step
    history = fit(model, splits, CONFIG, monitor=watcher, out=tmp_path)
    assert len(history.step_losses) == 6 and len(history) == 2
    assert history.last.train_loss == pytest.approx(sum(history.step_losses[4:]) / 2)
    assert not model.training and (tmp_path / "last.pt").exists()
    assert heard(watcher)[-2:] == ["epoch", "finish"]


def test_the_watcher_hears_the_end_of_a_run_that_fails(splits):
    watcher = Mock(stopped=False)
    watcher.step.side_effect = [None, None, RuntimeError("out of memory")]
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(linear_model(), splits, CONFIG, monitor=watcher)
    assert heard(watcher)[-1] == "finish"


def test_the_monitor_draws_what_the_history_says(splits, monkeypatch, capsys):
    monkeypatch.setattr(training_monitor, "PAUSE", 0)
    monitor = TrainingMonitor()
    histories = [fit(linear_model(), splits, CONFIG, monitor=monitor, label=n) for n in "ab"]
    for run, history in zip(monitor.runs, histories, strict=True):
        assert run.rows == history.rows
        assert [loss for _, loss in run.losses] == pytest.approx(history.step_losses)
        assert [x for x, _ in run.losses] == pytest.approx([i / 4 for i in range(1, 9)])
        assert f"test accuracy {history.last.test_accuracy:.1%}" in monitor.describe()
    assert monitor.bar.value == monitor.bar.max == 8 and monitor.bar.bar_style == "success"
    assert monitor.stop.disabled and "<b>b</b>: finished" in monitor.words.value
    assert monitor.picture.value == monitor.still()
    assert capsys.readouterr().out == ""


def test_points_are_means_of_all_losses_since_the_last_point(splits, monkeypatch):
    monkeypatch.setattr(training_monitor, "PAUSE", 10**9)
    monitor = TrainingMonitor()
    history = fit(linear_model(), splits, CONFIG, monitor=monitor)
    losses = history.step_losses
    places, means = zip(*monitor.runs[0].losses, strict=True)
    assert places == (1, 2)
    assert means == pytest.approx((sum(losses[:4]) / 4, sum(losses[4:]) / 4))


def test_the_button_stops_this_run_and_not_the_next(splits):
    monitor, model, steps = TrainingMonitor(), linear_model(), []

    def press(module, args):
        """Press the button in the second step."""
        steps.extend([module] * module.training)  # `fit` tries one picture before the first
        if len(steps) == 2:
            assert not monitor.stop.disabled
            monitor.stop.click()

    with model.register_forward_pre_hook(press):
        history = fit(model, splits, CONFIG, monitor=monitor, label="first")
    assert len(history.step_losses) == 2 and len(history) == 1
    assert "stopped after" in monitor.words.value and monitor.bar.bar_style == "warning"
    assert "first, stopped" in texts(monitor.still()) and "(stopped)" in monitor.describe()
    assert len(fit(model, splits, CONFIG, monitor=monitor).step_losses) == 8


def test_few_messages_whatever_the_number_of_steps(monkeypatch):
    monitor = TrainingMonitor()
    seen = []
    for part in (monitor.words, monitor.bar, monitor.picture, monitor.stop):
        part.observe(lambda change: seen.append(change["name"]))
    monitor.start("a", 1, 10**6)
    for _ in range(2000):
        monitor.step(torch.tensor(1.0))
    assert len(seen) < 60


def test_it_shows_itself_once_per_cell_unless_the_learner_has_placed_it(monkeypatch):
    shown = []
    monkeypatch.setattr(TrainingMonitor, "_display_view", lambda self: shown.append("view"))
    monkeypatch.setattr("resnet_course.widgets.base.display", lambda data, **_: shown.append(data))
    shell = InteractiveShell.instance()
    monkeypatch.setattr(training_monitor, "get_ipython", lambda: shell)
    try:
        monitor = TrainingMonitor()
        for count in (1, 1, 2):
            shell.execution_count = count
            monitor.start("a", 1, 1)
        assert shown.count("view") == 2
        assert "The curves move here" in json.dumps(shown[1])
        placed = TrainingMonitor()
        placed._ipython_display_()
        placed.start("a", 1, 1)
        assert shown.count("view") == 3
    finally:
        InteractiveShell.clear_instance()


# The picture.


def row(epoch: int, accuracy: float) -> EpochRow:
    return EpochRow(epoch, 1.0, 0.5, accuracy, 1.0)


def test_a_run_whose_last_epoch_was_not_measured_is_not_finished():
    monitor = TrainingMonitor()
    monitor.start("a", 1, 2)
    for _ in range(2):  # all its steps, and then the loss is no number
        monitor.step(torch.tensor(1.0))
    monitor.finish()
    assert "broken off" in monitor.words.value and monitor.bar.bar_style == "warning"


def test_an_epoch_that_was_cut_short_stands_where_it_ended():
    rows = [EpochRow(epoch, 1.0, 0.5, 0.5, 9.0) for epoch in (1, 2, 3)]
    losses = [(1.0, 1.0), (2.0, 1.0), (2.4, 0.9)]

    def last_dot(ended: str) -> float:
        drawn = training_curves([Run("a", 4, losses, rows, ended)])
        return max(float(c.get("cx")) for c in ElementTree.fromstring(drawn).iter(f"{SVG}circle"))

    whole, cut = last_dot(""), last_dot("stopped")
    assert whole - cut == pytest.approx(0.6 * PANEL / 4, abs=0.2)
    assert "within epoch 3 of 4" in describe(Run("a", 4, losses, rows, "stopped"))
    assert "after epoch 3 of 4" in describe(Run("a", 4, losses, rows))


def test_a_long_name_leaves_room_for_how_the_run_ended():
    picture = training_curves([Run("x" * 40, 2, ended="broken off")] * 3)
    names = [words for words in texts(picture) if "broken off" in words]
    assert len(names) == 3 and all(len(name) <= 30 and "…, broken" in name for name in names)


def test_the_curve_is_to_scale():
    runs = [Run("a", 4, [(1, 2.0), (2, 1.0), (4, 0.0)])]
    root = ElementTree.fromstring(training_curves(runs))
    (path,) = (p.get("d") for p in root.iter(f"{SVG}path") if p.get("stroke-width") == "2.5")
    points = [tuple(map(float, p.split(","))) for p in path.replace("M", "").split("L")]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert (x3 - x1) == pytest.approx(3 * (x2 - x1), abs=0.2)
    assert (y3 - y1) == pytest.approx(2 * (y2 - y1), abs=0.2) and y3 > y1


def beside(picture, left: bool) -> list[float]:
    """Return the numbers beside the vertical axis of the losses (left) or of the accuracies."""
    every = ElementTree.fromstring(picture).iter(f"{SVG}text")
    ends = [each for each in every if each.get("text-anchor") == "end" and "▲" not in each.text]
    return [float(each.text) for each in ends if (float(each.get("x")) < 100) == left]


@pytest.mark.parametrize("place", range(1, 6))
@pytest.mark.parametrize("points", [2, 5, 20])
def test_one_spike_cannot_squeeze_the_axis_wherever_it_is(points, place):
    losses = [1.0 + 0.01 * i for i in range(points)]
    losses[min(place, points - 1)] = 90.0
    picture = training_curves([Run("a", 3, [(i / 20, y) for i, y in enumerate(losses)])])
    assert max(beside(picture, left=True)) < 2 and "▲ 90" in texts(picture)


def test_a_run_that_goes_astray_does_not_squeeze_the_others():
    good = Run("a", 3, [(i / 20, 2.3 - i / 40) for i in range(60)])
    astray = Run("b", 3, [(i / 20, 2.3 * 1.3**i) for i in range(60)])
    picture = training_curves([good, astray])
    assert 2.3 <= max(beside(picture, left=True)) < 10 and "▲ 1.21e+07" in texts(picture)


@pytest.mark.parametrize("accuracy", [0.0, 0.004, 0.5, 0.9991, 1.0])
@pytest.mark.parametrize("loss", [0.0, 1e-9, 2.302, 123456.0])
def test_no_tick_of_the_first_epoch_is_broken(accuracy, loss):
    picture = training_curves([Run("a", 3, [(0.1, loss), (0.2, loss)], [row(1, accuracy)])])
    losses, shares = beside(picture, left=True), beside(picture, left=False)
    assert len(losses) >= 3 and min(losses) >= 0 and min(losses) <= loss <= max(losses)
    assert len(shares) >= 2 and 0 <= min(shares) <= 100 * accuracy <= max(shares) <= 100
    assert max(shares) - min(shares) > 0.01 and "▲" not in " ".join(texts(picture))


def test_a_run_that_rises_from_a_good_beginning_is_shown():
    picture = training_curves([Run("a", 3, [(0.1, 0.1), *((i / 5, 0.5) for i in range(1, 9))])])
    assert max(beside(picture, left=True)) >= 0.5 and "▲" not in " ".join(texts(picture))


def test_the_first_point_has_round_numbers_beside_it():
    picture = training_curves([Run("a", 3, [(0.05, 0.69315)])])
    losses = beside(picture, left=True)
    assert min(losses) < 0.69 < 0.7 < max(losses) and len(set(losses)) == len(losses)
    assert all(len(f"{tick:g}") <= 4 for tick in losses)
    assert beside(picture, left=False)[:2] == [0, 20]


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [Run("no number", 1, [(0.1, float("nan")), (0.2, float("inf"))])],
        [Run("nothing yet", 1)],
        [Run("one point", 3, [(0.1, 2.3)])],
        [Run("flat", 2, [(1, 1.0), (2, 1.0)], [row(1, 0.1), row(2, 0.1)])],
        [Run("<script>alert(1)</script>" * 3, 2, [(1, float("1e30"))], [row(1, 1.0)])],
        [Run(f"run {i}", 2, [(1, i)], [row(1, i / 20)]) for i in range(12)],
    ],
)
def test_every_state_can_be_drawn(runs):
    picture = training_curves(runs)
    root = ElementTree.fromstring(picture)
    assert root.find(f"{SVG}desc").text == picture.alt and picture.alt
    assert "<script" not in picture and "nan" not in picture
    assert all(run.label[:28] in " ".join(texts(picture)) for run in runs[-SHOWN:])


def test_a_hostile_label_is_text(splits):
    monitor = TrainingMonitor()
    fit(linear_model(), splits, CONFIG, monitor=monitor, label="<script>")
    for text in (monitor.to_html(), monitor.words.value, monitor.picture.value):
        assert "script" in text and "<script" not in text
