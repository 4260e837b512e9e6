"""Weights that others trained on ImageNet, as torchvision publishes them.

They are looked for where torchvision keeps them, in the folder `checkpoints` of
`torch.hub.get_dir()`, and stored there, so that both find what the other has fetched.
torchvision's own loader is not used: without a network it may wait for minutes, and it prints.
"""

import hashlib
import io
import re
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from resnet_course.data.cache import DataUnavailableError
from resnet_course.data.download import fetch, read_checked


def torchvision_weights(name: str) -> dict[str, Tensor]:
    """Return torchvision's first ImageNet weights of a network, downloading them if need be.

    Args:
        name: a network of torchvision that has weights "IMAGENET1K_V1", such as "resnet18"
            (45 MB) or "resnet50" (98 MB).

    Returns:
        a state dict for `load_torchvision`.

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
