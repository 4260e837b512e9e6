"""Two hundred pictures of one's own, of mixed sizes, go through every tool of the course."""

from __future__ import annotations

import base64
import io
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import batches, texts
from matplotlib import font_manager
from PIL import Image

from resnet_course import (
    Splits,
    TrainConfig,
    create_model,
    drawn_garments,
    evaluate,
    fit,
    image_folder,
)
from resnet_course.data import collages
from resnet_course.measure import grad_cam
from resnet_course.pictures import plots, style
from resnet_course.pictures.grids import confusion, panels
from resnet_course.pictures.overlays import boxes_with_names, masks_side_by_side
from resnet_course.pictures.style import pixels
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
            picture = picture_of(colour, 24 + 3 * number, 80 - number)
            picture.save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def splits(root) -> Splits:
    return image_folder(root, size=SIDE)


@pytest.fixture(scope="module")
def run(splits) -> SimpleNamespace:
    """A network trained on them, and all that watched."""
    torch.manual_seed(0)
    model = create_model("resnet8", num_classes=4, stem_stride=2)
    monitor = TrainingMonitor()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_monitor, "get_ipython", lambda: None)
        history = fit(model, splits, CONFIG, monitor=monitor, label="내 것")
    return SimpleNamespace(model=model, history=history, monitor=monitor)


def one_of_each(splits: Splits) -> list[int]:
    """The first test picture of each class."""
    return [int((splits.test_labels == label).nonzero()[0]) for label in range(len(CLASSES))]


def found(png: bytes | str) -> set[str]:
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


def test_a_network_learns_them_and_the_monitor_follows(run, splits):
    assert len(run.history) == CONFIG.epochs and run.history.source == splits.source
    assert run.history.last.test_accuracy == evaluate(run.model, batches(splits, 7)) >= 0.95
    (seen,) = run.monitor.runs
    assert seen.rows == run.history.rows and seen.label == "내 것"
    assert "finished" in run.monitor.words.value and not run.monitor.stopped
    assert "내 것" in " ".join(texts(run.monitor.still())) and "내 것" in run.monitor.to_html()
    assert str(run.history).startswith("epoch") and splits.source in str(run.history)


def test_figures_of_pictures_show_their_colours_and_names(splits):
    places = one_of_each(splits)
    images, labels = splits.test_images[places], splits.test_labels[places]
    figure = plots.image_grid(images, labels, splits.classes, splits.source)
    assert [axes.get_title(loc="left") for axes in figure.axes] == NAMES
    assert found(figure.png()) == {*NAMES}
    words = {"title": "Mine", "alt": "Mine."}
    for name, image in zip(NAMES, images, strict=True):
        assert found(panels([pixels(image)], [name], **words).png()) == {name}


def test_grad_cam_has_a_place_for_every_pixel(run, splits):
    x, y = next(iter(batches(splits, 40)))
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
    figure = boxes_with_names(made.images, made.boxes, names, title="Mine", source="mine")
    assert found(figure.png()) == {name for each in names for name in each}
    masks = made.masks[:1].long()
    figure = masks_side_by_side(made.images[:1], masks, masks, NAMES, title="Mine", source="mine")
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


def test_the_gradient_lab_takes_them(splits):
    lab = GradientFlowLab(splits, depth=4, batch_size=32)
    assert f"pictures of {splits.source}" in lab.describe()


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
