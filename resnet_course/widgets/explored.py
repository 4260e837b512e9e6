"""One network that the explorer looks at, with one input: its trace, its feature maps, its data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, TraceError
from resnet_course.widgets.explorer_data import failed_data, kinds_of, network_data
from resnet_course.widgets.explorer_maps import FeatureMaps


@dataclass
class Explored:
    """What is known of a network.

    Attributes:
        data: what the page gets.
        trace: the rows; None if the network cannot take the input.
        failure: why not.
        maps: feature maps, if there is a picture.
    """

    data: dict[str, Any]
    trace: Trace | None = None
    failure: TraceError | None = None
    maps: FeatureMaps | None = None


def explore(
    model: nn.Module, given: Any, title: str, classes: Sequence[str] | None = None
) -> Explored:
    """Trace a network; with a picture, see what its layers make of it.

    Args:
        model: any module; it stays as it is.
        given: what `trace` takes, a shape or a batch.
        title: name of the network.
        classes: names of what the network decides between.

    Raises:
        ValueError: no layer is used, or there are not as many classes as numbers that come out.
    """
    nothing = {"picture": None, "answers": None, "maps": False}
    try:
        table = trace(model, given)
    except TraceError as failure:
        return Explored(failed_data(failure, title) | nothing, failure=failure)
    if not len(table):
        raise ValueError(f"{title} gives back what goes in: it has no layer that could be shown.")
    data = network_data(table, title, kinds_of(model)) | nothing
    _check_classes(classes, data["outputs"])
    maps = _maps(model, given, table)
    if maps is not None:
        data |= {
            "maps": True,
            "picture": picture_data(given),
            "answers": _answers(maps, classes),
            "classes": list(classes) if classes else None,
        }
    return Explored(data, table, maps=maps)


def picture_data(x: Tensor) -> dict[str, Any] | None:
    """Return the pixels of the first picture of a batch, stretched to 0 … 255."""
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        return None
    image = x[0].detach().float().cpu().nan_to_num(0, 0, 0)
    low, high = image.amin(), image.amax()
    pixels = ((image - low) / (high - low).clamp(min=1e-12) * 255).round().numpy().astype(np.uint8)
    flat = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    coded = base64.b64encode(np.ascontiguousarray(flat).tobytes()).decode()
    words = "the picture" if len(x) == 1 else f"the first of {len(x)} pictures"
    return {"shape": list(image.shape), "pixels": coded, "words": words}


def _maps(model: nn.Module, x: Any, table: Trace) -> FeatureMaps | None:
    """Return what the layers make of the first example of a batch; None if it has no numbers."""
    if not isinstance(x, Tensor) or x.is_meta or x.ndim not in (2, 4):
        return None
    parameters = list(model.parameters())
    if any(each.is_meta or is_lazy(each) for each in parameters):
        return None
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    device = parameters[0].device if parameters else x.device
    try:
        return FeatureMaps(model, x[:1].to(device), table)
    except TraceError:  # it takes no batch of one
        return None


def _check_classes(classes: Sequence[str] | None, outputs: list[list[int]]) -> None:
    if classes and outputs and len(outputs[0]) == 1 and outputs[0][0] != len(classes):
        raise ValueError(
            f"classes has {len(classes)} names, but the network gives {outputs[0][0]} numbers: "
            "one name for each is needed."
        )


def _answers(maps: FeatureMaps, classes: Sequence[str] | None) -> list[list[Any]] | None:
    """Return the three most probable classes; None if the network gives no such numbers.

    Numbers become shares of 100 % only where the learner says that they stand for classes, by
    naming these: coordinates, or the features of an encoder, look the same.
    """
    numbers = maps.output
    if not classes or numbers.ndim != 1 or len(numbers) < 2 or not numbers.isfinite().all():
        return None
    # A network may end with a softmax of its own.
    done = bool((numbers >= 0).all()) and abs(float(numbers.sum()) - 1) < 1e-3
    best = (numbers if done else numbers.softmax(0)).topk(min(3, len(numbers)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[str(classes[i]), round(share, 4)] for i, share in pairs]
