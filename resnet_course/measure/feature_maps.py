"""Look inside a network at work: what its layers pass on, and which pixels decide."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import is_whole
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
    inputs.check_pictures(x, tokens=True)
    if isinstance(names, str):
        raise ValueError(f"names must be a list of names: [{names!r}].")
    with torch.no_grad(), _noted_outputs(model, names) as outputs:
        inputs.run(model, x)
    return outputs


@torch.enable_grad()  # whatever the caller has set
def grad_cam(
    model: nn.Module,
    x: Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    layer: str | None = None,
) -> Tensor:
    """Return where each picture speaks for a class: (batch, height, width) from 0 to 1.

    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391): the maps of one layer, each weighted by the
    mean gradient of the class's logit with respect to it, added up; negative sums count as 0. Each
    map is then enlarged to the size of the picture and divided by its largest value.

    Args:
        model: a classifier, x → logits (batch, classes); in evaluation mode meanwhile.
        x: inputs, (batch, channels, height, width).
        target: one class number for all pictures, or one for each, as a list or int64 (batch,);
            None takes the predicted classes.
        layer: name of a module whose output is maps (batch, channels, h, w), or (batch, h, w,
            channels), or the tokens of a transformer, (batch, h·w, channels) with or without a
            class token in front. None takes the last one that the logits depend on, as
            `last_maps` finds it: in a `ResNet`, its last stage.

    Raises:
        ValueError: if there is no such layer, its output is not a stack of maps, or model, inputs
            or target are not such.
    """
    inputs.check_autograd()
    inputs.check_model(model)
    inputs.check_pictures(x)
    if x.ndim != 4:
        raise ValueError(f"x must be (batch, channels, height, width), got {tuple(x.shape)}.")
    if layer is None:
        layer = last_maps(model, x[:1])
    with _noted_outputs(model, [layer]) as outputs:
        # Else frozen weights would leave no gradient; a copy, because a layer may work in place.
        logits = inputs.run(model, x.detach().requires_grad_().clone())
    inputs.check_logits(logits, len(x), model)
    inputs.check_gradient(logits, model)
    if target is None:
        inputs.check_predicts(logits)
        target = logits.argmax(dim=1)
    numbers = [target] * len(x) if is_whole(target, -math.inf) else target
    if isinstance(numbers, (list, tuple)) and all(is_whole(n, -math.inf) for n in numbers):
        target = torch.tensor(numbers, dtype=torch.int64, device=logits.device)
    inputs.check_labels(target, len(x), logits.shape[1], "target")
    if not outputs[layer].requires_grad:
        raise ValueError(f"{layer} runs without autograd: does forward switch gradients off?")
    maps = _as_maps(outputs[layer], x)
    if maps is None:
        raise ValueError(
            "Grad-CAM needs maps (batch, channels, h, w), or tokens for a grid of pixels in the "
            f"proportions of the picture, but {layer} gives {tuple(outputs[layer].shape)}."
        )
    # Pictures do not influence each other in evaluation mode, so one sum serves all of them.
    logit = logits.gather(1, target[:, None]).sum()
    with evaluation_mode(model):  # a part may be computed once more
        (gradient,) = torch.autograd.grad(logit, outputs[layer], allow_unused=True)
    if gradient is None:
        raise ValueError(f"the logits do not depend on what {layer} gives.")
    weights = _as_maps(gradient, x).mean(dim=(2, 3), keepdim=True)
    heat = (weights * maps).sum(dim=1, keepdim=True).relu().detach()
    heat = F.interpolate(heat, size=x.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return heat / heat.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(heat.dtype).tiny)


@torch.enable_grad()
def last_maps(model: nn.Module, x: Tensor) -> str:
    """Return the name of the last module to pass on maps that decide about the pictures `x`.

    These are maps of more than one pixel from which a gradient of the largest logit arrives; where
    a transformer answers from its class token, those before its last attention. Modules finish
    after those inside them: so this is a stage rather than the layer at its end, and what its last
    shortcut adds is included. Pooling and dropout do not count.

    Raises:
        ValueError: there is no such module, or the model gives no logits for `x`.
    """
    modules = {
        name: module
        for name, module in model.named_modules()
        if name and not re.search("Pool|Drop|Softmax", type(module).__name__)
    }
    finished: dict[str, Tensor] = {}

    def note(name: str, output: object) -> Tensor | None:
        # Of tensors with three axes, only behind a LayerNorm the last one is known to be channels.
        axes = (3, 4) if type(modules[name]) is nn.LayerNorm else (4,)
        if not isinstance(output, Tensor) or output.ndim not in axes or not output.requires_grad:
            return None
        maps = _as_maps(output, x)
        if maps is None or maps[0, 0].numel() == 1:
            return None
        finished.pop(name, None)  # of several calls, the last one counts
        finished[name] = output
        return output.clone()

    with evaluation_mode(model):  # the backward pass too: it may compute a part once more
        with listening(modules, note):
            logits = inputs.run(model, x.detach().requires_grad_().clone())
        inputs.check_logits(logits, len(x), model)
        inputs.check_gradient(logits, model)
        kind = type(model).__name__
        if not finished:
            raise ValueError(
                f"no module of this {kind} passes on maps of more than one pixel and a gradient: "
                "does its forward switch gradients off (no_grad)?"
            )
        found = torch.autograd.grad(logits.amax(), list(finished.values()), allow_unused=True)
    reached = {k: _as_maps(g, x) for k, g in zip(finished, found, strict=True) if g is not None}
    if not reached:
        raise ValueError(f"no gradient flows from the logits of this {kind} back to its maps.")
    return ([name for name, maps in reached.items() if maps.any()] or list(reached))[-1]


def _as_maps(output: Tensor, x: Tensor) -> Tensor | None:
    """Return the output of a module as maps (batch, channels, h, w), or None if it holds none."""
    height, width = x.shape[2:]

    def fits(h: int, w: int) -> bool:  # the proportions of the pictures, rounded
        return abs(h * width - w * height) < max(height, width)

    if output.ndim == 4:
        last = fits(*output.shape[1:3]) and not fits(*output.shape[2:])  # channels are last
        return output.movedim(3, 1) if last else output
    for extra in (0, 1) if output.ndim == 3 else ():
        tokens = output.shape[1] - extra
        h = max(1, round(math.sqrt(tokens * height / width)))
        if tokens % h == 0 and fits(h, tokens // h):
            return output[:, extra:].transpose(1, 2).unflatten(2, (h, tokens // h))
    return None


@contextmanager
def listening(
    modules: Mapping[str, nn.Module], note: Callable[[str, object], Tensor | None]
) -> Iterator[None]:
    """Call `note(name, output)` whenever a module has run; a tensor it returns replaces the output.

    No hook is left behind.
    """
    with ExitStack() as hooks:
        hooks.enter_context(torch.compiler.set_stance("force_eager"))  # compiled code calls no hook
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
