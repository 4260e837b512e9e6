"""Time and memory of every notebook: `python tests/benchmarks/notebook_costs.py`.

Each notebook runs in a process of its own, so that the peak memory is that of its kernel. Nothing
is written. The limits of the course are two minutes on two quiet cores and, with the PyTorch for
the processor alone, 1 GiB; the PyTorch for NVIDIA cards takes 0.35 GiB more.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import torch

TESTS = Path(__file__).parents[1]


def cost(name: str) -> tuple[float, float]:
    """Run one notebook; returns seconds and the peak memory of its largest process in MiB."""
    start = time.perf_counter()
    command = [sys.executable, str(TESTS / "execute_notebooks.py"), "--dry-run", name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} does not run to the end")
    return time.perf_counter() - start, usage.ru_maxrss / 1024  # Linux counts in KiB


def main() -> None:
    """Print a table with a line per notebook."""
    print(f"Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'notebook':28}{'seconds':>8}{'peak MiB':>10}")
    for path in sorted((TESTS.parent / "notebooks").glob("*.ipynb")):
        seconds, peak = cost(path.name)
        print(f"{path.stem:28}{seconds:8.0f}{peak:10.0f}", flush=True)


if __name__ == "__main__":
    main()
