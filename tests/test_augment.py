"""Augment against torchvision's transforms and against pictures worked out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import v2

from resnet_course import Augment


def pictures(count: int = 1) -> torch.Tensor:
    """Pictures whose pixels all differ, so that every move can be told from every other."""
    return torch.arange(1, 1 + 6 * 5).reshape(1, 1, 6, 5).repeat(count, 1, 1, 1).to(torch.uint8)


def test_every_result_is_one_of_torchvisions_crops_and_flips():
    torch.manual_seed(0)
    padded = F.pad(pictures()[0], (2, 2, 2, 2))
    crops = [v2.functional.crop(padded, top, left, 6, 5) for top in range(5) for left in range(5)]
    possible = {tuple(c.flatten().tolist()) for c in crops}
    possible |= {tuple(v2.functional.horizontal_flip(c).flatten().tolist()) for c in crops}
    images = pictures(2000)
    changed = Augment()(images)
    assert changed.dtype == torch.uint8 and changed.shape == images.shape
    # Nothing else, and with 2000 pictures each of the 50 turns up.
    assert {tuple(image.flatten().tolist()) for image in changed} == possible
    assert torch.equal(images, pictures(2000))


def test_about_half_of_the_pictures_are_mirrored():
    torch.manual_seed(0)
    changed = Augment(shift=0)(pictures(1000))
    mirrored = (changed == pictures(1000).flip(3)).all(dim=(1, 2, 3))
    kept = (changed == pictures(1000)).all(dim=(1, 2, 3))
    assert (mirrored | kept).all()
    assert 430 < int(mirrored.sum()) < 570


def test_nothing_asked_changes_nothing():
    assert torch.equal(Augment(shift=0, flip=False)(pictures(8)), pictures(8))


def test_cutout_covers_one_square_with_its_centre_in_the_picture():
    torch.manual_seed(0)
    white = torch.full((500, 2, 12, 9), 255, dtype=torch.uint8)
    changed = Augment(shift=0, flip=False, cutout=4)(white)
    corners = set()
    for image in changed:
        assert torch.equal(image[0], image[1])  # the same place in every channel
        rows, columns = (image[0] == 0).nonzero().T
        top, left = int(rows.min()), int(columns.min())
        height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
        assert len(rows) == height * width  # a full rectangle
        assert height == 4 or top == 0 or top + height == 12  # smaller only at the border
        assert width == 4 or left == 0 or left + width == 9
        assert 2 <= height <= 4 and 2 <= width <= 4
        corners.add((top, left))
    assert len(corners) > 50


OFF = {"shift": 0, "flip": False}


def coloured(count: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(256, (1, 3, 12, 16), generator=generator, dtype=torch.uint8)
    return picture.repeat(count, 1, 1, 1)


def test_with_the_newer_options_off_the_random_numbers_are_those_of_before():
    torch.manual_seed(3)
    changed = Augment(shift=2, cutout=3)(coloured(8))
    after = torch.get_rng_state()
    torch.manual_seed(3)
    for largest, shape in ((5, (2, 8, 1)), (None, (8, 1)), (12, (8, 1)), (16, (8, 1))):
        torch.rand(shape) if largest is None else torch.randint(largest, shape)
    assert torch.equal(torch.get_rng_state(), after)
    assert changed.shape == (8, 3, 12, 16)


@pytest.mark.parametrize("whole", [True, False], ids=["uint8", "float"])
def test_every_picture_gets_a_brightness_of_its_own_as_torchvision_makes_it(whole):
    torch.manual_seed(0)
    images = coloured(500) if whole else coloured(500) / 255
    changed = Augment(**OFF, brightness=0.4)(images)
    torch.manual_seed(0)
    torch.randint(1, (2, 500, 1))  # of the shift
    factors = 1 + 0.4 * (2 * torch.rand(500) - 1)
    for image, result, factor in zip(images, changed, factors.tolist(), strict=True):
        expected = v2.functional.adjust_brightness(image, factor)
        assert result.dtype == image.dtype
        assert (result.float() - expected.float()).abs().max() <= (1 if whole else 1e-6)
    assert 0.6 <= factors.min() < 0.62 and 1.38 < factors.max() <= 1.4
    assert changed.float().mean(dim=(1, 2, 3)).unique().numel() > 450


def test_a_resized_crop_is_a_part_of_the_picture_as_torchvision_resizes_it():
    """A picture whose value is its row (or its column) tells which part was taken."""
    torch.manual_seed(0)
    height, width = 48, 64
    rows = torch.arange(height).float()[:, None].expand(height, width)
    columns = torch.arange(width).float().expand(height, width)
    noise = torch.rand(height, width) * 255
    images = torch.stack([rows, columns, noise]).repeat(300, 1, 1, 1)
    changed = Augment(**OFF, resized_crop=0.3)(images)
    assert changed.shape == images.shape and changed.dtype == torch.float32
    areas, shapes, corners = [], [], set()
    for picture in changed:
        top, bottom = picture[0, [0, -1], 0].round().int().tolist()
        left, right = picture[1, 0, [0, -1]].round().int().tolist()
        tall, wide = bottom - top + 1, right - left + 1
        expected = v2.functional.resized_crop(images[0], top, left, tall, wide, [height, width])
        assert (picture - expected).abs().max() < 0.01
        corners |= {(top > 0, bottom == height - 1), (left > 0, right == width - 1)}
        areas.append(tall * wide / (height * width))
        shapes.append((wide / width) / (tall / height))
    assert (True, True) in corners and (False, False) in corners  # up to the last pixel
    assert 0.28 < min(areas) < 0.35 and 0.95 < max(areas) <= 1
    assert 0.6 < sum(areas) / len(areas) < 0.7  # each area is as likely as another
    assert 0.72 < min(shapes) < 0.85 and 1.18 < max(shapes) < 1.4


def test_a_resized_crop_of_pixels_gives_pixels():
    torch.manual_seed(0)
    pixels = Augment(**OFF, resized_crop=0.2)(coloured(50))
    torch.manual_seed(0)
    floats = Augment(**OFF, resized_crop=0.2)(coloured(50).float())
    assert pixels.dtype == torch.uint8 and (pixels - floats).abs().max() <= 0.5
    one = torch.full((3, 1, 1, 1), 7, dtype=torch.uint8)
    assert torch.equal(Augment(**OFF, resized_crop=0.5)(one), one)


def test_a_transform_of_torchvision_is_called_once_for_each_picture():
    turn = v2.Compose([v2.RandomRotation(40), v2.ColorJitter(0.4, 0.4, 0.4)])
    torch.manual_seed(0)
    changed = Augment(**OFF, each=turn)(coloured(16))
    torch.manual_seed(0)
    assert torch.equal(changed, torch.stack([turn(image) for image in coloured(16)]))
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 16
    smaller = Augment(each=v2.RandomCrop(8), cutout=2)(coloured(4))
    assert smaller.shape == (4, 3, 8, 8)
    assert Augment(each=turn)(coloured(4)[:0]).shape == (0, 3, 12, 16)


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (v2.ToDtype(torch.float32, scale=True), "float32.*leave ToDtype and Normalize out"),
        (v2.ToPILImage(), "height, width., got Image"),
        (lambda x: x[:, : int(torch.randint(3, 9, ()))], "of one size"),
    ],
)
def test_a_transform_that_gives_no_such_pictures_is_told(each, words):
    with pytest.raises(ValueError, match=words):
        Augment(each=each)(coloured(20))
