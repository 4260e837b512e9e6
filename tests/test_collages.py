"""Collages: boxes, masks and labels that agree with the pictures they come from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.ops import box_iou

from resnet_course.data import Splits, collages, drawn_garments


@pytest.fixture(scope="module")
def splits():
    return drawn_garments(300, 100)


@pytest.fixture(scope="module")
def made(splits):
    return collages(splits, 60)


def of_one_picture(picture, label=3) -> Splits:
    """Splits that hold a single picture, for training and for testing."""
    images, labels = picture[None, None], torch.tensor([label])
    names = tuple("0123456789")
    return Splits(images, labels, images, labels, classes=names, source="drawn-garments")


def test_shapes_types_and_numbers_of_garments(splits, made):
    assert len(made) == len(made.boxes) == len(made.labels) == 60
    assert made.images.shape == (60, 1, 64, 64) and made.images.dtype == torch.uint8
    assert made.masks.shape == (60, 64, 64) and made.masks.dtype == torch.uint8
    for boxes, labels in zip(made.boxes, made.labels, strict=True):
        assert boxes.shape == (len(labels), 4) and boxes.dtype == torch.float32
        assert labels.dtype == torch.int64
    assert {len(labels) for labels in made.labels} == {2, 3, 4}
    single = collages(splits, 5, garments=(1, 1))
    assert {len(labels) for labels in single.labels} == {1}


def test_boxes_lie_inside_the_canvas(splits):
    made = collages(splits, 40, size=(48, 80), garments=(1, 3))
    boxes = torch.cat(made.boxes)
    assert made.images.shape[2:] == (48, 80)
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 80).all() and (boxes[:, 3] <= 48).all()
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert width.min() >= 1 and width.max() <= 28
    assert height.min() >= 1 and height.max() <= 28
    assert boxes[:, 2].max() > 60  # the wide side is used


def test_the_box_of_a_known_picture_is_tight_and_the_mask_is_its_ink():
    picture = torch.zeros(28, 28, dtype=torch.uint8)
    picture[4:14, 6:11] = 200  # 10 high, 5 wide
    picture[5, 7] = 19  # a hole: the canvas shows
    picture[6, 7] = 20  # a dark pixel of the garment
    made = collages(of_one_picture(picture), 20, garments=(1, 1))
    garment = picture[4:14, 6:11]
    ink = garment > 19
    for image, (box,), mask in zip(made.images, made.boxes, made.masks, strict=True):
        x1, y1, x2, y2 = box.int().tolist()
        inside = image[0, y1:y2, x1:x2]
        assert torch.equal(inside[ink], garment[ink]) and inside[1, 1] != 19
        assert (mask[y1:y2, x1:x2] == torch.where(ink, 4, 0)).all()
        assert (mask > 0).sum() == 49


def test_every_mask_holds_exactly_the_classes_of_its_labels(splits):
    made = collages(splits, 60, size=(96, 96), garments=(2, 2))
    for boxes, labels, mask in zip(made.boxes, made.labels, made.masks, strict=True):
        if box_iou(boxes, boxes).fill_diagonal_(0).max() > 0:
            continue  # one may hide the other
        assert set(mask.unique().tolist()) == {0, *(labels + 1).tolist()}
        for (x1, y1, x2, y2), label in zip(boxes.int().tolist(), labels, strict=True):
            assert set(mask[y1:y2, x1:x2].unique().tolist()) <= {0, int(label) + 1}
            mask[y1:y2, x1:x2] = 0
        assert mask.max() == 0  # nothing outside of the boxes


def test_little_overlap(splits):
    pairs = (box_iou(boxes, boxes).fill_diagonal_(0) for boxes in collages(splits, 200).boxes)
    largest = [pair.max().item() for pair in pairs]
    assert largest.count(0) > 100 and max(largest) < 0.4


def test_the_background_is_dark_and_differs_from_canvas_to_canvas(made):
    pairs = zip(made.images, made.masks, strict=True)
    levels = torch.stack([image[0][mask == 0].float().mean() for image, mask in pairs])
    assert levels.max() < 70 and levels.std() > 5


def test_the_same_seed_gives_the_same_collages_and_more_only_adds(splits, made):
    again = collages(splits, 20)
    for name in ("images", "masks", "boxes", "labels"):
        pairs = zip(getattr(again, name), getattr(made, name)[:20], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(collages(splits, 20, seed=1).images, again.images)


def test_parts_come_from_their_own_pictures():
    bright, dim = (torch.full((28, 28), value, dtype=torch.uint8) for value in (255, 120))
    splits = replace(of_one_picture(bright), test_images=dim[None, None])
    for part, most in (("train", 255), ("test", 120)):
        assert collages(splits, 3, part=part, size=(96, 96)).images.max() == most


def test_a_picture_without_ink_comes_whole():
    made = collages(of_one_picture(torch.zeros(28, 28, dtype=torch.uint8)), 2, garments=(1, 1))
    (box,) = made.boxes[0]
    assert (box[2:] - box[:2]).tolist() == [28, 28]
    assert made.masks.max() == 0


@pytest.mark.parametrize(
    ("says", "wrongs"),
    [
        ("count", [{"count": count} for count in (0, 2.0, True)]),
        ("part", [{"part": "validation"}]),
        ("size", [{"size": size} for size in ((27, 64), 64, (64.0, 64))]),
        ("garments", [{"garments": garments} for garments in ((0, 2), (3, 2), 3)]),
        ("no room", [{"garments": (2, 6)}, {"size": (28, 28), "garments": (1, 2)}]),
        ("seed", [{"seed": seed} for seed in (-1, 2**32, 0.5)]),
    ],
)
def test_wrong_arguments(splits, says, wrongs):
    for wrong in wrongs:
        with pytest.raises(ValueError, match=says):
            collages(splits, **{"count": 2, **wrong})
