"""Pictures of your own: every kind is read, every class held out, every mistake told."""

from __future__ import annotations

import os
import shutil
import unicodedata
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import numpy as np
import pytest
import torch
from helpers import NOTEBOOKS
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from resnet_course import Splits, TensorBatches, drawn_garments, hold_out, image_folder
from resnet_course.data import memory, picture_files, to_float
from resnet_course.data.picture_files import read_picture
from resnet_course.data.splits import last_of_each_class

TEAL, GREY, WHITE, RED, BLUE = (0, 128, 160), (96,) * 3, (255,) * 3, (255, 0, 0), (0, 0, 255)
CLASSES = {"사과": 20, "green pear": 10, "kiwi": 5}


def solid(colour, size=(30, 20)) -> Image.Image:
    return Image.new("RGB", size, colour)


def beside(*colours) -> Image.Image:
    """20x20 of each colour, from left to right."""
    return Image.fromarray(np.repeat(np.array([colours], np.uint8), 20, axis=1).repeat(20, axis=0))


def save(picture: Image.Image, path: Path, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def colour_of(class_number: int, number: int) -> tuple[int, int, int]:
    """A colour for each picture, so that it is known again after it was read."""
    return 40 * class_number, 5 * number, 7


def make(root: Path, classes=CLASSES, ending="png", backwards=False) -> Path:
    """A folder of pictures of one colour each, in lossless files of different sizes."""
    todo = [(c, name, i) for c, (name, n) in enumerate(classes.items()) for i in range(n)]
    for c, name, i in reversed(todo) if backwards else todo:
        save(solid(colour_of(c, i), (9 + i, 30 - i)), root / name / f"{i:02}.{ending}")
    return root


def colours(images: torch.Tensor) -> list[tuple[int, ...]]:
    assert (images == images[:, :, :1, :1]).all()
    return [tuple(picture) for picture in images[:, :, 0, 0].tolist()]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("pictures") / "내 과일, fruit")


@pytest.fixture
def fruit(tmp_path) -> Path:
    return make(tmp_path / "fruit", {"apple": 3, "pear": 3})


# What is saved -> the colour that is read, for each kind of file.
CLEAR = Image.new("RGBA", (30, 20), (200, 0, 0, 0))
PALETTE = solid(TEAL).quantize(4)
SIXTEEN = Image.fromarray(np.full((20, 30), 96 * 256 + 77, np.uint16))
TWO = {"save_all": True, "append_images": [solid(RED)]}
KINDS = [
    ("a.jpg", solid(TEAL), {"quality": 95}, TEAL),
    ("grey.jpg", solid(GREY).convert("L"), {}, GREY),
    ("cmyk.jpg", solid(TEAL).convert("CMYK"), {"quality": 95}, TEAL),
    ("a.png", solid(TEAL), {}, TEAL),
    ("grey.png", solid(GREY).convert("L"), {}, GREY),
    ("one bit.png", solid(WHITE).convert("1"), {}, WHITE),
    ("palette.png", PALETTE, {}, TEAL),
    ("palette, clear.png", PALETTE, {"transparency": 0}, WHITE),
    ("key, clear.png", solid(TEAL), {"transparency": TEAL}, WHITE),
    ("clear.png", CLEAR, {}, WHITE),
    ("grey, clear.png", CLEAR.convert("LA"), {}, WHITE),
    ("half.png", Image.new("RGBA", (30, 20), (255, 0, 0, 128)), {}, (255, 127, 127)),
    ("sixteen.png", SIXTEEN, {}, GREY),
    ("sixteen.tif", SIXTEEN, {}, GREY),
    ("a.gif", solid(TEAL), {}, TEAL),
    ("moving.gif", solid(TEAL), TWO, TEAL),
    ("a.webp", solid(TEAL), {"lossless": True}, TEAL),
    ("clear.webp", CLEAR, {"lossless": True}, WHITE),
    ("a.bmp", solid(TEAL), {}, TEAL),
    ("two views.jpg", solid(TEAL), {"format": "MPO", **TWO}, TEAL),
    ("A.JPEG", solid(TEAL), {"quality": 95}, TEAL),
    ("wrong ending.jpg", solid(TEAL), {"format": "png"}, TEAL),
]


@pytest.mark.parametrize(("name", "picture", "options", "colour"), KINDS, ids=lambda x: str(x)[:20])
def test_every_kind_of_file_keeps_its_colour(name, picture, options, colour, tmp_path):
    save(picture, tmp_path / name, **options)
    read = read_picture(tmp_path / name, 16)
    assert read.shape == (3, 16, 16) and read.dtype == np.uint8
    assert abs(read.astype(int) - np.reshape(colour, (3, 1, 1))).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_turned_photograph_stands_upright(name, orientation, tmp_path):
    # What a person sees: red above blue. The camera stored it turned or mirrored.
    upright = beside(RED, BLUE).transpose(Image.Transpose.ROTATE_270)
    store = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(store[orientation]) if orientation in store else upright
    save(stored, tmp_path / name, exif=turned(orientation), quality=95)
    read = read_picture(tmp_path / name, 20).astype(int)
    assert (read[0, :8] > 200).all() and (read[2, 12:] > 200).all()
    assert (read[2, :8] < 60).all() and (read[0, 12:] < 60).all()


@pytest.mark.parametrize("size", [(300, 200), (64, 96), (20, 10), (1200, 800)])
def test_resizing_is_that_of_torchvision(size, tmp_path):
    # Where its sizes come out whole: it rounds to whole pixels before it cuts.
    noise = np.random.RandomState(0).randint(0, 256, (6, 6, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    transform = v2.Compose([v2.Resize(32, v2.InterpolationMode.BICUBIC), v2.CenterCrop(32)])
    expected = np.asarray(transform(picture)).transpose(2, 0, 1).astype(int)
    save(picture, tmp_path / "a.png")
    save(picture, tmp_path / "a.jpg", quality=98, subsampling=0)  # a large one is decoded in part
    for name in ("a.png", "a.jpg"):
        assert abs(read_picture(tmp_path / name, 32) - expected).mean() < 1.5


def test_a_folder_for_each_class(root):
    splits = image_folder(root, size=8)
    assert splits.source == "내 과일, fruit"
    assert splits.classes == ("green pear", "kiwi", "사과")
    assert splits.train_images.shape == (28, 3, 8, 8) and splits.test_images.shape == (7, 3, 8, 8)
    assert splits.train_labels.dtype == torch.int64 and splits.train_images.dtype == torch.uint8
    assert splits.test_labels.bincount().tolist() == [2, 1, 4]  # a fifth of each class
    names = list(CLASSES)
    for part in ("train", "test"):
        images, labels = getattr(splits, f"{part}_images"), getattr(splits, f"{part}_labels")
        for (red, *_), label in zip(colours(images), labels.tolist(), strict=True):
            assert splits.classes[label] == names[red // 40]
    assert splits.train_labels[:8].unique().numel() > 1, "tools that show the first see all classes"


def everything(splits: Splits) -> list:
    tensors = (splits.train_images, splits.train_labels, splits.test_images, splits.test_labels)
    return [*(tensor.tolist() for tensor in tensors), splits.classes, splits.mean, splits.std]


def test_every_picture_is_in_one_part_and_the_seed_says_in_which(root):
    seen = []
    for seed in (0, 0, 1, 2**32 - 1):
        splits = image_folder(root, size=2, seed=seed)
        train, test = colours(splits.train_images), colours(splits.test_images)
        whole = [colour_of(c, i) for c, n in enumerate(CLASSES.values()) for i in range(n)]
        assert sorted(train + test) == sorted(whole)
        seen.append(everything(splits))
    assert seen[0] == seen[1] and seen[0] != seen[2] != seen[3] != seen[0]


def test_the_order_of_the_file_system_changes_nothing(root, tmp_path, monkeypatch):
    expected = everything(image_folder(root, size=2))
    other = make(tmp_path / "later", backwards=True)
    assert everything(image_folder(other, size=2)) == expected
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: sorted(listed(path), reverse=True))
    assert everything(image_folder(other, size=2)) == expected


@pytest.mark.parametrize(
    ("share", "test"), [(0.4, [4, 2, 8]), (1e-9, [1, 1, 1]), (0.999, [9, 4, 19])]
)
def test_every_class_gives_its_share_and_keeps_a_picture(root, share, test):
    splits = image_folder(root, size=2, test_share=share)
    assert splits.test_labels.bincount().tolist() == test


def test_mean_and_std_are_those_of_the_training_pictures(root):
    splits = image_folder(root, size=4)
    pixels = splits.train_images.numpy() / 255
    assert splits.mean == pytest.approx(pixels.mean((0, 2, 3)))
    assert splits.std[:2] == pytest.approx(pixels.std((0, 2, 3))[:2])
    assert splits.std[2] == 1  # blue is 7 everywhere: nothing to divide by
    scale = {"mean": splits.mean, "std": splits.std}
    (x, y), *_ = TensorBatches(splits.train_images, splits.train_labels, 28, **scale)
    assert torch.equal(y, splits.train_labels) and x.dtype == torch.float32
    assert x.mean((0, 2, 3)) == pytest.approx(torch.zeros(3), abs=1e-6)
    assert x.std((0, 2, 3), correction=0)[:2] == pytest.approx(torch.ones(2))


def test_pictures_without_any_colour_have_one_channel(fruit):
    for number, path in enumerate(sorted(fruit.rglob("*.png"))):
        mode = ("L", "RGB", "RGBA", "P")[number % 4]
        solid((10 + 30 * number,) * 3).convert(mode).save(path)
    splits = image_folder(fruit, size=5)
    assert splits.train_images.shape == (4, 1, 5, 5) and splits.test_images.shape == (2, 1, 5, 5)
    pixels = splits.train_images.numpy() / 255
    assert (splits.mean, splits.std) == pytest.approx((pixels.mean(), pixels.std()))
    save(solid(TEAL), fruit / "pear" / "colour.png")
    splits = image_folder(fruit, size=5)
    assert splits.train_images.shape[1] == splits.test_images.shape[1] == 3


def test_ready_parts_stay_as_they_are(tmp_path):
    make(tmp_path / "train", {"apple": 6, "pear": 4})
    make(tmp_path / "test", {"apple": 1, "pear": 3}, ending="bmp")
    splits = image_folder(tmp_path, size=3, test_share=0.9)
    assert splits.train_labels.bincount().tolist() == [6, 4]
    assert splits.test_labels.bincount().tolist() == [1, 3]
    assert sorted(colours(splits.test_images)) == [(0, 0, 7), *((40, 5 * i, 7) for i in range(3))]
    assert splits.source == tmp_path.name and len(splits.mean) == 3


def test_hidden_files_are_left_out(fruit):
    expected = everything(image_folder(fruit, size=2))
    names = [".DS_Store", "Thumbs.db", "apple/._00.png", "pear/desktop.ini", ".git/config"]
    if os.name == "posix":  # Windows has no such names
        names.append("pear/Icon\r")
    for name in names:
        (fruit / name).parent.mkdir(exist_ok=True)
        (fruit / name).write_text("not a picture", encoding="utf-8")
    (fruit / "__MACOSX").mkdir()
    (fruit / "pear" / ".ipynb_checkpoints").mkdir()
    assert everything(image_folder(fruit, size=2)) == expected


def test_names_that_a_mac_takes_apart_are_put_together(tmp_path):
    apart = unicodedata.normalize("NFD", "과일")
    make(tmp_path / apart, {unicodedata.normalize("NFD", name): 2 for name in ("감", "귤")})
    splits = image_folder(tmp_path / apart, size=2)
    assert (splits.source, splits.classes) == ("과일", ("감", "귤"))


@pytest.mark.parametrize("name", ["fruit", "mnist", "fashion-mnist"])
def test_hold_out_takes_from_every_class_of_a_folder(name, tmp_path):
    splits = image_folder(make(tmp_path / name, {"a": 30, "b": 20, "c": 10}), 2, test_share=0.5)
    assert splits.train_labels.bincount().tolist() == [15, 10, 5]
    kept = hold_out(splits, 6)
    assert kept.test_labels.bincount().tolist() == [3, 2, 1]
    both = colours(kept.train_images) + colours(kept.test_images)
    assert sorted(both) == sorted(colours(splits.train_images))
    assert (kept.mean, kept.std, kept.source) == (splits.mean, splits.std, name)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.data())
def test_the_last_of_each_class_in_proportion(labels, data):
    labels = torch.tensor(labels)
    count = data.draw(st.integers(1, len(labels) - 1))
    chosen = last_of_each_class(labels, count)
    assert chosen.sum() == count
    sizes, given = labels.bincount(), labels[chosen].bincount(minlength=labels.max() + 1)
    there = sizes > 0
    if count <= len(labels) - there.sum():
        assert (given < sizes)[there].all()
        if count >= there.sum():
            assert (given > 0)[sizes > 1].all()
    exact = sizes * count / len(labels)
    if (exact >= 1)[there].all() and (sizes - exact >= 1)[there].all():
        assert (given - exact).abs().max() < 1.5
    for label in labels.unique():
        own = chosen[labels == label]
        assert own.equal(own.sort().values), "the last ones"


def test_what_splits_know_of_their_scale():
    garments = drawn_garments(20, 10)
    assert (garments.mean, garments.std) == (0.1370, 0.2595)
    parts = vars(garments) | {"mean": None, "std": None, "source": "mine"}
    pixels = garments.train_images.numpy() / 255
    measured = Splits(**parts)
    assert (measured.mean, measured.std) == pytest.approx((pixels.mean(), pixels.std()))
    for numbers in ([0.5, 0.25], np.array([0.5, 0.25]), torch.tensor([0.5, 0.25])):
        assert Splits(**parts | {"mean": numbers, "std": 2}).mean == (0.5, 0.25)
    with pytest.raises(TypeError, match="images must be a tensor"):
        Splits(**parts | {"train_images": [1]})


@pytest.mark.parametrize("kind", [tuple, list, np.array, torch.tensor])
def test_to_float_takes_a_number_for_each_channel(kind):
    pixels = torch.arange(2 * 3 * 25, dtype=torch.uint8).view(2, 3, 5, 5)
    mean, std = [0.1, 0.5, 0.9], [0.2, 1.0, 3.0]
    oracle = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])
    torch.testing.assert_close(to_float(pixels, kind(mean), kind(std)), oracle(pixels))
    torch.testing.assert_close(to_float(pixels[0], kind(mean), kind(std)), oracle(pixels[0]))
    scale, labels = {"mean": kind(mean), "std": kind(std)}, torch.arange(2)
    ((x, _),) = TensorBatches(pixels, labels, 2, **scale)
    torch.testing.assert_close(x, oracle(pixels))
    grey = {"transform": lambda batch: batch.expand(-1, 3, -1, -1), **scale}
    ((x, _),) = TensorBatches(pixels[:, :1], labels, 2, **grey)
    torch.testing.assert_close(x, oracle(pixels[:, :1].expand(-1, 3, -1, -1)))
    for wrong in (pixels[:, :2], pixels[:, :1], pixels[0, 0]):
        with pytest.raises(ValueError, match=r"mean must be a number, or .* got shape \(3,\) for"):
            to_float(wrong, kind(mean), 1)
    with pytest.raises(ValueError, match=r"\(3,\) for images of shape \(1, 2, 5, 5\)"):
        TensorBatches(pixels[:, :2], labels, 2, **scale)
    with pytest.raises(ValueError, match="std must be more than 0"):
        TensorBatches(pixels, labels, 2, mean=0, std=kind([1.0, 0.0, 1.0]))


def remove(folder: Path, but: int = 0) -> None:
    for path in sorted(folder.iterdir())[but:]:
        path.unlink()


def cut_short(path: Path) -> None:
    save(Image.effect_noise((99, 99), 99), path)
    path.write_bytes(path.read_bytes()[:-3000])


def in_two_parts(root: Path, train, test) -> None:
    for name in ("apple", "pear"):
        remove(root / name)
        (root / name).rmdir()
    make(root / "train", dict.fromkeys(train, 2))
    make(root / "test", dict.fromkeys(test, 2))


# What is done to the folder -> the words of the message; {0} is the folder.
WRONG = {
    "cut short": (
        lambda root: cut_short(root / "pear/x.jpg"),
        ["1 of 7 files", "{0}/pear/x.jpg (image file is truncated", "anew, as JPEG or PNG"],
    ),
    "damaged": (
        lambda root: (root / "pear/x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)),
        ["{0}/pear/x.png (no JPEG, PNG, GIF, WEBP, BMP or TIFF picture)"],
    ),
    "empty file": (lambda root: (root / "pear/x.png").touch(), ["{0}/pear/x.png (no JPEG"]),
    "no picture": (
        lambda root: (root / "pear/notes.txt").write_text("sweet", encoding="utf-8"),
        ["{0}/pear/notes.txt (no JPEG", "take them out of the folder"],
    ),
    "dead link": (
        lambda root: (root / "pear/x.png").symlink_to("nowhere"),
        ["{0}/pear/x.png (No such file"],
    ),
    "many": (
        lambda root: [(root / f"pear/{i}.txt").touch() for i in range(8)],
        ["8 of 14 files", "{0}/pear/", "picture) and 3 more. Save"],
    ),
    "floats": (
        lambda root: Image.new("F", (9, 9)).save(root / "pear/x.tif"),
        ["{0}/pear/x.tif (32-bit numbers do not say what is white"],
    ),
    "large numbers": (
        lambda root: Image.new("I", (9, 9), 70_000).save(root / "pear/x.tif"),
        ["{0}/pear/x.tif (32-bit"],
    ),
    "empty class": (
        lambda root: remove(root / "pear"),
        ["There is no picture in {0}/pear: put in more, 2 at least"],
    ),
    "one picture": (
        lambda root: remove(root / "pear", but=1),
        ["There is one picture in {0}/pear", "or take the folder away"],
    ),
    "beside the classes": (
        lambda root: save(solid(TEAL), root / "x.png"),
        ["{0}/x.png is in no class folder: make a folder for each class in {0}"],
    ),
    "one class": (
        lambda root: (remove(root / "pear"), (root / "pear").rmdir()),
        ["a folder for each class in {0}, two at least: there is only apple. If the classes"],
    ),
    "one level too many": (
        lambda root: make(root / "pear" / "green", {"a": 1}),
        ["{0}/pear/green is a folder in a class folder", "give that folder"],
    ),
    "train without test": (
        lambda root: make(root / "train", {"a": 1}),
        ["{0}/train/a is a folder in a class folder", "must be named train and test"],
    ),
    "other classes in test": (
        lambda root: in_two_parts(root, ["a", "b", "only"], ["a", "b", "other"]),
        ["train and test in {0} must hold the same", "only (only in train), other (only in test)"],
    ),
    "beside train and test": (
        lambda root: [in_two_parts(root, "ab", "ab"), make(root / "val", {"a": 1})],
        ["Beside train and test", "take {0}/val out of {0}"],
    ),
    "empty class in test": (
        lambda root: [in_two_parts(root, "ab", "ab"), remove(root / "test" / "a")],
        ["There is no picture in {0}/test/a: put in more, 1 at least"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_folder_is_said(name, fruit):
    spoil, words = WRONG[name]
    spoil(fruit)
    with pytest.raises(ValueError) as caught:
        image_folder(fruit)
    for word in words:
        assert word.format(fruit) in str(caught.value)


def test_channels_can_be_asked_for(fruit):
    grey, coloured = Image.new("L", (9, 9), 77), image_folder(fruit, size=8)
    assert image_folder(fruit, size=8, channels=3).train_images.equal(coloured.train_images)
    one = image_folder(fruit, size=8, channels=1)
    assert one.train_images.shape[1:] == (1, 8, 8) and isinstance(one.mean, float)
    red, green, blue = coloured.train_images.double().unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (one.train_images[:, 0] - luma).abs().max() <= 1
    for file in fruit.glob("*/*"):
        grey.save(file)
    assert image_folder(fruit, size=8).train_images.shape[1] == 1
    three = image_folder(fruit, size=8, channels=3)
    assert (three.train_images == 77).all() and three.train_images.shape[1] == 3
    assert len(three.mean) == len(three.std) == 3


def test_one_name_written_in_two_ways_is_told(fruit):
    for form in ("NFC", "NFD"):
        make(fruit, {unicodedata.normalize(form, "감"): 3})
    with pytest.raises(ValueError, match="Two folders in .*fruit are called 감, .* into one"):
        image_folder(fruit)


def test_folders_that_windows_puts_on_a_drive_are_no_classes(fruit):
    for name in ("System Volume Information", "$RECYCLE.BIN"):
        (fruit / name).mkdir()
    assert image_folder(fruit, size=4).classes == ("apple", "pear")


def test_a_folder_that_may_be_listed_and_not_entered_is_told(fruit, monkeypatch):
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != fruit and real(path, mode))
    with pytest.raises(ValueError, match="fruit cannot be read: ask whose folder it is"):
        image_folder(fruit)


def test_the_first_cell_of_chapter_07_passes_over_what_is_no_picture(fruit, capsys):
    notebook = nbformat.read(NOTEBOOKS[7], 4)
    (cell,) = (c for c in notebook.cells if "draw_fruit(" in c.source and c.cell_type == "code")
    for place in (fruit, fruit / "pear"):
        (place / ".DS_Store").touch()
    (fruit / "pear/desktop.ini").touch()
    (fruit / "pear/IMG_1.HEIC").touch()
    source = cell.source.replace('draw_fruit(Path(draft.name) / "fruit")', "given")
    names = {"given": fruit, "Path": Path, "Image": Image, "TemporaryDirectory": TemporaryDirectory}
    exec(source, names)
    assert "pear      3 files:" in capsys.readouterr().out


def test_a_folder_that_may_not_be_read_is_told(fruit, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ValueError, match="fruit cannot be read: Permission denied"):
        image_folder(fruit)


def test_train_with_a_capital_letter_is_another_name_on_every_computer(fruit, monkeypatch):
    """On Windows and macOS the folder train is there where one is named Train."""
    for part in ("Train", "Test"):
        shutil.copytree(fruit, fruit.parent / "parts" / part)
    real = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: real(path) or path.name in ("train", "test"))
    with pytest.raises(ValueError, match="must be named train and test"):
        image_folder(fruit.parent / "parts")


def test_what_is_wrong_with_the_arguments_is_said(fruit, tmp_path):
    file, empty = fruit / "pear/00.png", tmp_path / "empty"
    empty.mkdir()
    for arguments, words in [
        ((tmp_path / "frut",), f"There is no folder {tmp_path / 'frut'}, or"),
        (("frut",), f"There is no folder {Path.cwd() / 'frut'}, or"),
        ((file,), f"{file} is a file: give a folder"),
        ((empty,), f"a folder for each class in {empty}, two at least: there is nothing."),
        ((None,), "root must be the path of a folder, got None."),
        *(((fruit, size), "size must be a whole number from 1 up") for size in (0, 2.0, "a", True)),
        *(((fruit, 8, share), "test_share must be a number above 0") for share in (0, 1, "a", 20)),
        *(((fruit, 8, 0.2, seed), "seed must be a whole number") for seed in (-1, 0.5, 2**32)),
    ]:
        with pytest.raises(ValueError) as caught:
            image_folder(*arguments)
        assert words in str(caught.value)


def test_large_photographs_are_read_and_enormous_ones_refused(fruit, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    save(solid(TEAL, (40, 30)), fruit / "pear/large.png")
    with warnings.catch_warnings(record=True) as seen:
        assert len(image_folder(fruit, size=4).train_labels) == 5
    assert not seen
    save(solid(TEAL, (50, 50)), fruit / "pear/enormous.png")
    with pytest.raises(ValueError, match=r"enormous.png \(more than 2,000 pixels: make it smaller"):
        image_folder(fruit, size=4)


def test_too_large_for_the_memory(fruit, monkeypatch):
    monkeypatch.setattr(picture_files, "memory_size", lambda: 6 * 3 * 100**2 * 2)
    assert image_folder(fruit, size=100).train_images.shape[-1] == 100
    with pytest.raises(ValueError, match="such as size=96, or fewer") as caught:
        image_folder(fruit, size=101)
    assert "6 pictures of 101x101 pixels need 0.0 GB of memory" in str(caught.value)
    assert image_folder(fruit, size=96).train_images.shape[-1] == 96
    monkeypatch.setattr(picture_files, "memory_size", lambda: float("inf"))  # nothing says how much
    for size in (10**6, 10**12):
        with pytest.raises(ValueError, match="GB of memory: take a smaller size, or fewer"):
            image_folder(fruit, size=size)


def test_the_size_of_the_memory_is_known(tmp_path, monkeypatch):
    assert 2**28 < memory.memory_size() < 2**50
    group, folder = tmp_path / "cgroup", tmp_path / "system.slice" / "jupyter-kim.service"
    folder.mkdir(parents=True)
    monkeypatch.setattr(memory, "_GROUP", group)
    whole = memory.memory_size()
    for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        monkeypatch.setattr(memory, "_LIMITS", {controller: (str(tmp_path), name)})
        group.write_text(f"3:cpu,cpuacct:/\n4:{controller}:/system.slice/jupyter-kim.service\n")
        # Of the process itself, and of what holds it: the smallest counts.
        (folder / name).write_text(f"{2**28}\n")
        assert memory.memory_size() == 2**28
        (folder / name).write_text("max\n")
        assert memory.memory_size() == whole
        (tmp_path / name).write_text(f"{2**27}\n")
        assert memory.memory_size() == 2**27


def test_a_short_reading_shows_nothing(root, capfd):
    image_folder(str(root), size=2)
    assert capfd.readouterr() == ("", "")


def test_the_lines_of_the_readme_work_as_they_stand(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (lines,) = (part for part in readme.split("```") if "image_folder(" in part)
    assert lines.startswith("python\n") and len(lines.strip().splitlines()) <= 10
    make(tmp_path / "my_pictures", {"apple": 5, "pear": 5})
    monkeypatch.chdir(tmp_path)
    *steps, last = lines.removeprefix("python\n").strip().splitlines()
    names: dict = {}
    exec("\n".join(steps), names)
    assert "my_pictures" in capsys.readouterr().out
    explorer = eval(last, names)
    assert explorer.network["classes"] == ["apple", "pear"]
    assert explorer.network["picture"]["shape"] == [3, 64, 64]
    assert len(explorer.network["pictures"]["choices"]) == 2
