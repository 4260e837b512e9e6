"""Execute the notebooks in place and keep their outputs: `python tests/execute_notebooks.py`.

With names, `python tests/execute_notebooks.py 02`, only the notebooks whose file names start so.
With `--dry-run` nothing is written. This is the only way in which outputs get into the repository.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute(path: Path, *, write: bool = True) -> float:
    """Run one notebook from top to bottom and write it back; returns seconds."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    seconds = time.perf_counter() - start
    if write:
        tidy(notebook)
        nbformat.write(notebook, path)
    return seconds


def tidy(notebook: NotebookNode) -> None:
    """Remove what says more about this run than about the course, in place."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNELSPEC), language_info=NotebookNode(name="python")
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        for key in ("execution", "collapsed", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = join_streams([o for o in cell.outputs if not is_live(o)])


def is_live(output: NotebookNode) -> bool:
    """A widget dies with its kernel; progress bars and the course's widgets leave nothing else.

    The widgets of the course display their picture as an output of its own, which stays.
    """
    return WIDGET_VIEW in output.get("data", {})


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream; where the kernel cuts them is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == "stream" == last.output_type
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def main() -> None:
    """Execute the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Execute the notebooks and keep their outputs.")
    parser.add_argument("names", nargs="*", help="beginnings of file names; none means all")
    parser.add_argument("--dry-run", action="store_true", help="run, but write nothing")
    options = parser.parse_args()
    prefixes = tuple(options.names) or ("",)
    paths = [p for p in sorted(NOTEBOOKS.glob("*.ipynb")) if p.name.startswith(prefixes)]
    if not paths:
        raise SystemExit(f"no notebook in {NOTEBOOKS.name}/ starts with {' or '.join(prefixes)}")
    for path in paths:
        print(f"{path.name}: {execute(path, write=not options.dry_run):.0f} s", flush=True)


if __name__ == "__main__":
    main()
