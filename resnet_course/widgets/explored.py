"""One network that the explorer looks at, with one input: its trace, its feature maps, its data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, TraceError
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets.explorer_data import failed_data, kinds_of, network_data
from resnet_course.widgets.explorer_maps import FeatureMaps
from resnet_course.widgets.explorer_pictures import (
    MOST_PIXELS,
    Pictures,
    coded,
    decoded,
    picture_alone,
)
from resnet_course.widgets.explorer_steps import flat_weights, network_steps
from resnet_course.widgets.explorer_switches import check_changes, switches


@dataclass
class Explored:
    """What is known of a network.

    Attributes:
        data: what the page gets.
        trace: the rows; None if the network cannot take the input.
        failure: why not.
        maps: feature maps, if there is a picture.
        model, pictures: what can be run again on another picture.
    """

    data: dict[str, Any]
    trace: Trace | None = None
    failure: TraceError | None = None
    maps: FeatureMaps | None = None
    model: nn.Module | None = None
    pictures: Pictures | None = None

    def again(self, content: bytes | memoryview, changes: Iterable[Iterable[int]]) -> FeatureMaps:
        """Return what the rows give for the pixels that a page sends, with parts switched off.

        Raises:
            ValueError: there is no picture to change, it has another size, or there is no such
                switch.
        """
        if self.maps is None or self.pictures is None:
            raise ValueError("this network was given no picture that could be changed.")
        x = self.pictures.to_input(decoded(content, self.data["picture"]["shape"]))[None]
        changes = check_changes(changes, self.data["switches"])
        x = x.to(_device(self.model, x), self.maps.dtype)
        return FeatureMaps(self.model, x, self.trace, self.maps.channels, changes)

    def live(self, source: str) -> dict[str, Any] | None:
        """Return what lets a page run the network itself, None if it cannot.

        It can if the network is the one that is shipped for the pictures of this source: then the
        page has its weights in a file. A trace does not tell everything, `-x` is no row: so both
        must also give the same for the picture.
        """
        if self.maps is None or "pictures" not in self.data:
            return None
        x = self.maps.values[-1][None]
        try:
            shipped = trained_model(source)
            table = trace(shipped, x)
        except ValueError:  # there is none, or one for other pictures
            return None
        rows, own = (  # `F.relu` is a ReLU
            [(row.kind.lower(), row.out_shape) for row in each] for each in (table, self.trace)
        )
        alike = rows == own and table.edges == self.trace.edges
        if not alike or not torch.equal(flat_weights(self.model), flat_weights(shipped)):
            return None
        with torch.no_grad():
            given = shipped(x)[0]
        output = self.maps.output
        if given.shape != output.shape or not torch.allclose(given, output, atol=1e-3):
            return None
        return {"weights": source, "steps": network_steps(shipped, table), "head": self.maps.head}


def explore(
    model: nn.Module,
    given: Any,
    title: str,
    classes: Sequence[str] | None = None,
    pictures: Pictures | None = None,
) -> Explored:
    """Trace a network; with a picture, see what its layers make of it.

    Args:
        model: any module; it stays as it is.
        given: what `trace` takes, a shape or a batch.
        title: name of the network.
        classes: names of what the network decides between.
        pictures: what to choose from, if the picture is the first of them.

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
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    maps = _maps(model, given, table)
    if maps is not None:
        pictures = pictures or picture_alone(given)
        data |= {"maps": True, "picture": _picture_data(given, pictures)}
        data |= {"answers": _answers(maps, classes), "classes": list(classes) if classes else None}
        if pictures is not None and max(pictures.pixels.shape[2:]) <= MOST_PIXELS:
            data["pictures"] = pictures.data()
            data["switches"] = switches(table, data["folders"])
            data["heat"] = maps.heat is not None
            data["scores"] = scores_of(maps, classes)
    return Explored(data, table, maps=maps, model=model, pictures=pictures)


def scores_of(maps: FeatureMaps, classes: Sequence[str] | None) -> list[float] | None:
    """Return one number for each class; None if the network does not give just these."""
    fits = classes is not None and maps.output.shape == (len(classes),)
    return finite(maps.output) if fits else None


def finite(numbers: Tensor | None) -> list | None:
    """Return numbers as lists; None if there are none, or one of them is infinite or no number."""
    return numbers.tolist() if numbers is not None and numbers.isfinite().all() else None


def _picture_data(x: Tensor, pictures: Pictures | None) -> dict[str, Any] | None:
    """Return the picture that is shown at first; None for what is no picture."""
    if pictures is None:
        return None
    words = "the picture" if len(x) == 1 else f"the first of {len(x)} pictures"
    first = pictures.pixels[0]
    data = {"shape": list(first.shape), "pixels": coded(first), "words": words}
    return data if pictures.printed else data | {"photographs": True}


def _device(model: nn.Module, x: Tensor) -> torch.device:
    return next((each.device for each in model.parameters()), x.device)


def _maps(model: nn.Module, x: Any, table: Trace) -> FeatureMaps | None:
    """Return what the layers make of the first example of a batch; None if it has no numbers."""
    if not isinstance(x, Tensor) or x.is_meta or x.ndim not in (2, 4):
        return None
    if any(each.is_meta or is_lazy(each) for each in model.parameters()):
        return None
    try:
        return FeatureMaps(model, x[:1].to(_device(model, x)), table)
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
    if scores_of(maps, classes) is None or len(numbers) < 2:
        return None
    # A network may end with a softmax of its own.
    done = bool((numbers >= 0).all()) and abs(float(numbers.sum()) - 1) < 1e-3
    best = (numbers if done else numbers.softmax(0)).topk(min(3, len(numbers)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[str(classes[i]), round(share, 4)] for i, share in pairs]
