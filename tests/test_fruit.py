"""The drawn fruit: files of many sizes, reproducible, not to be told apart by colour."""

from __future__ import annotations

import colorsys

import pytest
import torch
from PIL import Image

from resnet_course import image_folder
from resnet_course.data.fruit import FRUIT, draw_fruit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_fruit(tmp_path_factory.mktemp("drawn") / "fruit", per_class=60)


def test_a_folder_for_each_class_with_files_of_many_sizes_and_kinds(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FRUIT)
    for name in FRUIT:
        files = sorted((folder / name).iterdir())
        assert len(files) == 60 and {file.suffix for file in files} == {".jpg", ".png"}
        assert len({Image.open(file).size for file in files}) > 50


def test_the_same_seed_draws_the_same_files(folder, tmp_path):
    again = draw_fruit(tmp_path / "again", per_class=60)
    for file in folder.rglob("*.*"):
        assert (again / file.relative_to(folder)).read_bytes() == file.read_bytes()
    other = draw_fruit(tmp_path / "other", per_class=1, seed=1)
    assert next((other / "pear").iterdir()).read_bytes() not in {
        file.read_bytes() for file in (folder / "pear").iterdir()
    }


def test_mean_colours_do_not_tell_what_it_is(folder):
    splits = image_folder(folder, size=32, test_share=0.3)
    train, test = (
        images.float().mean((2, 3)) for images in (splits.train_images, splits.test_images)
    )
    nearest = torch.cdist(test, train).argmin(dim=1)
    assert (splits.train_labels[nearest] == splits.test_labels).float().mean() < 0.4


def test_every_fruit_has_every_colour(folder):
    splits = image_folder(folder, size=32)
    for label in range(len(FRUIT)):
        middle = splits.train_images[splits.train_labels == label][:, :, 14:18, 14:18]
        colours = middle.float().mean((2, 3)) / 255
        hues = {int(6 * colorsys.rgb_to_hsv(*colour)[0]) for colour in colours.tolist()}
        assert len(hues) >= 4, splits.classes[label]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"per_class": 0}, "per_class"), ({"per_class": 2.5}, "per_class"), ({"seed": -1}, "seed")],
)
def test_wrong_numbers_are_named(tmp_path, wrong, name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        draw_fruit(tmp_path, **wrong)
    assert not any(tmp_path.iterdir())
