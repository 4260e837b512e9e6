"""TensorBatches: every picture once per epoch, in an order that depends on seed and epoch alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from resnet_course.data import TensorBatches, to_float

MEAN, STD = 0.25, 0.5


def numbered(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures that carry their own number: pixel = number mod 256, label = number."""
    labels = torch.arange(count)
    return (labels % 256).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2), labels


def batches(count: int, size: int, **options) -> TensorBatches:
    return TensorBatches(*numbered(count), size, mean=MEAN, std=STD, **options)


def order(epoch) -> list[int]:
    return torch.cat([labels for _, labels in epoch]).tolist()


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 80), st.booleans(), st.integers(0, 2**40))
def test_every_picture_once_with_its_label(count, size, shuffle, seed):
    data = batches(count, size, shuffle=shuffle, seed=seed)
    epoch = list(data)
    assert len(epoch) == len(data) == -(-count // size)
    assert sorted(order(epoch)) == list(range(count))
    assert [len(y) for _, y in epoch[:-1]] == [size] * (len(epoch) - 1)
    for x, y in epoch:
        assert x.dtype == torch.float32 and x.shape == (len(y), 1, 2, 2)
        expected = (y % 256).float().view(-1, 1, 1, 1).expand_as(x)
        torch.testing.assert_close((x * STD + MEAN) * 255, expected, atol=1e-3, rtol=0)
    if not shuffle:
        assert order(epoch) == list(range(count))


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_drop_last(count, size):
    if count < size:
        with pytest.raises(ValueError, match="no batch"):
            batches(count, size, drop_last=True)
        return
    data = batches(count, size, drop_last=True)
    assert [len(y) for _, y in data] == [size] * (count // size) and len(data) == count // size


def test_orders_differ_between_epochs_and_seeds_and_come_again_for_a_seed():
    def orders():
        sets = [batches(500, 64, shuffle=True, seed=seed) for seed in range(5)]
        return [tuple(order(data)) for data in sets for _ in range(5)]

    runs = orders()
    torch.manual_seed(99)  # the global generator has no say
    assert runs == orders() and len(set(runs)) == 25


def test_two_passes_at_once_do_not_disturb_each_other():
    data = batches(100, 7, shuffle=True)
    pairs = list(zip(data, data, strict=True))
    assert order([a for a, _ in pairs]) != order([b for _, b in pairs])
    assert sorted(order([b for _, b in pairs])) == list(range(100))


def test_the_transform_gets_uint8_and_leaves_the_images_alone():
    images, labels = numbered(10)
    seen = []

    def invert(batch):
        seen.append((batch.dtype, batch.shape))
        return batch.bitwise_not_()

    data = TensorBatches(images, labels, 4, mean=0.0, std=1.0, transform=invert)
    for _ in range(2):
        x = torch.cat([x for x, _ in data])
        torch.testing.assert_close(x[:, 0, 0, 0] * 255, 255.0 - torch.arange(10))
    assert seen[0] == (torch.uint8, (4, 1, 2, 2)) and seen[2] == (torch.uint8, (2, 1, 2, 2))


def test_a_transform_that_returns_floats_is_refused():
    with pytest.raises(TypeError, match="uint8"):
        next(iter(batches(4, 2, transform=torch.Tensor.float)))


def test_to_float_equals_torchvision():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    before = pixels.clone()
    oracle = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.286], [0.353])])
    torch.testing.assert_close(to_float(pixels, 0.286, 0.353), oracle(pixels))
    assert torch.equal(pixels, before)
    with pytest.raises(TypeError, match="uint8"):
        to_float(pixels.float(), 0.286, 0.353)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_batches_on_a_gpu_have_the_same_order():
    gpu = batches(100, 7, shuffle=True, device="cuda")
    x, y = next(iter(gpu))
    assert x.device.type == y.device.type == "cuda"
    gpu.epoch = 0
    assert order((x.cpu(), y.cpu()) for x, y in gpu) == order(batches(100, 7, shuffle=True))
