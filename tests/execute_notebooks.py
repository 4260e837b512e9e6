"""Execute the notebooks in place and keep their outputs: `python tests/execute_notebooks.py`.

With names, `python tests/execute_notebooks.py 02`, only the notebooks whose file names start so.
With `--dry-run` nothing is written. This is the only way in which outputs get into the repository.

For the website each widget is kept too, in `notebooks/explorers`: the data of a ShapeExplorer, the
frames of others, and the weights of the networks that a page computes with. `--widgets-only` writes
nothing else.
"""

from __future__ import annotations

import argparse
import base64
import time
from pathlib import Path

import nbformat
from explorer_picture import MISSING, picture
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from resnet_course.start.files import write_whole
from resnet_course.train import trained_model
from resnet_course.website import explorer_files, weights_file
from resnet_course.widgets.base import WIDGET_VIEW
from resnet_course.widgets.explorer_steps import flat_weights

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
EXPLORERS = "explorers"  # beside the notebooks
TRAINED = ("fashion-mnist", "drawn-garments")  # networks that come with the course
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute(path: Path, *, write: bool = True, widgets: bool = True) -> float:
    """Run one notebook from top to bottom and write it back; returns seconds.

    Args:
        path: of the notebook.
        write: keep the outputs.
        widgets: keep what its widgets leave, and remove the files of cells that are gone.
    """
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place)
    start = time.perf_counter()
    kept = set()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            outputs = cell.get("outputs", [])
            for number, output in enumerate(outputs) if widgets else ():
                if is_live(output):
                    key = f"{path.stem}-{cell.id}"
                    keep_widget(client, output.data[WIDGET_VIEW]["model_id"], key, index)
                    kept.add(f"{key}.js")
                    if write:
                        stored = path.parent / EXPLORERS / f"{key}.js"
                        redraw(outputs[number + 1 : number + 2], stored)
    seconds = time.perf_counter() - start
    if widgets:
        for old in (path.parent / EXPLORERS).glob(f"{path.stem}-*.js"):
            if old.name not in kept:
                old.unlink()
    if write:
        tidy(notebook)
        nbformat.write(notebook, path)
    return seconds


def keep_widget(client: NotebookClient, model_id: str, key: str, index: int) -> None:
    """Let the kernel write what a widget of cell `index` leaves, without counting as a cell."""
    # No name is left behind: a notebook must not work only where its widgets are stored.
    module = "__import__('resnet_course.website.stored', fromlist=['store'])"
    code = f"{module}.store({model_id!r}, {key!r}, {EXPLORERS!r})"
    cell = client.nb.cells[index]
    client.execute_cell(new_code_cell(code), index, store_history=False)
    client.nb.cells[index] = cell  # nbclient has put the extra cell in its place


def keep_weights(folder: Path) -> None:
    """Write the weights of the networks that come with the course, as the website needs them."""
    for source in TRAINED:
        numbers = flat_weights(trained_model(source)).numpy().astype("<f2").tobytes()
        text = weights_file.weights_to_js(source, numbers)
        write_whole(folder / weights_file.file_name(source), text.encode(weights_file.ENCODING))


def redraw(still: list[NotebookNode], stored: Path) -> None:
    """Put a picture of the real explorer where a ShapeExplorer has left a simpler one, in place.

    Args:
        still: the output after the widget, if there is one.
        stored: what the widget has left for the website.
    """
    text = stored.read_text(encoding="utf-8") if stored.exists() else ""
    if (
        not still
        or "image/png" not in still[0].get("data", {})
        or not explorer_files.is_explorer(text)
    ):
        return
    png = picture(explorer_files.from_js(text))
    if png is None:
        print(f"{stored.stem}: {MISSING}", flush=True)
    else:
        still[0].data["image/png"] = base64.b64encode(png).decode()


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
        name = output.get("name")  # of a stream; nothing else has one
        if name is not None and joined and joined[-1].get("name") == name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main() -> None:
    """Execute the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Execute the notebooks and keep their outputs.")
    parser.add_argument("names", nargs="*", help="beginnings of file names; none means all")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--dry-run", action="store_true", help="run, but write nothing")
    choice.add_argument(
        "--widgets-only", action="store_true", help="write what widgets leave, not the notebooks"
    )
    options = parser.parse_args()
    prefixes = tuple(options.names) or ("",)
    paths = [p for p in sorted(NOTEBOOKS.glob("*.ipynb")) if p.name.startswith(prefixes)]
    if not paths:
        raise SystemExit(f"no notebook in {NOTEBOOKS.name}/ starts with {' or '.join(prefixes)}")
    for path in paths:
        write = not (options.dry_run or options.widgets_only)
        seconds = execute(path, write=write, widgets=not options.dry_run)
        print(f"{path.name}: {seconds:.0f} s", flush=True)
    if not options.dry_run:
        keep_weights(NOTEBOOKS / EXPLORERS)


if __name__ == "__main__":
    main()
