"""A hands-on course on residual networks: shared layers, measurements and pictures.

The names below are loaded when they are first asked for (PEP 562), so `import resnet_course` and
the website's programs wait for no torch. In the rooms: `blocks` and `resnet` are the networks;
`tracing` follows a tensor through any module; `data`, `train` and `measure` are the pictures, the
training and what is found out about a network; `pictures` and `widgets` show it; `checks` look at
the exercises; `start` looks at this computer; `website` makes pages and slides.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors see
    from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock
    from resnet_course.data import (
        Augment,
        Splits,
        TensorBatches,
        drawn_garments,
        fashion_mnist,
        hold_out,
        image_folder,
        mnist,
    )
    from resnet_course.measure import (
        activation_stats,
        create_stack,
        gradient_norms,
        measured_receptive_field,
    )
    from resnet_course.resnet import (
        CONFIGS,
        ResNet,
        ResNetConfig,
        cifar_config,
        create_model,
        load_torchvision,
    )
    from resnet_course.start import check_environment
    from resnet_course.tracing import LayerRow, Trace, TraceError, trace
    from resnet_course.train import (
        History,
        TrainConfig,
        evaluate,
        find_learning_rate,
        fit,
        predict,
        topk_accuracy,
        train_step,
        whiten,
    )

_ROOMS = {
    "blocks": "BasicBlock Bottleneck PreActBlock",
    "data": "Augment Splits TensorBatches drawn_garments fashion_mnist hold_out image_folder mnist",
    "measure": "activation_stats create_stack gradient_norms measured_receptive_field",
    "resnet": "CONFIGS ResNet ResNetConfig cifar_config create_model load_torchvision",
    "start": "check_environment",
    "tracing": "LayerRow Trace TraceError trace",
    "train": "History TrainConfig evaluate find_learning_rate fit predict topk_accuracy train_step "
    "whiten",
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}
__all__ = sorted(_ROOM_OF)

# A terminal that cannot write ✓ or × writes a question mark, and the program goes on.
for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, io.TextIOWrapper) and "utf" not in _stream.encoding.lower():
        _stream.reconfigure(errors="replace")


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
