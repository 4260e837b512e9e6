"""A hands-on course on residual networks: shared layers, measurements and pictures."""

try:
    import torchvision  # noqa: F401  (the import itself is the test)
except (ImportError, RuntimeError) as error:
    # A torch and a torchvision of different builds fail with "operator torchvision::nms does
    # not exist", which tells a learner nothing.
    raise ImportError(
        "torch and torchvision do not fit together. Install both in one command: "
        "pip install --force-reinstall torch torchvision"
    ) from error

from resnet_course.augment import Augment
from resnet_course.blocks import BasicBlock, Bottleneck, PreActBlock
from resnet_course.data import (
    Splits,
    TensorBatches,
    drawn_garments,
    fashion_mnist,
    hold_out,
    mnist,
)
from resnet_course.environment import check_environment
from resnet_course.gradients import activation_stats, gradient_norms, measured_receptive_field
from resnet_course.history import History
from resnet_course.resnet import (
    CONFIGS,
    ResNet,
    ResNetConfig,
    cifar_config,
    create_model,
    load_torchvision,
)
from resnet_course.stacks import create_stack
from resnet_course.tracing import LayerRow, Trace, TraceError, trace
from resnet_course.train import TrainConfig, evaluate, fit, predict, topk_accuracy, train_step

__all__ = [
    "CONFIGS",
    "Augment",
    "BasicBlock",
    "Bottleneck",
    "History",
    "LayerRow",
    "PreActBlock",
    "ResNet",
    "ResNetConfig",
    "Splits",
    "TensorBatches",
    "Trace",
    "TraceError",
    "TrainConfig",
    "activation_stats",
    "check_environment",
    "cifar_config",
    "create_model",
    "create_stack",
    "drawn_garments",
    "evaluate",
    "fashion_mnist",
    "fit",
    "gradient_norms",
    "hold_out",
    "load_torchvision",
    "measured_receptive_field",
    "mnist",
    "predict",
    "topk_accuracy",
    "trace",
    "train_step",
]
