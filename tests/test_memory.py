"""Thirty learners share a server: pictures are in memory once, and what was freed goes back."""

import gzip
import hashlib
import sys
import tracemalloc
from collections.abc import Callable

import numpy as np
import psutil
import pytest
import torch

from resnet_course import TensorBatches
from resnet_course.data import cache, give_back, sources


def most_bytes(function: Callable[..., object], *arguments: object) -> int:
    """Return the largest number of bytes that Python and NumPy hold at one time for a call."""
    tracemalloc.start()
    function(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_the_largest_file_is_in_memory_once():
    content = bytes(cache.LARGEST)
    packed, md5 = gzip.compress(content, compresslevel=1), hashlib.md5(content).hexdigest()
    assert most_bytes(cache._unpacked, packed, md5) < 1.1 * len(content)


def test_only_the_pictures_that_are_chosen_are_copied(monkeypatch):
    labels = np.arange(20_000, dtype=np.uint8) % 10
    contents = [bytes(16 + len(labels) * 28 * 28), bytes(8) + labels.tobytes()] * 2
    monkeypatch.setattr(sources, "read_files", lambda files, root: contents)
    assert len(sources.fashion_mnist(limit=100).train_labels) == 100
    assert most_bytes(sources.fashion_mnist, None, 100) < 0.1 * len(contents[0])


def test_batches_hold_the_very_pictures_that_they_were_given():
    images, labels = torch.zeros(20, 1, 28, 28, dtype=torch.uint8), torch.arange(20)
    batches = TensorBatches(images, labels, 5, mean=0.0, std=1.0)
    next(iter(batches))
    assert batches.images.data_ptr() == images.data_ptr()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back themselves")
def test_freed_memory_goes_back():
    process = psutil.Process()
    pieces = [b"x" * (100_000 + i) for i in range(2000)]
    last = pieces.pop()  # lies above all others, so that the C library does not give them back
    del pieces
    before = process.memory_info().rss
    give_back()
    assert before - process.memory_info().rss > 100e6, len(last)
