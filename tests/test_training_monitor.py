"""What `fit` tells its watcher, and what TrainingMonitor makes of it."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import nn

from resnet_course import TrainConfig, drawn_garments, fit
from resnet_course.pictures.curves import SHOWN, Run, training_curves
from resnet_course.train.history import EpochRow
from resnet_course.widgets import TrainingMonitor, training_monitor

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def outside_a_notebook(monkeypatch):
    """Other tests may have left an IPython behind, and the monitor would show itself there."""
    monkeypatch.setattr(training_monitor, "get_ipython", lambda: None)


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(100, 20)


def linear_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


class Notes:
    """Writes down what it hears."""

    stopped = False

    def __init__(self, stop_after: int = 10**9, fail_after: int = 10**9) -> None:
        self.heard: list = []
        self.stop_after, self.fail_after = stop_after, fail_after

    def start(self, label, epochs, steps, done=0):
        self.heard.append(("start", label, epochs, steps))

    def step(self, loss):
        self.heard.append(("step", loss.item()))
        steps = sum(name == "step" for name, *_ in self.heard)
        self.stopped = steps >= self.stop_after
        if steps >= self.fail_after:
            raise RuntimeError("out of memory")

    def epoch(self, row):
        self.heard.append(("epoch", row))

    def finish(self):
        self.heard.append(("finish",))

    def names(self) -> list[str]:
        return [name for name, *_ in self.heard]


CONFIG = TrainConfig(epochs=2, batch_size=30, bfloat16=False, device="cpu")


def test_fit_tells_its_watcher_every_step_and_every_epoch(splits):
    notes = Notes()
    history = fit(linear_model(), splits, CONFIG, monitor=notes, label="linear")
    one = ["step"] * 4 + ["epoch"]
    assert notes.names() == ["start", *one, *one, "finish"]
    assert notes.heard[0] == ("start", "linear", 2, 4)
    assert [loss for name, *loss in notes.heard if name == "step"] == [
        [loss] for loss in history.step_losses
    ]
    assert [row for name, *row in notes.heard if name == "epoch"] == [[r] for r in history]


def test_a_watcher_can_stop_the_run_in_the_middle_of_an_epoch(splits, tmp_path):
    notes, model = Notes(stop_after=6), linear_model()
    history = fit(model, splits, CONFIG, monitor=notes, out=tmp_path)
    assert len(history.step_losses) == 6 and len(history) == 2
    assert history.last.train_loss == pytest.approx(sum(history.step_losses[4:]) / 2)
    assert not model.training and (tmp_path / "last.pt").exists()
    assert notes.names()[-2:] == ["epoch", "finish"]


def test_the_watcher_hears_the_end_of_a_run_that_fails(splits):
    notes = Notes(fail_after=3)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(linear_model(), splits, CONFIG, monitor=notes)
    assert notes.names()[-1] == "finish"


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
    assert monitor.runs[0].losses == [
        (1.0, pytest.approx(sum(losses[:4]) / 4)),
        (2.0, pytest.approx(sum(losses[4:]) / 4)),
    ]


def test_the_button_stops_this_run_and_not_the_next(splits, monkeypatch):
    monitor = TrainingMonitor()

    class Press:
        """A layer that presses the button in the second step."""

        count = 0

        def __call__(self, module, args):
            self.count += module.training  # `fit` tries one picture before the first step
            if self.count == 2:
                assert not monitor.stop.disabled
                monitor.stop.click()

    model = linear_model()
    handle = model.register_forward_pre_hook(Press())
    history = fit(model, splits, CONFIG, monitor=monitor, label="first")
    handle.remove()
    assert len(history.step_losses) == 2 and len(history) == 1
    assert "stopped after" in monitor.words.value and monitor.bar.bar_style == "warning"
    assert len(fit(model, splits, CONFIG, monitor=monitor).step_losses) == 8


def test_clicks_are_not_sent_back_to_the_thread_that_trains(splits):
    """Only a browser can prove it; here: what routes them back is gone after each step."""
    monitor = TrainingMonitor()
    if monitor.stop.comm is None:
        pytest.skip("without a kernel a widget has no comm here")
    monitor.start("a", 1, 2)
    monitor.stop.comm._reply_subshell_id = None
    monitor.step(torch.tensor(1.0))
    assert "_reply_subshell_id" not in vars(monitor.stop.comm)


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


def test_the_curve_is_to_scale():
    runs = [Run("a", 4, [(1, 2.0), (2, 1.0), (4, 0.0)])]
    root = ElementTree.fromstring(training_curves(runs))
    (path,) = (p.get("d") for p in root.iter(f"{SVG}path") if p.get("stroke-width") == "2.5")
    points = [tuple(map(float, p.split(","))) for p in path.replace("M", "").split("L")]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert (x3 - x1) == pytest.approx(3 * (x2 - x1), abs=0.2)
    assert (y3 - y1) == pytest.approx(2 * (y2 - y1), abs=0.2) and y3 > y1


@pytest.mark.parametrize(
    "runs",
    [
        [],
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
    names = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    assert all(run.label[:28] in " ".join(names) for run in runs[-SHOWN:])


def test_the_static_form_is_self_contained(splits):
    monitor = TrainingMonitor()
    fit(linear_model(), splits, CONFIG, monitor=monitor, label="<script>")
    page = monitor.to_html()
    assert "data:image/png;base64," in page and "<script" not in page and "http" not in page
    assert "<script" not in monitor.words.value and "<script" not in monitor.picture.value
