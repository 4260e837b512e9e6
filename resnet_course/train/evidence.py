"""What made a result: the command, the commit, the machine, the versions.

A number that is only written down can be neither checked nor repeated. So a training run leaves
`run.json` beside its weights, and the results that the chapters show from earlier runs carry the
same lines.
"""

from __future__ import annotations

import platform
import re
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import torch
import torchvision

from resnet_course.data import Splits


def gather_evidence(
    command: str, splits: Splits, device: torch.device, bfloat16: bool
) -> dict[str, str]:
    """Return what a reader needs to repeat a run, as texts that can be printed in this order."""
    return {
        "command": command,
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "hardware": hardware(device),
        "precision": "bfloat16 in convolutions and products" if bfloat16 else "float32",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}",
        "images": f"{splits.source}, {len(splits.train_labels):,} for training, "
        f"{len(splits.test_labels):,} for testing",
    }


def commit() -> str:
    """Return the version of this package: a git commit, with "+ changes" where files differ."""
    room = Path(__file__).parent  # one of the package's, whose commit is asked for

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(room), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # else another project's checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(room.parent))
        return git("rev-parse", "--short=10", "HEAD") + (" + changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: git does not tell it for this copy of the course"


def hardware(device: torch.device) -> str:
    """Return the name of the processor, or of the GPU, with the number of cores."""
    if device.type == "cuda":
        return f"one {torch.cuda.get_device_name(device)}"
    name = platform.processor() or platform.machine()
    with suppress(OSError):  # Linux has the full name here
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found = re.search(r"^model name\s*:(.*)", text, re.MULTILINE)
        name = found[1].strip() if found else name
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' * (threads != 1)} on {name}"
