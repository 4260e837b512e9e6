"""Networks that are trained already: small ones of this course, and torchvision's.

The small ones were trained by the commands in `tests/benchmarks/record_runs.py`. Their weights are
stored with 16 bits, and the accuracies in the record are those of the stored weights.

torchvision's are looked for and stored where torchvision keeps them. Its own loader is not used:
without a network it may wait for minutes, and it prints.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from resnet_course.data.cache import DataUnavailableError
from resnet_course.data.download import fetch, read_checked
from resnet_course.resnet import ResNet, create_model
from resnet_course.train.records import packaged

FOLDER = Path(__file__).parent / "weights"


def trained_model(source: str = "fashion-mnist") -> ResNet:
    """Return a small residual network that has been trained, in evaluation mode on the CPU.

    `source` says on which images, as in `Splits`: "fashion-mnist" or "drawn-garments". Raises a
    ValueError if no trained network comes with the course for them.
    """
    record = trained_record(source)
    model = create_model(record["model"], in_channels=1)
    state_dict = torch.load(FOLDER / f"{source}.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state_dict)  # copies the 16 bits into the model's 32
    return model.eval()


def trained_record(source: str = "fashion-mnist") -> dict[str, Any]:
    """Return how the network was made, as `python -m resnet_course.train` wrote it, and measured.

    The keys are those of `run.json` and "test_accuracy". Errors are those of `trained_model`.
    """
    return json.loads(packaged(FOLDER, source))


def torchvision_weights(name: str) -> dict[str, Tensor]:
    """Return torchvision's first ImageNet weights of a network, downloaded if need be.

    Args:
        name: a network of torchvision that has weights "IMAGENET1K_V1", such as "resnet18"
            (45 MB) or "resnet50" (98 MB).

    Raises:
        ValueError: torchvision has no such weights, or no checksum for them.
        DataUnavailableError: the weights are neither on this computer nor to be had from the
            network. Known after some seconds at most; the text says what to do.
    """
    try:
        address = get_model_weights(name)["IMAGENET1K_V1"].url
    except (ValueError, KeyError):
        raise ValueError(f"torchvision has no ImageNet weights for {name!r}.") from None
    mirror, _, file_name = address.rpartition("/")
    beginning = re.search(r"-([0-9a-f]{8,})\.", file_name)  # of the SHA-256: resnet18-f37072fd.pth
    if beginning is None:
        raise ValueError(f"{file_name} has no checksum in its name, so it cannot be checked.")
    path = Path(torch.hub.get_dir()) / "checkpoints" / file_name

    def check(content: bytes) -> bytes:
        if not hashlib.sha256(content).hexdigest().startswith(beginning[1]):
            raise ValueError("wrong checksum")
        return content

    content = read_checked([path], check, [])
    if content is None:
        try:
            content = fetch([f"{mirror}/"], file_name, path, check, stacklevel=3)
        except ConnectionError as error:
            raise DataUnavailableError(
                f"The ImageNet weights of {name} are not on this computer and cannot be"
                f" downloaded ({error}).",
                f"To get them, connect to the internet and restart Python, or put {file_name}"
                " into the folder checkpoints of torch.hub.get_dir().",
            ) from None
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
