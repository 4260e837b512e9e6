"""Time and memory of every notebook: `python tests/benchmarks/notebook_costs.py`.

Each notebook runs in a process of its own, so that the peak memory is that of its kernel. Nothing
is written. The limits of the course are two minutes on two quiet cores and 2 GiB.
"""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import torch
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run_one(path: Path) -> None:
    """Execute one notebook and print seconds and the kernel's peak memory in MiB."""
    start = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=1200,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # KiB on Linux
    print(f"{seconds:.0f} {peak:.0f}")


def main() -> None:
    """Print a table with a line per notebook."""
    if len(sys.argv) == 2:
        run_one(Path(sys.argv[1]))
        return
    print(f"Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'notebook':28}{'seconds':>8}{'peak MiB':>10}")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        run = subprocess.run(
            [sys.executable, __file__, str(path)], capture_output=True, text=True, check=True
        )
        seconds, peak = run.stdout.split()[-2:]
        print(f"{path.stem:28}{seconds:>8}{peak:>10}", flush=True)


if __name__ == "__main__":
    main()
