"""The small networks that come with the course, already trained, and what they reached.

They were trained by `python -m resnet_course.train`; `tests/benchmarks/record_runs.py` holds the
commands. The weights are stored with 16 bits, and the accuracies in the record are those of the
stored weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from resnet_course.resnet import ResNet, create_model
from resnet_course.train.records import packaged

FOLDER = Path(__file__).parent / "weights"


def trained_model(source: str = "fashion-mnist") -> ResNet:
    """Return a small residual network that has been trained, in evaluation mode on the CPU.

    Args:
        source: on which images, `Splits.source`: "fashion-mnist" or "drawn-garments".

    Raises:
        ValueError: if no trained network comes with the course for this source.
    """
    record = trained_record(source)
    model = create_model(record["model"], in_channels=1)
    state_dict = torch.load(FOLDER / f"{source}.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state_dict)  # copies the 16 bits into the model's 32
    return model.eval()


def trained_record(source: str = "fashion-mnist") -> dict[str, Any]:
    """Return how the network was made, as `python -m resnet_course.train` wrote it, and measured.

    The keys are those of `run.json` and "test_accuracy". Errors are those of `trained_model`.
    """
    return json.loads(packaged(FOLDER, source))
