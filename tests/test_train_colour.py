"""Training of pictures of one's own: colour, any number of classes, frozen trunks, v2."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from helpers import batches, equal
from torch import nn
from torchvision.transforms import v2

from resnet_course import Augment, TrainConfig, create_model, drawn_garments, evaluate, fit
from resnet_course.train import checkpoints, predict, train_step

CONFIG = TrainConfig(epochs=2, batch_size=32, bfloat16=False, device="cpu")


def coloured(count: int, classes: int = 3, side: int = 20):
    """Return garments in three colours of one's own, not square, with few classes."""
    drawn = drawn_garments(count, 30)
    tint = torch.tensor([1.0, 0.5, 0.25])[:, None, None]
    parts = {}
    for name in ("train", "test"):
        images, labels = getattr(drawn, f"{name}_images"), getattr(drawn, f"{name}_labels")
        parts[f"{name}_images"] = (images[..., :side] * tint).to(torch.uint8)
        parts[f"{name}_labels"] = labels % classes
    scale = {"mean": (0.14, 0.07, 0.03), "std": (0.26, 0.13, 0.06)}
    return replace(drawn, classes=tuple("abcdefghijklm"[:classes]), **parts, **scale)


@pytest.mark.parametrize("classes", [1, 3, 13])
def test_colour_and_any_number_of_classes_train_evaluate_and_resume(classes, tmp_path):
    splits = coloured(80, classes)
    torch.manual_seed(0)
    model = create_model("resnet8", num_classes=classes, stem_stride=2)
    start = copy.deepcopy(model)
    config = replace(CONFIG, augment=Augment(cutout=4, brightness=0.3, resized_crop=0.6))
    history = fit(model, splits, config, out=tmp_path, progress=False)
    assert history.last.test_accuracy == evaluate(model, batches(splits, 7))
    logits, labels = predict(model, batches(splits, 7), flip=True)
    assert logits.shape == (30, classes) and torch.equal(labels, splits.test_labels)
    assert checkpoints.load(tmp_path / "last.pt")["config"]["augment"] == {
        **{"shift": 2, "flip": True, "cutout": 4, "brightness": 0.3, "resized_crop": 0.6}
    }
    done = fit(start, splits, config, out=tmp_path, resume=True, progress=False)
    assert done.rows == history.rows and equal(start.state_dict(), model.state_dict())


def test_test_pictures_of_another_size_are_told_before_the_first_step():
    splits = coloured(40)
    other = replace(splits, test_images=splits.test_images[:, :1], mean=0.1, std=0.3)
    model = create_model("resnet8", num_classes=3)
    with pytest.raises(ValueError, match=r"the same .*\(3, 28, 20\) and \(1, 28, 20\)"):
        fit(model, other, CONFIG, progress=False)
    assert model.bn1.num_batches_tracked == 0


def test_a_transform_of_torchvision_is_taken_as_it_is_and_told_in_the_record(tmp_path):
    turn = v2.RandomRotation(20)
    config = replace(CONFIG, epochs=1, augment=turn)
    assert config.augment == Augment(0, False, each=turn)
    fit(create_model("resnet8", num_classes=3), coloured(32), config, out=tmp_path, progress=False)
    kept = checkpoints.load(tmp_path / "last.pt")["config"]["augment"]
    assert kept["each"].startswith("RandomRotation(degrees=[-20.0, 20.0]")
    assert "\n" not in TrainConfig(augment=v2.Compose([turn, turn])).as_data()["augment"]["each"]
    own = TrainConfig(augment=v2.Compose([turn, lambda image: image])).as_data()["augment"]["each"]
    assert "<lambda>" in own and "0x" not in own  # an address is another one in each process


# Frozen parts.


def frozen_trunk() -> nn.Module:
    torch.manual_seed(0)
    model = create_model("resnet8", num_classes=3, stem_stride=2)
    model.requires_grad_(False).eval()
    model.fc.requires_grad_(True)
    return model


def trunk(model: nn.Module) -> dict:
    return {k: v for k, v in copy.deepcopy(model.state_dict()).items() if not k.startswith("fc.")}


def test_a_frozen_trunk_stays_as_it_is_and_its_head_learns():
    splits, model = coloured(96), frozen_trunk()
    before, head = trunk(model), model.fc.weight.clone()
    first = evaluate(model, batches(splits, 50, "train"))
    for _ in range(2):  # a run ends with all parts in evaluation mode
        fit(model, splits, replace(CONFIG, epochs=4), progress=False)
        assert equal(trunk(model), before) and not torch.equal(model.fc.weight, head)
    assert evaluate(model, batches(splits, 50, "train")) > first


def test_only_what_is_frozen_and_asleep_stays_asleep():
    model = frozen_trunk()
    model.layer1.train()  # frozen, but awake: its batch norms go on measuring
    model.layer2.requires_grad_(True)  # asleep, as after every run, but it can learn
    model.extra = nn.Sequential(nn.Dropout(0.1), nn.BatchNorm2d(3, affine=False)).eval()
    before = copy.deepcopy(model.state_dict())
    x, y = next(iter(batches(coloured(32), 32, "train")))
    train_step(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))
    after = model.state_dict()
    moved = {k.split(".")[0] for k, v in after.items() if not torch.equal(v, before[k])}
    assert moved == {"layer1", "layer2", "fc"}
    modes = {name: part.training for name, part in model.named_children()}
    assert modes == {
        **dict.fromkeys(("conv1", "bn1", "layer3"), False),
        **dict.fromkeys(("relu", "maxpool", "layer1", "layer2", "avgpool", "fc", "extra"), True),
    }
    assert model.training and not any(part.training for part in model.layer3.modules())


def test_inside_a_frozen_part_every_part_keeps_its_own_mode():
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    inner.requires_grad_(False).eval()[2].train()  # dropout stays awake on purpose
    model = nn.Sequential(inner, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    x, y = next(iter(batches(coloured(32), 32, "train")))
    train_step(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))
    assert [part.training for part in inner] == [False, False, True] and not inner.training


def test_a_model_that_keeps_its_batch_norms_asleep_by_itself_is_let():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn, self.fc = nn.BatchNorm2d(3), nn.Linear(3, 3)

        def train(self, mode=True):
            super().train(mode)
            self.bn.eval()
            return self

        def forward(self, x):
            return self.fc(self.bn(x).mean(dim=(2, 3)))

    model = Keeps()
    fit(model, coloured(40), CONFIG, progress=False)
    assert model.bn.num_batches_tracked == 0 and model.bn.weight.grad is not None
