"""Touch a network: see what happens to the shape, and to a picture, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor, nn

from resnet_course.data import Splits
from resnet_course.pictures import draw
from resnet_course.pictures.described import Svg
from resnet_course.resnet import CONFIGS, create_model
from resnet_course.tracing.rows import Trace
from resnet_course.train.inputs import check_model, check_name
from resnet_course.widgets.base import StoredForm, figure_html, message_html
from resnet_course.widgets.explored import Explored, explore, finite, scores_of
from resnet_course.widgets.explorer_folders import (
    LEVELS,
    bar_at,
    find_node,
    last_row,
    opened_to,
)
from resnet_course.widgets.explorer_input import read_input, refuse_pixels
from resnet_course.widgets.explorer_maps import FeatureMaps, book_data
from resnet_course.widgets.explorer_pictures import pictures_of

YOURS = "your model"
MOST_RUNS = 2  # keep their feature maps, in large networks some ten megabytes each
SIZES = (28, 32, 64, 96, 128, 160, 192, 224, 256)
FRONT_END = Path(__file__).parent / "front_end"


class ShapeExplorer(StoredForm, anywidget.AnyWidget):
    """A network that one can touch: its strip, one layer close up, and the numbers of that layer.

    >>> ShapeExplorer(create_model("resnet18"), (1, 3, 224, 224))
    >>> ShapeExplorer(trained_model(splits.source), splits)  # with pictures to choose and change
    >>> ShapeExplorer(model, picture, classes=["cat", "dog"])  # with real feature maps

    Args:
        model: any module, or the name of a network of the course.
        picture_or_shape: `Splits`: a learner chooses among twenty of its test pictures, changes
            them or draws one, and sees what every layer makes of it. Or a picture as the model
            takes it, float (1, channels, height, width), on the model's device; of several
            pictures, the first. Or a shape, with or without the batch axis; for a module of your
            own also what else `trace` takes: several tensors, a dictionary.
        title: what to call a module of your own in the picture; None takes its class name.
        classes: names of the classes, for the answer of the network; None takes those of `Splits`.
            Without any there is no answer, for nobody can tell whether its numbers stand for
            classes.

    Raises:
        ValueError: `model` is neither a module nor the name of a network, there is no shape, or
            the number of classes is not that of the network.

    Attributes:
        layer: row of `trace` that is shown; the last one of a block.
        place: name of the layer, block or stage that is shown.
        opened: names of the blocks and stages that are open.
    """

    _esm = "".join(path.read_text(encoding="utf-8") for path in sorted(FRONT_END.glob("*.js")))
    _css = FRONT_END / "explorer.css"
    network = traitlets.Dict().tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    place = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        model: nn.Module | str,
        picture_or_shape: Splits | Sequence[int] | Tensor | dict[str, Any] = (1, 3, 224, 224),
        *,
        title: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if isinstance(model, str):
            check_name(model, list(CONFIGS), "network")
        else:
            check_model(model)
        self._own = None if isinstance(model, str) else model
        self._pictures, self._source = None, ""
        classes = None if classes is None else [str(name) for name in classes]
        if isinstance(picture_or_shape, Splits):
            self._pictures, self._source = pictures_of(picture_or_shape), picture_or_shape.source
            classes = classes or picture_or_shape.classes
            numbers = () if self._own is None else self._own.parameters()
            types = (p.dtype for p in numbers if p.is_floating_point())
            first = self._pictures.to_input(self._pictures.pixels[:1])
            picture_or_shape = first.to(next(types, torch.float32))
        self._input = read_input(self._own, picture_or_shape)
        self._title, self._classes = title or type(model).__name__, classes
        self._explored: dict[tuple[str, int, int], Explored] = {}
        # The last runs, by number. Each view of the object has its own.
        self._changed: dict[int, FeatureMaps] = {}
        self._level = ""
        self._left = "", 0  # where one stood before a network that failed
        super().__init__()
        self.on_msg(self._answer)
        _, channels, height, _ = self._input.shape
        self.choose(YOURS if self._own is not None else model, height, channels)
        if self._now.failure:
            refuse_pixels(self._input.given)

    # What the learner sees.

    @property
    def trace(self) -> Trace | None:
        """The rows; None while the model cannot take the input."""
        return self._now.trace

    @property
    def error(self) -> str:
        """Why it cannot, or ""."""
        return str(self._now.failure or "")

    @property
    def level(self) -> str:
        """How far it is open: "stages", "blocks" or "layers"; "" between them.

        Setting it opens and closes all blocks and stages.
        """
        levels = (self._level, *LEVELS) if self._level else LEVELS
        same = (v for v in levels if set(opened_to(self.network, v)) == set(self.opened))
        return next(same, "")

    @level.setter
    def level(self, level: str) -> None:
        if level not in LEVELS:
            raise traitlets.TraitError(f"level must be one of {', '.join(LEVELS)}, got {level!r}.")
        opened = opened_to(self.network, level)
        place, layer = bar_at(self.network, opened, self.layer)
        self._level = level
        self._stand(opened=opened, place=place, layer=layer)

    def choose(self, network: str, size: int, channels: int) -> None:
        """Show another network, or another size of the input; the place stays if there is one.

        Args:
            network: "your model" or the name of a network of the course.
            size: height and width in pixels.
            channels: of the input.

        Raises:
            ValueError: there is no such network, or no such picture.
        """
        names = ([YOURS] if self._own is not None else []) + list(CONFIGS)
        check_name(network, names, "network")
        chosen = network, size, channels
        if chosen not in self._explored:
            self._explored[chosen] = self._explore(*chosen)
        self._now = self._explored[chosen]
        _, own_channels, own_size, _ = self._input.shape
        choices = {"network": {"options": names, "value": network}}
        if network != YOURS or self._input.is_picture:
            every = sorted({1, 3, own_channels, channels})
            choices["size"] = {"options": sorted({*SIZES, own_size, size}), "value": size}
            choices["channels"] = {"options": every, "value": channels}
        data = self._now.data
        place, layer = self._place_in(data)
        number = self.network.get("id", 0) + 1
        shown = data | {"id": number, "choices": choices}
        self._stand(network=shown, opened=data["opened"], place=place, layer=layer)

    def _place_in(self, data: dict[str, Any]) -> tuple[str, int]:
        """Return where to stand in another network: where one stood before, or where it fails."""
        if not self.network.get("error"):
            self._left = self.place, self.layer
        if data["error"]:
            return data["error"]["at"], len(data["rows"]) - 1
        place, layer = self._left
        if layer < len(data["rows"]) and find_node(data, place, layer):
            return place, layer
        found = last_row(data, place)
        return bar_at(data, data["opened"], 0) if found is None else (place, found)

    def still(self) -> Svg | None:
        """Return the whole network as a strip, None while there is none."""
        if self.trace is None:
            return None
        title = self.network["title"]
        try:
            return draw.network(self.trace.grouped(2), title)
        except ValueError:  # nothing but layers that the strip leaves out
            return draw.block(self.trace, title)

    def to_html(self) -> str:
        """Return the strip, or what is wrong."""
        error = self.network["error"]
        if not error:
            return figure_html(self.still())
        met = f", where {' and '.join(error['shapes'])} met" if error["shapes"] else ""
        return message_html(f"It stops at {error['at']}{met}.", error["message"])

    def describe(self) -> str:
        """Return what is shown in words."""
        if self._now.failure:
            return f"{self._now.failure.module} failed: {self.error}"
        return find_node(self.network, self.place, self.layer)["words"]

    def page_data(self) -> dict[str, Any]:
        """Return all that a page without a kernel needs: network, place and feature maps.

        A network that is shipped with the course runs in the page ("live"), if `Splits` were given.
        """
        here = {"choices": None, "start": self.layer, "place": self.place, "opened": self.opened}
        live = self._now.live(self._source) if self._source else None
        # Without it, the picture cannot be changed.
        here |= {"live": live} if live else {"pictures": None, "switches": None}
        return book_data(self.network | here, self._now.maps)

    # What happens when something changes.

    def _stand(self, **state: Any) -> None:
        """Set what belongs together at once; the page hears of it in one message."""
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in state.items():
                self.set_trait(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page says; if it speaks of a network that is gone, tell it where we are."""
        try:
            super().set_state(sync_data)
        except traitlets.TraitError:
            self.send_state(["network", "layer", "place", "opened"])

    @traitlets.validate("layer")
    def _check_layer(self, proposal: dict) -> int:
        last = len(self.network["rows"]) - 1
        if not 0 <= proposal["value"] <= last:
            wrong = f"layer must be from 0 to {last}, got {proposal['value']}"
            raise traitlets.TraitError(f"{wrong}: the network has {last + 1} rows.")
        return proposal["value"]

    @traitlets.validate("place")
    def _check_place(self, proposal: dict) -> str:
        if last_row(self.network, proposal["value"]) is None:
            raise traitlets.TraitError(f"place: there is no layer or block {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.validate("opened")
    def _check_opened(self, proposal: dict) -> list[str]:
        names = dict.fromkeys(folder["name"] for folder in self.network["folders"])
        unknown = [name for name in proposal["value"] if name not in names]
        if unknown:
            known = ", ".join(names) or "none"
            raise traitlets.TraitError(f"opened: {unknown[0]!r} is no block or stage: {known}.")
        return proposal["value"]

    @traitlets.observe("layer", "place")
    def _follow(self, change: dict) -> None:
        """A learner writes `explorer.layer = 17`, or `explorer.place = "layer2.0"`."""
        if find_node(self.network, self.place, self.layer) is None:
            if change["name"] == "layer":
                self.place = self.network["rows"][self.layer]["name"]
            else:
                self.layer = last_row(self.network, self.place)

    def _answer(self, _: object, message: dict, buffers: list[memoryview]) -> None:
        """Answer the page: another network, another picture, or the feature maps of a row."""
        try:
            if message.get("ask") == "choose":
                _, channels, size, _ = self._input.shape  # where the page offers none
                size, channels = message.get("size", size), message.get("channels", channels)
                self.choose(message["network"], int(size), int(channels))
            elif message.get("network") != self.network["id"]:
                return
            elif message.get("ask") == "run":
                maps = self._now.again(buffers[0], message["changes"])
                self._changed[message["run"]] = maps
                for run in list(self._changed)[:-MOST_RUNS]:
                    del self._changed[run]
                scores = scores_of(maps, self.network["classes"])
                found = {"scores": scores, "heat": finite(maps.heat)}
                self.send({"ran": message["run"]} | found)
            elif message.get("ask") == "maps":
                self._send_maps(int(message["row"]), message.get("run", 0))
        except Exception as error:  # the page says it; a traceback would be seen by nobody
            asked = {name: message[name] for name in ("network", "row", "run") if name in message}
            if message.get("ask") == "run":
                asked = {"ran": message["run"]}
            self.send({"failed": f"Python could not do this: {error}"} | asked)

    def _send_maps(self, row: int, run: int) -> None:
        """Send the maps of a row, of the picture that was given or of a run of the page.

        Those of a run may be gone: then the page runs its picture again.
        """
        maps = self._changed.get(run) if run else self._now.maps
        record = (maps and maps.record(row)) or {"row": row}
        buffers = [record.pop(k) for k in ("values", "weights") if k in record]
        gone = {"gone": True} if run and maps is None else {}
        self.send({"maps": record, "network": self.network["id"], "run": run} | gone, buffers)

    def _explore(self, name: str, size: int, channels: int) -> Explored:
        shape = self._input.resized(channels, size)
        if name != YOURS:
            with torch.device("meta"):
                model = create_model(name, in_channels=channels)
            return explore(model, (1, *shape[1:]), name)
        if shape != self._input.shape and self._input.is_picture:
            return explore(self._own, shape, self._title, self._classes)
        return explore(self._own, self._input.given, self._title, self._classes, self._pictures)
