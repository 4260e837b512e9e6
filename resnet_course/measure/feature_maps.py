"""Look inside a network at work: what its layers pass on, and which pixels decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.train import inputs
from resnet_course.train.steps import evaluation_mode


def layer_outputs(model: nn.Module, x: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
    """Return what the named modules pass on for the batch `x`, without gradients.

    The model is in evaluation mode meanwhile and afterwards in the mode it was in. Of a module that
    runs several times, its last output is returned.

    Args:
        model: any network.
        x: inputs, (batch, channels, height, width).
        names: names of modules, "layer1.0.conv1"; `model.named_modules()` lists them.

    Raises:
        ValueError: if there is no such module, or it did not take part.
    """
    inputs.check_model(model)
    inputs.check_pictures(x)
    with torch.no_grad(), _noted_outputs(model, names) as outputs:
        inputs.run(model, x)
    return outputs


@torch.enable_grad()  # whatever the caller has set
def grad_cam(
    model: nn.Module, x: Tensor, target: Tensor | None = None, *, layer: str | None = None
) -> Tensor:
    """Return where each picture speaks for a class: (batch, height, width) from 0 to 1.

    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): the maps of one layer, each weighted by the
    mean gradient of the class's logit with respect to it, added up; negative sums count as 0. Each
    map is then enlarged to the size of the picture and divided by its largest value.

    Args:
        model: a classifier, x → logits (batch, classes); in evaluation mode meanwhile.
        x: inputs, (batch, channels, height, width).
        target: class numbers int64 (batch,); None takes the predicted classes.
        layer: name of a module whose output is (batch, channels, h, w); None takes the last stage
            of a `ResNet`, `layer3` or `layer4`.

    Raises:
        ValueError: if there is no such layer, its output is not a stack of maps, or model, inputs
            or target are not such.
    """
    inputs.check_model(model)
    inputs.check_pictures(x)
    if layer is None:
        layer = getattr(model, "stage_names", [""])[-1]
    with _noted_outputs(model, [layer]) as outputs:
        # else frozen weights would leave no gradient
        logits = inputs.run(model, x.detach().requires_grad_())
    inputs.check_logits(logits, len(x), model)
    if target is None:
        target = logits.argmax(dim=1)
    inputs.check_labels(target, len(x), logits.shape[1], "target")
    maps = outputs[layer]
    if maps.ndim != 4:
        raise ValueError(
            f"Grad-CAM needs maps (batch, channels, h, w), but {layer} gives {tuple(maps.shape)}."
        )
    # Pictures do not influence each other in evaluation mode, so one sum serves all of them.
    (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heat = (weights * maps).sum(dim=1, keepdim=True).relu().detach()
    heat = F.interpolate(heat, size=x.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return heat / heat.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)


@contextmanager
def listening(
    modules: Mapping[str, nn.Module], note: Callable[[str, object], Tensor | None]
) -> Iterator[None]:
    """Call `note(name, output)` whenever a module has run; a tensor it returns replaces the output.

    No hook is left behind.
    """
    with ExitStack() as hooks:
        for name, module in modules.items():
            # call: the module, its inputs and its output
            hook = module.register_forward_hook(lambda *call, name=name: note(name, call[-1]))
            hooks.enter_context(hook)
        yield


@contextmanager
def _noted_outputs(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Note the output of each named module, in evaluation mode; leave the model as it was."""
    modules = dict(model.named_modules())
    outputs: dict[str, Tensor] = dict.fromkeys(names)
    for name in outputs:
        inputs.check_name(name, list(modules)[1:], "module", f" in this {type(model).__name__}")

    def note(name: str, output: object) -> Tensor | None:
        # What works in place behind the module (a ReLU, an addition) would overwrite what was
        # noted. So the rest of the network goes on with a copy.
        outputs[name] = output
        return output.clone() if isinstance(output, Tensor) else None

    with listening({name: modules[name] for name in outputs}, note), evaluation_mode(model):
        yield outputs
    for name, output in outputs.items():
        if not isinstance(output, Tensor):
            raise ValueError(
                f"module {name!r} passed on no tensor: is it part of the forward pass?"
            )
