"""Fashion-MNIST, MNIST and drawn garments, each as four tensors in memory."""

import numpy as np
import torch
from torch import Tensor
from torchvision import datasets

from resnet_course.blocks import is_whole
from resnet_course.data import garments
from resnet_course.data.cache import DataUnavailableError, FileSet, Folder, read_files
from resnet_course.data.memory import give_back
from resnet_course.data.raster import SIDE
from resnet_course.data.splits import Splits, first_of_each_class

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000
DRAWN_TRAIN_SIZE, DRAWN_TEST_SIZE = 20_000, 4_000

Limit = int | tuple[int, int] | None

# The checksums in the order of `cache.NAMES`.
FASHION_MNIST = FileSet(
    "Fashion-MNIST",
    datasets.FashionMNIST,
    (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
)
_MNIST = FileSet(
    "MNIST",
    datasets.MNIST,
    (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
)


def fashion_mnist(root: Folder = None, limit: Limit = None) -> Splits:
    """Load Fashion-MNIST, downloading 30 MB if need be; without a network, draw garments instead.

    Args:
        root: folder that holds, or gets, `FashionMNIST/raw/`. None: look in the folder named by the
            environment variable RESNET_COURSE_DATA (a warning names it if it is missing), then in
            the user's cache folder, then download into the cache folder.
        limit: None for all 60,000 training and 10,000 test images; n for n of both, but at most
            10,000 to test; or a pair (training images, test images). The first images of each class
            are taken, all classes alike, in the order of the file.

    Returns:
        The images; `source` is "fashion-mnist". If they can be neither found nor downloaded, one
        line on stdout says so and drawn garments come instead, `source` "drawn-garments", 20,000
        and 4,000 if `limit` is None. After a failed download this process does not try again.

    Raises:
        ValueError: `limit` is not one of the above.
    """
    sizes = _sizes(limit)  # first: a bad limit must not cost a download
    try:
        return _load(FASHION_MNIST, root, sizes, garments.CLASSES)
    except DataUnavailableError as error:
        print(f"{error.problem} Using drawn garments instead (not Fashion-MNIST). {error.remedy}")
    return drawn_garments() if limit is None else drawn_garments(*sizes)


def mnist(root: Folder = None, limit: Limit = None) -> Splits:
    """Load MNIST, handwritten digits; `root` (with `MNIST/raw/`) and `limit` as in `fashion_mnist`.

    Raises:
        DataUnavailableError: the files can be neither found nor downloaded; nothing stands in for
            them.
        ValueError: as in `fashion_mnist`.
    """
    return _load(_MNIST, root, _sizes(limit), tuple("0123456789"))


def drawn_garments(
    train: int = DRAWN_TRAIN_SIZE, test: int = DRAWN_TEST_SIZE, seed: int = 0
) -> Splits:
    """Draw `train` and `test` pictures of garments; `source` is "drawn-garments". See `garments`.

    Raises:
        ValueError: a size is not 1 to 10,000,000 or the seed not 0 to 2**32 - 1.
    """
    return Splits(
        *garments.draw_garments(train, seed, stream=0),
        *garments.draw_garments(test, seed, stream=1),
        classes=garments.CLASSES,
        source="drawn-garments",
    )


def _load(files: FileSet, root: Folder, sizes: tuple[int, int], classes: tuple[str, ...]) -> Splits:
    give_back()
    # An idx file has a header of 4 bytes, and 4 for each axis; then come the numbers.
    numbers = [
        np.frombuffer(content, dtype=np.uint8, offset=header)
        for content, header in zip(read_files(files, root), (16, 8, 16, 8), strict=True)
    ]
    tensors: list[Tensor] = []
    for images, labels, size in zip(numbers[::2], numbers[1::2], sizes, strict=True):
        labels = torch.from_numpy(labels.astype(np.int64))
        chosen = first_of_each_class(labels, size)
        # Only what is chosen is copied: a file of 47 MB need not be in memory twice.
        images = images.reshape(-1, 1, SIDE, SIDE)[chosen.numpy()]
        tensors += [torch.from_numpy(images), labels[chosen]]
    return Splits(*tensors, classes=classes, source=files.label.lower())


def _sizes(limit: Limit) -> tuple[int, int]:
    """Check a limit and turn it into (training images, test images)."""
    if limit is None:
        return TRAIN_SIZE, TEST_SIZE
    pair = (limit, min(limit, TEST_SIZE)) if is_whole(limit) else limit
    most = (TRAIN_SIZE, TEST_SIZE)
    if isinstance(pair, tuple) and len(pair) == 2 and all(map(is_whole, pair, (1, 1), most)):
        return int(pair[0]), int(pair[1])
    raise ValueError(
        f"limit must be None, a whole number from 1 to {TRAIN_SIZE:,}, or a pair (training"
        f" images, test images) from (1, 1) to ({TRAIN_SIZE:,}, {TEST_SIZE:,}); got {limit!r}"
    )
