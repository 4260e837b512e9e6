"""Touch a network: see what happens to the shape, and to a picture, layer by layer."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from resnet_course.blocks import is_whole
from resnet_course.pictures import draw
from resnet_course.pictures.described import Svg
from resnet_course.resnet import CONFIGS, create_model
from resnet_course.tracing import trace
from resnet_course.tracing.rows import Trace, TraceError
from resnet_course.train.inputs import check_model, check_name
from resnet_course.widgets.base import StoredForm, figure_html, message_html
from resnet_course.widgets.explorer_data import (
    LEVELS,
    bars,
    failed_data,
    kinds_of,
    network_data,
    opened_to,
)
from resnet_course.widgets.explorer_maps import FeatureMaps, book_data

YOURS = "your model"
SIZES = (28, 32, 64, 96, 128, 160, 192, 224, 256)
MEANS = {  # mean and standard deviation of pixel / 255: Fashion-MNIST in grey, ImageNet in colour
    1: ((0.2860,), (0.3530,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
FOLDER = Path(__file__).parent


class ShapeExplorer(StoredForm, anywidget.AnyWidget):
    """A network that one can touch: its strip, one layer close up, and the numbers of that layer.

    >>> ShapeExplorer(create_model("resnet18"), (1, 3, 224, 224))
    >>> ShapeExplorer(trained_model(), picture, classes=splits.classes)  # with real feature maps

    Args:
        model: any module, or the name of a network of the course.
        picture_or_shape: a picture as the model takes it, float (1, channels, height, width): the
            explorer shows what every layer makes of it. Pixels, uint8 (channels, height, width)
            or with a batch axis, are normalised as Fashion-MNIST (1 channel) or ImageNet (3).
            Or a shape, with or without the batch axis; for a module of your own also what else
            `trace` takes: several tensors, a dictionary.
        title: what to call a module of your own in the picture; None takes its class name.
        classes: names of the classes, for the answer of the network.

    Raises:
        ValueError: `model` is neither a module nor the name of a network, or there is no shape.

    Attributes:
        layer: row of `trace` that is shown; the last one of a block.
        place: name of the layer, block or stage that is shown.
        opened: names of the blocks and stages that are open.
        level: "stages", "blocks" or "layers"; setting it opens and closes all of them.
        trace: the rows; None while the model cannot take the input.
        error: why not, or "".
    """

    _esm = FOLDER / "explorer.js"
    _css = FOLDER / "explorer.css"
    network = traitlets.Dict().tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    place = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    level = traitlets.Unicode("")

    def __init__(
        self,
        model: nn.Module | str,
        picture_or_shape: Sequence[int] | Tensor | dict[str, Any] = (1, 3, 224, 224),
        *,
        title: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if isinstance(model, str):
            check_name(model, list(CONFIGS), "network")
        else:
            check_model(model)
        self._own = model if isinstance(model, nn.Module) else None
        given, self._example = _normalised(picture_or_shape), None
        if _holds_tensors(given) and self._own is not None:
            self._example, given = given, (1, 3, 224, 224)
            if isinstance(self._example, Tensor):
                given = tuple(self._example.shape)
        if not isinstance(given, (tuple, list)) or not all(map(is_whole, given)):
            raise ValueError(
                f"input_shape must be whole numbers such as (1, 3, 224, 224), got {given!r}."
            )
        self._title, self._classes = title or type(model).__name__, classes
        self._input = tuple(given)
        *_, channels, height, _ = given if len(given) > 2 else (3, 1, 1)
        self._explored: dict[tuple, tuple] = {}
        self._shown = 0
        super().__init__()
        self.on_msg(self._answer)
        self.choose(YOURS if self._own is not None else str(model), height, channels)

    # What the learner sees.

    def choose(self, network: str, size: int, channels: int) -> None:
        """Show another network, or another size of the input; the place stays if there is one.

        Args:
            network: "your model" or the name of a network of the course.
            size: height and width in pixels.
            channels: of the input.

        Raises:
            ValueError: there is no such network.
        """
        names = ([YOURS] if self._own is not None else []) + list(CONFIGS)
        check_name(network, names, "network")
        chosen = network, int(size), int(channels)
        if chosen not in self._explored:
            self._explored[chosen] = self._explore(*chosen)
        self.trace, failure, self._maps, data = self._explored[chosen]
        self._failure, self.error = failure, str(failure or "")
        *_, own_channels, own_size, _ = self._input if len(self._input) > 2 else (3, 1, 1)
        self._shown += 1
        choices = {
            "network": {"options": names, "value": network},
            "size": {"options": sorted({*SIZES, own_size}), "value": int(size)},
            "channels": {"options": sorted({1, 3, own_channels}), "value": int(channels)},
        }
        found = next((r for r in data["rows"] if r["name"] == self.place), None)
        layer = data["rows"].index(found) if found else 0
        folder = next((f for f in data["folders"] if f["name"] == self.place), None)
        if folder:
            layer = folder["last"]
        with self.hold_sync():
            self._data = data
            self.set_trait("opened", data["opened"])
            if not found and not folder:
                layer = bars(data["folders"], len(data["rows"]), data["opened"])[0][1]
                self.place = self._name_at(layer)
            if self.layer != layer:
                self._moving = True
                self.layer = layer
                self._moving = False
            self.network = data | {"id": self._shown, "choices": choices}

    def still(self) -> Svg | None:
        """Return the whole network as a strip, None while there is none."""
        if self.trace is None:
            return None
        title = self.network["title"]
        try:
            return draw.network(self.trace.grouped(2), title)
        except (ValueError, IndexError):  # layers that the strip leaves out, or single numbers
            return draw.block(self.trace, title)

    def to_html(self) -> str:
        """Return the strip, or what is wrong."""
        if self._failure:
            error = self.network["error"]
            met = f", where {' and '.join(error['shapes'])} met" if error["shapes"] else ""
            return message_html(f"It stops at {error['at']}{met}.", error["message"])
        return figure_html(self.still())

    def describe(self) -> str:
        """Return what is shown in words."""
        if self._failure:
            return f"{self._failure.module} failed: {self.error}"
        return self._node()["words"]

    def page_data(self) -> dict[str, Any]:
        """Return all that a page without a kernel needs: network, place and feature maps."""
        network = self.network | {"choices": None, "start": self.layer, "opened": self.opened}
        network["place"] = self.place
        return book_data(network, self._maps)

    # What happens when something changes.

    def _node(self) -> dict[str, Any]:
        """Return the row or folder that is shown."""
        rows, folders = self._data["rows"], self._data["folders"]
        inside = (f for f in folders if f["name"] == self.place)
        return next((f for f in inside if f["last"] == self.layer), rows[self.layer])

    def _name_at(self, layer: int) -> str:
        """Return the name of the bar of a row."""
        rows, folders = self._data["rows"], self._data["folders"]
        spans = bars(folders, len(rows), self.opened)
        span = next(span for span in spans if span[0] <= layer <= span[1])
        closed = (f["name"] for f in folders if (f["first"], f["last"]) == span)
        closed = (name for name in closed if name not in self.opened)
        return next(closed, rows[layer]["name"])

    _moving = False

    @traitlets.validate("layer")
    def _check_layer(self, proposal: dict) -> int:
        last = len(self._data["rows"]) - 1
        if not 0 <= proposal["value"] <= last:
            wrong = f"layer must be from 0 to {last}, got {proposal['value']}"
            raise traitlets.TraitError(f"{wrong}: the network has {last + 1} rows.")
        return proposal["value"]

    @traitlets.observe("layer")
    def _go(self, change: dict) -> None:
        """A learner writes `explorer.layer = 17`; the page says the place as well."""
        node = self._node()
        if not self._moving and node["name"] != self.place:
            self.place = node["name"]

    @traitlets.validate("level")
    def _check_level(self, proposal: dict) -> str:
        if proposal["value"] not in LEVELS:
            known = ", ".join(LEVELS)
            raise traitlets.TraitError(f"level must be one of {known}, got {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("level")
    def _open(self, change: dict) -> None:
        self.opened = opened_to(self._data, LEVELS[change["new"]])
        self.place = self._name_at(self.layer)
        node = next((f for f in self._data["folders"] if f["name"] == self.place), None)
        if node and node["first"] <= self.layer <= node["last"]:
            self._moving = True
            self.layer = node["last"]
            self._moving = False

    def _answer(self, _: object, message: dict, __: object) -> None:
        """Answer the page: another network, or the feature maps of a row."""
        try:
            if message.get("ask") == "choose":
                self.choose(message["network"], message["size"], message["channels"])
            elif message.get("ask") == "maps":
                row = int(message["row"])
                record = self._maps.record(row) if self._maps else None
                buffers = [record.pop(k) for k in ("values", "weights") if k in (record or ())]
                reply = {"maps": record or {"row": row}, "network": message["network"]}
                self.send(reply, buffers)
        except Exception as error:  # the page says it; a traceback would be seen by nobody
            self.send({"failed": f"Python could not do this: {error}"})

    def _explore(self, name: str, size: int, channels: int) -> tuple:
        """Return (trace, failure, feature maps, data) of a network."""
        has_map, width = len(self._input) > 2, size
        if has_map and size == self._input[-2]:  # the given width; else a square
            width = self._input[-1]
        shape = (*self._input[:-3], channels, size, width) if has_map else self._input
        model, given, title = self._own, shape, name
        if name == YOURS:
            title = self._title
            if self._example is not None and (not has_map or shape == self._input):
                given = self._example
        else:
            with torch.device("meta"):
                model = create_model(name, in_channels=channels)
            given = (1, channels, size, width)
        try:
            table = trace(model, given)
        except TraceError as failure:
            return None, failure, None, _blank() | failed_data(failure, title)
        data = _blank() | network_data(table, title, kinds_of(model))
        maps = _maps(model, given, table) if given is self._example else None
        if maps is not None:
            data |= {"maps": True, "picture": _picture(given), "answers": self._answers(maps)}
            data["classes"] = list(self._classes) if self._classes else None
        return table, None, maps, data

    def _answers(self, maps: FeatureMaps) -> list[list] | None:
        """Return the three most probable classes."""
        logits = maps.output
        if logits.ndim != 1 or len(logits) < 2 or not logits.isfinite().all():
            return None
        shares = logits if maps.table.rows[-1].kind.lower() == "softmax" else logits.softmax(0)
        best = shares.topk(min(3, len(logits)))
        names = self._classes or [f"class {i}" for i in range(len(logits))]
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [[names[i], round(share, 4)] for i, share in pairs if i < len(names)]


def _blank() -> dict[str, Any]:
    return {"error": None, "picture": None, "answers": None, "maps": False}


def _maps(model: nn.Module, x: object, table: Trace) -> FeatureMaps | None:
    """Return what the layers make of an example, None if it has no numbers."""
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.is_meta or x.ndim not in (2, 4):
        return None
    weight = next((p for p in model.parameters() if p.is_floating_point()), x)
    try:
        return FeatureMaps(model, x[:1].to(weight), table)
    except (ValueError, RuntimeError):  # a TraceError is a ValueError
        return None


def _picture(x: Tensor) -> dict[str, Any] | None:
    """Return the pixels of a picture, from 0 to 255."""
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        return None
    image = x[0].detach().float().cpu()
    low, high = image.amin(), image.amax()
    pixels = ((image - low) / (high - low).clamp(min=1e-12) * 255).round().numpy().astype(np.uint8)
    flat = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    coded = base64.b64encode(np.ascontiguousarray(flat).tobytes()).decode()
    return {"shape": list(image.shape), "pixels": coded, "words": "the picture"}


def _normalised(given: object) -> object:
    """Prepare uint8 pixels as for training: Fashion-MNIST in grey, ImageNet in colour."""
    if not isinstance(given, Tensor) or given.dtype != torch.uint8:
        return given
    picture = given[None] if given.ndim == 3 else given
    if picture.ndim != 4 or picture.shape[1] not in MEANS:
        return given
    mean, std = (torch.tensor(n).reshape(-1, 1, 1) for n in MEANS[picture.shape[1]])
    return (picture.float() / 255 - mean) / std


def _holds_tensors(value: object) -> bool:
    """Is it an example for a forward pass, in place of one shape?"""
    return isinstance(value, (Tensor, dict)) or (
        isinstance(value, (tuple, list))
        and any(isinstance(v, (Tensor, dict, tuple, list)) for v in value)
    )
