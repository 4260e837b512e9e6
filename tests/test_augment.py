"""Augment against torchvision's transforms and against pictures worked out by hand."""

from __future__ import annotations

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
    changed = {tuple(image.flatten().tolist()) for image in Augment()(pictures(2000))}
    assert changed == possible  # nothing else, and with 2000 pictures each of the 50 turns up


def test_pictures_of_one_batch_move_apart_and_the_input_stays():
    torch.manual_seed(0)
    images = pictures(64)
    changed = Augment(shift=2, flip=False)(images)
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 15
    assert torch.equal(images, pictures(64))
    assert changed.dtype == torch.uint8 and changed.shape == images.shape


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


def test_the_seed_decides():
    def changed(seed):
        torch.manual_seed(seed)
        return Augment(cutout=2)(pictures(32))

    assert torch.equal(changed(0), changed(0)) and not torch.equal(changed(0), changed(1))
