"""The door for bad input: what comes is looked at before anything is computed.

Each function says what was expected, what came and what to do. `train` and `measure` ask them, so
that the same mistake gets the same words everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resnet_course.blocks import shape_or_type

SHOWN = 20  # names listed where there are many
NO_BATCH_AXIS = (
    "a layer of {name} takes a batch (batch, channels, height, width), but the pictures are "
    "{shape}. One picture needs a batch axis: x[None]. Grey pictures need an axis for their "
    "channel: x[:, None]."
)
# What PyTorch says of sizes that do not fit; whether the pictures x are the cause, and not a layer
# deep in the network; what it means then. {1} and {2} are the numbers in what it says.
MISFITS: tuple[tuple[str, Callable[[nn.Module, Tensor, re.Match[str]], bool], str], ...] = (
    (
        r"to have (\d+) channels, but got (\d+) channels",
        lambda model, x, said: x.ndim > 1 and x.shape[1] == int(said[2]),
        "{name} was built for {1} channels, but the pictures have {2}: build it with "
        "in_channels={2}, or take other pictures.",
    ),
    (
        r"to have (\d+) channels, but got (\d+) channels",
        # One picture without its batch axis, or grey pictures without that of the channel.
        lambda model, x, said: x.ndim == 3 and x.shape[0] == int(said[2]),
        NO_BATCH_AXIS,
    ),
    (
        r"[Ee]xpected (?:3D.* or )?4D(?!.* 5D)",
        # A convolution names the whole shape; it lets one picture pass, so batch norm is the next.
        lambda model, x, said: (
            (x.ndim != 4 and str(list(x.shape)) in said.string)
            or (x.ndim == 3 and "got 3D" in said.string)
        ),
        NO_BATCH_AXIS,
    ),
    (
        r"cannot be multiplied \(\d+x(\d+) and (\d+)x",
        lambda model, x, said: any(
            isinstance(part, nn.Linear) and part.in_features == int(said[2])
            for part in model.modules()
        ),
        "a linear layer of {name} was built for {2} numbers, but gets {1} from pictures {shape}: "
        "either their size or their number of channels is another one, or the layer before it "
        "gives another number.",
    ),
    (
        r"[Dd]ouble\b.*\b[Ff]loat\b",
        lambda model, x, said: (
            x.dtype == torch.float64 and all(p.dtype != x.dtype for p in model.parameters())
        ),
        "{name} computes with float32, but the pictures are float64: make them floats, x.float().",
    ),
    (
        "view size is not compatible",
        lambda model, x, said: x.ndim == 4,
        "{name} calls view, which needs the numbers of a map in another order in memory: write "
        "x.flatten(1) or x.reshape(…) in place of x.view(…).",
    ),
    (
        # Group norm says the same of other numbers, which it gives as a list.
        r"more than 1 value per channel when training, got input size torch\.Size",
        lambda model, x, said: x.shape[:1] == (1,),
        "batch norm in {name} has one value per channel to train on, of pictures {shape}, and "
        "needs two: take larger batches, and leave a last batch of one picture out "
        "(DataLoader(…, drop_last=True)).",
    ),
)


def check_model(model: object) -> None:
    """Raise a ValueError if `model` is no network, or a class in place of an instance."""
    if isinstance(model, type):
        name = model.__name__
        raise ValueError(f"model is the class {name}: make a network of it first, {name}(…).")
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be an nn.Module, got {type(model).__name__}.")


def check_pictures(x: object, name: str = "x", tokens: bool = False) -> None:
    """Raise a ValueError if `x` is no batch of floating-point numbers; `name` says what it is.

    `tokens`: whole numbers, (batch, steps) for an embedding, will do as well.
    """
    check_tensor(name, x)
    if x.dtype == torch.uint8:
        raise ValueError(
            f"{name} has pixels from 0 to 255 (uint8), and a network takes floats: "
            "to_float(images, mean, std) makes them."
        )
    if not x.is_floating_point() and not (tokens and x.ndim <= 2):
        raise ValueError(f"{name} must hold floats, got {x.dtype}: {name}.float() makes them.")


def check_labels(labels: object, count: int, classes: int, name: str = "labels") -> None:
    """Raise a ValueError if `labels` are not int64 (count,), each from 0 to classes - 1.

    The message calls them by `name`, the argument of the caller.
    """
    if isinstance(labels, int):
        raise ValueError(
            f"{name} must be a tensor with one class number for each picture: for class {labels} "
            f"everywhere, torch.full(({count},), {labels})."
        )
    check_tensor(name, labels)
    wanted = f"{name} must be one class number for each of {count} pictures, int64 ({count},)"
    if labels.shape != (count,):
        hint = ""
        if labels.shape == (count, 1):
            hint = f": {name}.flatten() takes the second axis away"
        elif labels.ndim == 2:
            hint = f": is it one-hot? {name}.argmax(dim=1) gives the numbers"
        raise ValueError(f"{wanted}, got shape {tuple(labels.shape)}{hint}.")
    if labels.dtype != torch.int64:
        raise ValueError(f"{wanted}, got {labels.dtype}: {name}.long() makes them.")
    low, high = map(int, labels.aminmax()) if count else (0, 0)
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} hold {low if low < 0 else high}, but the network has {classes} classes, 0 to "
            f"{classes - 1}: build it with more (num_classes), or count the classes from 0."
        )


def check_logits(logits: object, count: int, model: nn.Module) -> None:
    """Raise a ValueError if a network gives anything but logits (count, classes)."""
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != count:
        raise ValueError(
            f"{type(model).__name__} must give logits (pictures, classes), here ({count}, …), but "
            f"it gives {shape_or_type(logits)}."
        )


def check_autograd() -> None:
    """Raise a ValueError where no gradient can be had, whatever the network."""
    if torch.is_inference_mode_enabled():
        raise ValueError("torch.inference_mode() is on, and keeps no gradient: call this outside.")


def check_gradient(logits: Tensor, model: nn.Module) -> None:
    """Raise a ValueError if no gradient can flow back from the logits of a network."""
    if not logits.requires_grad:
        raise ValueError(
            f"{type(model).__name__} cuts its logits off: no gradient can flow back from them."
        )


def check_predicts(logits: Tensor) -> None:
    """Raise a ValueError if logits (count, classes) hold NaN: such a row predicts no class."""
    if bad := int(logits.isnan().any(dim=1).sum()):
        raise ValueError(
            f"the logits of {bad} of {len(logits)} pictures are not numbers (NaN), so they name no "
            "class. Where training has diverged, train again with a smaller learning rate."
        )


def check_learns(model: nn.Module) -> None:
    """Raise a ValueError if no parameter of a network can learn."""
    parameters = list(model.parameters())
    if not any(p.requires_grad for p in parameters):
        why = "all its parameters are frozen (requires_grad is False)"
        raise ValueError(
            f"{type(model).__name__} cannot learn: {why if parameters else 'it has no parameters'}."
        )


def check_initialized(model: nn.Module) -> None:
    """Raise a ValueError if a network has lazy layers that never ran: they have no weights yet."""
    if any(map(is_lazy, model.parameters())):
        name = type(model).__name__
        raise ValueError(f"{name} has lazy layers without weights: run it once first, model(x).")


def check_name(name: object, names: Sequence[str], what: str, place: str = "") -> None:
    """Raise a ValueError if `name` is not one of `names`; the message lists them."""
    if name not in names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        listed = ", ".join(map(str, names[:SHOWN]))
        raise ValueError(f"there is no {what} {name!r}{place}: choose one of {listed}{more}.")


def run(model: nn.Module, x: Tensor, call: Callable[[Tensor], object] | None = None) -> object:
    """Call a network with a batch `x`, by `call` if not by itself.

    PyTorch's error about sizes becomes a ValueError where `x` is the cause: the network was built
    for other pictures. Every other error stays as it is.
    """
    try:
        return (call or model)(x)
    except (RuntimeError, ValueError) as error:
        for pattern, about_x, words in MISFITS:
            found = re.search(pattern, str(error))
            if found and about_x(model, x, found):
                told = {"name": type(model).__name__, "shape": tuple(x.shape)}
                raise ValueError(words.format(found[0], *found.groups(), **told)) from error
        raise


def check_tensor(name: str, value: object) -> None:
    """Raise a ValueError if a value is no tensor; `name` says what it is."""
    if not isinstance(value, Tensor):
        hint = ": torch.from_numpy makes one" if type(value).__module__ == "numpy" else ""
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}{hint}.")
