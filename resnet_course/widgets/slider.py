"""A slider with a name. The one of ipywidgets tells a screen reader neither its name nor more."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets as w
import traitlets


class Slider(anywidget.AnyWidget):
    """A whole number in a range, chosen with the page's own slider: drag it, or use arrow keys.

    A value out of range becomes the nearest that is in it.

    Attributes:
        value: the number.
        min, max: the range, ends included.
        description: its name, which stands before it.
        tooltip: one sentence more, for the mouse.
        readout: whether the number stands behind it.
        continuous_update: whether the value changes while the handle moves, or only afterwards.
    """

    _esm = """
    // JupyterLab would take the arrow keys, also those of a menu beside the slider (ipywidgets
    // #3912). Shift + Enter and the like stay its own.
    window.addEventListener("keydown", ({ target, shiftKey, ctrlKey, metaKey }) => {
      if (!target.matches?.(".resnet-slider input, .resnet-course-live select")) return;
      if (shiftKey || ctrlKey || metaKey) delete target.dataset.lmSuppressShortcuts;
      else target.dataset.lmSuppressShortcuts = "true";
    }, true);

    export default { render({ model, el }) {
      const make = (tag, more) => Object.assign(document.createElement(tag), more);
      const label = make("label");
      const name = make("span"), input = make("input", { type: "range", step: 1 });
      const number = make("output");
      number.setAttribute("aria-hidden", "true"); // the slider says it itself
      const show = () => {
        name.textContent = model.get("description");
        label.title = model.get("tooltip");
        number.hidden = !model.get("readout");
        for (const each of ["min", "max", "value"]) input[each] = model.get(each);
        number.textContent = input.value;
      };
      const send = () => { model.set("value", Number(input.value)); model.save_changes(); };
      input.addEventListener("input", () => {
        number.textContent = input.value;
        if (model.get("continuous_update")) send();
      });
      input.addEventListener("change", send);
      model.on("change", show);
      show();
      label.append(name, input);
      el.classList.add("resnet-slider");
      el.append(label, number);
    } };
    """
    _css = """
    .resnet-slider, .resnet-slider label { display: flex; align-items: center; gap: 8px }
    .resnet-slider label { flex: 1; white-space: nowrap }
    .resnet-slider { color: var(--jp-widgets-label-color, inherit);
      font-size: var(--jp-widgets-font-size, 13px); line-height: 28px; margin: 2px }
    .resnet-slider input { flex: 1; min-width: 60px; accent-color: #0072B2 }
    .resnet-slider output { min-width: 2.2em }
    """
    min = traitlets.Int(0).tag(sync=True)
    max = traitlets.Int(100).tag(sync=True)
    value = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    tooltip = traitlets.Unicode().tag(sync=True)
    readout = traitlets.Bool(True).tag(sync=True)
    continuous_update = traitlets.Bool(True).tag(sync=True)

    @traitlets.validate("value")
    def _inside(self, proposal: dict) -> int:
        return sorted((self.min, proposal["value"], self.max))[1]

    @traitlets.observe("min", "max")
    def _fit(self, _: dict) -> None:
        self.value = sorted((self.min, self.value, self.max))[1]


def place_slider(**traits: Any) -> tuple[w.Button, Slider, w.Button]:
    """Return a slider between two buttons, "back" and "next", which move it by one place."""
    slider = Slider(description="place", readout=False, **traits)

    def step(by: int) -> None:
        slider.value += by  # stays in the range

    narrow = {"width": "84px"}
    back, forward = (w.Button(description=words, layout=narrow) for words in ("◀ back", "next ▶"))
    back.on_click(lambda _: step(-1))
    forward.on_click(lambda _: step(1))
    return back, slider, forward
