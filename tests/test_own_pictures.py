"""Two hundred pictures of one's own, of mixed kinds, go through every tool of the course."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import runpy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import batches, equal, texts
from matplotlib import font_manager
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from resnet_course import (
    Augment,
    Splits,
    TrainConfig,
    activation_stats,
    create_model,
    drawn_garments,
    evaluate,
    find_learning_rate,
    fit,
    gradient_norms,
    hold_out,
    image_folder,
    load_torchvision,
    measured_receptive_field,
    predict,
    trace,
)
from resnet_course.data import collages
from resnet_course.measure import Predictions, grad_cam, layer_outputs
from resnet_course.pictures import plots, style
from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.overlays import boxes_with_names, masks_side_by_side
from resnet_course.pictures.style import pixels
from resnet_course.train import CheckpointError, checkpoints
from resnet_course.train.__main__ import main
from resnet_course.widgets import (
    GradientFlowLab,
    PredictionBrowser,
    ShapeExplorer,
    TrainingMonitor,
    training_monitor,
)

# A computer without Korean letters draws boxes in their place, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph")

# All have the same red: who looks at one channel cannot tell them apart.
CLASSES = {
    "apple": (120, 40, 40),
    "blue plum": (120, 40, 200),
    "초록 배": (120, 160, 40),
    "회색 돌": (120, 120, 120),
}
NAMES, DARK = list(CLASSES), 30
COUNT, SIDE = 50, 32  # pictures of a class, pixels of a side
CONFIG = TrainConfig(epochs=8, batch_size=32, bfloat16=False, device="cpu")


def same(picture: Image.Image) -> Image.Image:
    return picture


def lying(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_90)


def to_mode(mode: str) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: picture.convert(mode)


TURNED = Image.Exif()
TURNED[0x0112] = 6  # the camera was held upright
KINDS = [
    ("a.jpg", same, {"quality": 95}),
    ("한글 alpha.png", to_mode("RGBA"), {}),
    ("palette.png", Image.Image.quantize, {}),
    ("a.gif", Image.Image.quantize, {}),
    ("a.webp", same, {"quality": 95}),
    ("a b.bmp", same, {}),
    ("grey.png", to_mode("L"), {}),
    ("cmyk.jpg", to_mode("CMYK"), {"quality": 95}),
    ("turned.jpg", lying, {"quality": 95, "exif": TURNED}),
    ("BIG.JPG", same, {"quality": 95}),
]


def picture_of(colour: tuple[int, ...], width: int, height: int) -> Image.Image:
    """A picture with its colour above, dark below."""
    filled = np.full((height, width, 3), DARK, np.uint8)
    filled[: height // 2] = colour
    return Image.fromarray(filled)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("own") / "내 사진, mine"
    for name, colour in CLASSES.items():
        (root / name).mkdir(parents=True)
        for number in range(COUNT):
            ending, changed, options = KINDS[number % len(KINDS)]
            if ending == "grey.png" and len(set(colour)) > 1:
                changed = same  # as grey its class could not be seen
            picture = picture_of(colour, 24 + 3 * number, 80 - number)
            changed(picture).save(root / name / f"{number} {ending}", **options)
    return root


@pytest.fixture(scope="module")
def splits(root) -> Splits:
    return image_folder(root, size=SIDE)


@pytest.fixture(scope="module")
def run(splits, tmp_path_factory) -> SimpleNamespace:
    """A network trained on them, and all that watched."""
    torch.manual_seed(0)
    model = create_model("resnet8", num_classes=4, stem_stride=2)
    out, monitor = tmp_path_factory.mktemp("run"), TrainingMonitor()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_monitor, "get_ipython", lambda: None)
        history = fit(model, splits, CONFIG, out=out, monitor=monitor, label="내 것")
    return SimpleNamespace(model=model, history=history, monitor=monitor, out=out)


@pytest.fixture(scope="module")
def batch(splits) -> tuple[torch.Tensor, torch.Tensor]:
    return next(iter(batches(splits, 40)))


def one_of_each(splits: Splits) -> list[int]:
    """The first test picture of each class."""
    return [int((splits.test_labels == label).nonzero()[0]) for label in range(len(CLASSES))]


def found(png: bytes | str, **tolerance: int) -> set[str]:
    """Return the classes whose colour an image shows; a text is HTML with images in it."""
    contents = [png]
    if isinstance(png, str):
        contents = map(base64.b64decode, re.findall(r"base64,([\w+/=]+)", png))
    seen = set()
    for content in contents:
        drawn = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        for name, colour in CLASSES.items():
            if (abs(drawn - colour).max(axis=2) <= 8).sum() > 1000:
                seen.add(name)
    return seen


# The folder.


def test_all_are_read_upright_and_in_their_colours(splits):
    assert splits.train_images.shape == (160, 3, SIDE, SIDE)
    assert splits.test_images.shape == (40, 3, SIDE, SIDE)
    assert splits.classes == tuple(CLASSES) and splits.source == "내 사진, mine"
    for part in ("train", "test"):
        images, labels = getattr(splits, f"{part}_images"), getattr(splits, f"{part}_labels")
        for image, label in zip(images.float(), labels, strict=True):
            above = image[:, 2:13].mean(dim=(1, 2))
            assert (above - torch.tensor(CLASSES[NAMES[label]])).abs().max() < 6
            assert (image[:, 19:30] - DARK).abs().mean() < 6


def test_hold_out_takes_from_every_class(splits):
    kept = hold_out(splits, 32)
    assert kept.test_labels.bincount().tolist() == [8] * 4
    assert (kept.mean, kept.std) == (splits.mean, splits.std)


def test_every_change_of_augment_leaves_the_colours(splits):
    images, labels = splits.train_images[:64], splits.train_labels[:64]
    each = v2.RandomRotation(10)
    augment = Augment(2, True, cutout=6, brightness=0.2, resized_crop=0.6, each=each)
    torch.manual_seed(0)
    changed = augment(images)
    assert changed.shape == images.shape and changed.dtype == torch.uint8
    assert not torch.equal(changed, images)
    hue = torch.tensor(list(CLASSES.values())) / 120  # the same for every brightness
    for image, label in zip(changed.float(), labels, strict=True):
        red, bright = image[0], image[0] > 90
        assert bright.sum() > 100
        other = (image[:, bright] / red[bright]).median(dim=1).values
        assert (hue - other).abs().amax(dim=1).argmin() == label


# Training.


def test_a_network_learns_them_and_the_monitor_follows(run, splits):
    assert len(run.history) == CONFIG.epochs and run.history.source == splits.source
    assert run.history.last.test_accuracy == evaluate(run.model, batches(splits, 7)) >= 0.95
    (seen,) = run.monitor.runs
    assert seen.rows == run.history.rows and seen.label == "내 것"
    assert "finished" in run.monitor.words.value and not run.monitor.stopped
    assert "내 것" in " ".join(texts(run.monitor.still())) and "내 것" in run.monitor.to_html()
    assert str(run.history).startswith("epoch") and splits.source in str(run.history)


def test_one_channel_would_not_tell_them_apart(splits):
    reds = [splits.train_images[splits.train_labels == k, 0].float().mean() for k in range(4)]
    assert max(reds) - min(reds) < 3


def test_learning_curves_name_the_folder(run, splits):
    figure = plots.learning_curves({"mine": run.history}, "test_accuracy")
    (axes,) = figure.axes
    assert splits.source in axes.get_title(loc="left")
    assert list(axes.lines[0].get_ydata()) == run.history.column("test_accuracy")


def test_a_learning_rate_is_found_and_drawn(splits):
    torch.manual_seed(0)
    model = create_model("resnet8", num_classes=4, stem_stride=2)
    before = copy.deepcopy(model.state_dict())
    test = find_learning_rate(model, splits, CONFIG, steps=40, progress=False)
    assert equal(before, model.state_dict()) and test.source == splits.source
    assert test.rates[0] < test.suggestion < test.lowest <= test.rates[-1]
    (axes,) = plots.learning_rates(test).axes
    assert splits.source in axes.get_title(loc="left") and list(axes.lines[0].get_xdata()) == [
        *test.rates
    ]


def test_a_run_goes_on_and_says_where_the_pictures_are_others(run, splits, tmp_path):
    def resumed(given: Splits, out: Path = run.out):
        model = create_model("resnet8", num_classes=4, stem_stride=2)
        return model, fit(model, given, CONFIG, out=out, resume=True, progress=False)

    model, history = resumed(splits)
    assert history.rows == run.history.rows and equal(model.state_dict(), run.model.state_dict())
    for name, other in {"mean": (0.5, 0.5, 0.5), "std": (1.0, 1.0, 1.0)}.items():
        with pytest.raises(CheckpointError, match=rf"images: {name} is \[.* in the checkpoint and"):
            resumed(replace(splits, **{name: other}))
    resumed(replace(splits, mean=tuple(value + 1e-12 for value in splits.mean)))
    saved = checkpoints.load(run.out / "last.pt")
    for name in ("mean", "std"):
        del saved["images"][name]  # as in older checkpoints
    checkpoints.save(saved, tmp_path / "last.pt")
    shutil.copy(run.out / "best.pt", tmp_path)
    assert resumed(splits, tmp_path)[1].rows == run.history.rows
    best = create_model("resnet8", num_classes=4, stem_stride=2)
    best.load_state_dict(checkpoints.load(run.out / "best.pt")["model"])
    assert evaluate(best, batches(splits, 40)) == run.history.best.test_accuracy


def test_the_command_trains_on_them_and_leaves_its_evidence(root, tmp_path, capsys):
    more = ["--size", "16", "--model", "resnet8", "--epochs", "2", "--shift", "1", "--flip"]
    main(["--dataset", "folder", "--data", str(root), "--out", str(tmp_path / "a b"), *more])
    out = tmp_path / "a b"
    assert root.name in capsys.readouterr().out
    evidence = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert evidence["images"] == f"{root.name}, 160 for training, 40 for testing"
    assert evidence["history"] == checkpoints.load(out / "last.pt")["history"]["rows"]
    assert "resnet8" in " ".join(texts((out / "history.svg").read_text(encoding="utf-8")))
    small = image_folder(root, size=16)
    model = create_model("resnet8", num_classes=4)
    model.load_state_dict(checkpoints.load(out / "best.pt")["model"])
    best = max(row["test_accuracy"] for row in evidence["history"])
    assert evaluate(model, batches(small, 40)) == best


def test_a_trained_trunk_is_frozen_for_other_classes(run, splits):
    """Part 1 of chapter 06: two of the classes, with a new head."""
    model = copy.deepcopy(run.model)
    model.fc = nn.Linear(64, 2)
    model.requires_grad_(False).eval()
    model.fc.requires_grad_(True)
    before = copy.deepcopy(model.state_dict())
    chosen = {}
    for part in ("train", "test"):
        images, labels = getattr(splits, f"{part}_images"), getattr(splits, f"{part}_labels")
        chosen |= {f"{part}_images": images[labels >= 2], f"{part}_labels": labels[labels >= 2] - 2}
    two = replace(splits, **chosen, classes=splits.classes[2:])
    history = fit(model, two, CONFIG, progress=False)
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"fc.weight", "fc.bias"} and history.last.test_accuracy >= 0.95
    wide = create_model("resnet8", num_classes=7, stem_stride=2)
    assert load_torchvision(wide, run.out / "best.pt") == ["fc.weight", "fc.bias"]
    weights = checkpoints.load(run.out / "best.pt")["model"]
    assert torch.equal(wide.conv1.weight, weights["conv1.weight"])


# Looking.


def test_figures_of_pictures_show_their_colours_and_names(splits):
    places = one_of_each(splits)
    images, labels = splits.test_images[places], splits.test_labels[places]
    figure = plots.image_grid(images, labels, splits.classes, splits.source)
    assert [axes.get_title(loc="left") for axes in figure.axes] == NAMES
    assert found(figure.png()) == {*NAMES}
    words = {"title": "Mine", "alt": "Mine."}
    for name, image in zip(NAMES, images, strict=True):
        assert found(panels([pixels(image)], [name], **words).png()) == {name}


def test_predictions_and_their_table_use_the_folders_names(run, splits):
    seen = Predictions(*predict(run.model, batches(splits, 7)), splits.classes)
    assert seen.accuracy() == run.history.last.test_accuracy
    assert seen.confusion().sum(dim=1).tolist() == [10] * 4
    figure = confusion(seen.confusion(), splits.classes, source=splits.source)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == NAMES
    assert splits.source in axes.get_title(loc="left")


def test_grad_cam_has_a_place_for_every_pixel(run, batch):
    x, y = batch
    for target in (None, y):
        heat = grad_cam(run.model, x, target)
        assert heat.shape == (40, SIDE, SIDE) and heat.min() >= 0
        assert ((heat.amax(dim=(1, 2)) - 1).abs() < 1e-5).sum() > 30
    assert not torch.equal(heat[0], grad_cam(run.model, x[:1].flip(1), y[:1])[0])  # blue for red


def test_the_prediction_browser_shows_every_class_in_its_colour(run, splits):
    browser = PredictionBrowser(run.model, splits)
    assert browser.predictions.accuracy() == run.history.last.test_accuracy
    for label, name in enumerate(NAMES):
        browser.chosen = (label, label)
        assert found(browser.picture.value) == {name}
        assert f"the right class is {name}" in browser.describe()
    page = browser.to_html()
    assert all(name in page for name in ("회색 돌, answered right", splits.source))
    assert page.count("<img") == 2
    words = browser.frames().frames[-1].words
    assert "Table of 4 × 4 counts" in words and splits.source in words
    with pytest.raises(ValueError, match="there is no '내 사진, mine' in the course"):
        PredictionBrowser(splits=splits)  # nobody has trained a network for them


def test_the_explorer_takes_the_pictures_with_their_names(run, splits):
    explorer = ShapeExplorer(run.model, splits)
    data = explorer.network
    page = json.loads(json.dumps(explorer.page_data()))["network"]
    assert page["picture"] == data["picture"] and page["classes"] == NAMES
    assert data["classes"] == NAMES and data["picture"]["shape"] == [3, SIDE, SIDE]
    shown = np.frombuffer(base64.b64decode(data["picture"]["pixels"]), np.uint8)
    assert np.array_equal(shown.reshape(SIDE, SIDE, 3), splits.test_images[0].permute(1, 2, 0))
    choices = data["pictures"]["choices"]
    assert {choice["name"] for choice in choices} == {*NAMES} and len(choices) == 20
    assert splits.source in data["pictures"]["of"]
    assert data["answers"][0][0] == NAMES[splits.test_labels[0]]
    assert "3×32×32 goes in" in explorer.describe() and "<img" in explorer.to_html()


def test_collages_of_them_are_in_colour(splits):
    made = collages(splits, 8, part="test", size=(96, 80), garments=(1, 2))
    assert made.images.shape == (8, 3, 96, 80) and made.masks.shape == (8, 96, 80)
    for image, boxes, labels, mask in zip(
        made.images, made.boxes, made.labels, made.masks, strict=True
    ):
        x1, y1, x2, y2 = boxes[-1].int().tolist()  # the last hides the others
        assert (x2 - x1, y2 - y1) == (SIDE, SIDE)
        above = image[:, y1 + 2 : y1 + 13, x1:x2].float().mean(dim=(1, 2))
        assert (above - torch.tensor(CLASSES[NAMES[labels[-1]]])).abs().max() < 6
        assert (mask[y1:y2, x1:x2] == labels[-1] + 1).all()
        assert mask.unique().numel() > 1
    names = [[NAMES[label] for label in labels] for labels in made.labels]
    figure = boxes_with_names(made.images, made.boxes, names, title="Mine")
    assert found(figure.png()) == {name for each in names for name in each}
    masks = made.masks[:1].long()
    figure = masks_side_by_side(made.images[:1], masks, masks, NAMES, title="Mine")
    assert {*names[0]} == found(figure.png())
    with pytest.raises(ValueError, match="size must be .* 32x32 or more"):
        collages(splits, 1, size=(30, 96))


def test_letters_that_the_first_font_lacks_come_from_one_that_is_installed(monkeypatch):
    installed = ["DejaVu Sans", "Malgun Gothic", "Comic Sans MS"]
    monkeypatch.setattr(font_manager, "get_font_names", lambda: installed)
    look = runpy.run_path(style.__file__)["STYLE"]
    assert look["font.family"] == ["sans-serif", "Malgun Gothic"]


def test_a_class_may_be_called_like_a_formula(splits):
    names = ("$x$", "5$ and $", r"\frac", "a_b^c")
    places = one_of_each(splits)
    images, labels = splits.test_images[places], splits.test_labels[places]
    figures = [
        plots.image_grid(images, labels, names, "$_$"),
        confusion(torch.eye(4, dtype=torch.int64), names, source="$_$"),
    ]
    for figure in figures:
        assert figure.png() and figure.findobj(lambda each: "5$ and $" in str(each))


# Measuring.


def test_gradients_and_activations_are_those_of_the_pictures(run, batch):
    x, y = batch
    model = copy.deepcopy(run.model)
    F.cross_entropy(model(x), y).backward()
    norms = gradient_norms(run.model, x, y)
    assert norms["conv1"] == pytest.approx(model.conv1.weight.grad.norm().item(), rel=1e-4)
    maps = layer_outputs(run.model, x, ["conv1"])["conv1"]
    assert activation_stats(run.model, x)["conv1"].mean == pytest.approx(maps.mean().item())
    assert "layer1.0.conv1" in norms and 0 not in norms.values()


def test_a_field_does_not_depend_on_the_colours(run):
    grey = create_model("resnet8", in_channels=1, stem_stride=2)
    measured = measured_receptive_field(run.model, (1, 3, 96, 96), "layer1")
    assert measured == measured_receptive_field(grey, (1, 1, 96, 96), "layer1") == (11, 11)
    rows = trace(run.model, (1, 3, SIDE, SIDE))
    assert rows["conv1"].params == 3 * 16 * 9 and rows[len(rows) - 1].out_shape == (4,)


def test_the_gradient_lab_takes_them(splits):
    lab = GradientFlowLab(splits, depth=4, batch_size=32)
    assert f"pictures of {splits.source}" in lab.describe()


# Grey photographs.


def test_grey_photographs_are_not_shown_as_negatives(tmp_path):
    for name, level in {"dark": 60, "light": 200}.items():
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("L", (20, 20), level + number).save(tmp_path / name / f"{number}.png")
    splits = image_folder(tmp_path, size=8)
    assert splits.train_images.shape == (6, 1, 8, 8)
    images, labels = splits.test_images, splits.test_labels
    figure = plots.image_grid(images, labels, splits.classes, splits.source)
    model = create_model("resnet8", in_channels=1, num_classes=2)
    browser = PredictionBrowser(model, splits)
    shown = [axes.images[0] for axes in figure.axes]
    for label, picture in zip(labels.tolist(), shown, strict=True):
        drawn = picture.to_rgba(picture.get_array(), bytes=True)[..., :3]
        assert (abs(drawn.astype(int) - (60, 200)[label]) < 4).all()
    html = browser.picture.value
    drawn = base64.b64decode(re.search(r"base64,([\w+/=]+)", html)[1])
    level = (60, 200)[splits.test_labels[browser.index]]
    grey = np.asarray(Image.open(io.BytesIO(drawn)).convert("L")).astype(int)
    assert (abs(grey - level) < 5).sum() > 5000 > (abs(255 - grey - level) < 5).sum()
    assert ShapeExplorer(model, splits).network["picture"]["photographs"] is True
    garments = drawn_garments(10, 10)
    explorer = ShapeExplorer(create_model("resnet8", in_channels=1), garments)
    assert "photographs" not in explorer.network["picture"]
    figure = plots.image_grid(garments.test_images[:1], [0], garments.classes, garments.source)
    assert figure.axes[0].images[0].get_cmap().name == "gray_r"
