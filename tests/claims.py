"""Do the claims of a chapter hold in other runs too? `python tests/claims.py 01` tries them.

A claim is an `assert` in a notebook. Its cells run from top to bottom in a fresh kernel for each
combination of a seed, a number of threads, a precision and a kind of pictures:

    python tests/claims.py 01 --seeds 5 --threads 1 2 --precision float32 bfloat16

A claim that fails stops nothing: it is written down, and the cell goes on. So the end is a list of
all claims that failed, with how often. The notebook stays as it is.

Seed 0 is what the notebook stores; seed 3 adds 3 to every seed that the cells and the course give
to torch, such as those of weights and of the order of pictures. What NumPy draws stays the same:
drawn garments, collages and fruit, and which pictures of a folder are for testing.
"real" pictures are those that RESNET_COURSE_DATA names; "drawn" is a computer without them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import nbformat
from chapter_table import CHAPTERS
from helpers import OFFLINE
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from resnet_course.data import fashion_mnist

CLAIM = "application/x-claim+json"

# What a kernel does before the first cell. Seeds are moved in torch itself, so that a chapter needs
# no word about this program; an `assert` becomes a call that keeps the verdict as an output.
BEFORE = """
def _prepare(seed, threads, bfloat16):
    import ast
    import torch
    from IPython.display import display
    from resnet_course import train
    from resnet_course.train import config

    class Generator(torch.Generator):
        def manual_seed(self, number):
            return super().manual_seed(number + seed)

    set_seed = torch.manual_seed
    torch.manual_seed = lambda number: set_seed(number + seed)
    torch.Generator = Generator
    torch.set_num_threads(threads)
    config.has_fast_bfloat16 = train.has_fast_bfloat16 = lambda device="cpu": bfloat16

    class Claims(ast.NodeTransformer):
        def visit_Assert(self, node):
            called = ast.parse(f"_claim({ast.unparse(node.test)!r}, None)").body[0]
            called.value.args[1] = node.test
            return ast.fix_missing_locations(ast.copy_location(called, node))

    get_ipython().ast_transformers.append(Claims())
    return lambda text, held: display({MIME: {"text": text, "held": bool(held)}}, raw=True)
""".replace("MIME", repr(CLAIM))


@dataclass(frozen=True)
class Run:
    """One way to run a chapter."""

    seed: int
    threads: int
    precision: str  # "float32" or "bfloat16", where a recipe leaves it open
    pictures: str  # "real" or "drawn"

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"seed {self.seed}, {threads}, {self.precision}, {self.pictures} pictures"

    @property
    def before(self) -> str:
        """The code of the cell that comes first."""
        bfloat16 = self.precision == "bfloat16"
        return f"{BEFORE}\n_claim = _prepare({self.seed}, {self.threads}, {bfloat16})"

    def environment(self, empty: str) -> dict[str, str]:
        """Return the variables for the kernel; `empty` is a folder without anything."""
        threads = {"OMP_NUM_THREADS": str(self.threads)}
        if self.pictures == "real":
            return {**os.environ, **threads}
        fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # matplotlib would search them again
        return {**OFFLINE, **threads, **fonts, "RESNET_COURSE_DATA": "", "XDG_CACHE_HOME": empty}


@dataclass(frozen=True)
class Verdict:
    """A claim, or an error that is none, in one run; `printed` is what the cell printed."""

    cell: str
    text: str
    held: bool
    printed: str


def try_out(path: Path, run: Run) -> list[Verdict]:
    """Run the cells of a notebook and return what became of their claims, in order."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, new_code_cell(run.before))
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=1800, kernel_name="python3", allow_errors=True, resources=place
    )
    with tempfile.TemporaryDirectory() as empty, client.setup_kernel(env=run.environment(empty)):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return [verdict for cell in notebook.cells for verdict in verdicts(cell)]


def verdicts(cell: NotebookNode) -> Iterator[Verdict]:
    """Read the claims and the errors in the outputs of a cell."""
    outputs = cell.get("outputs", [])
    printed = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
    held: dict[str, bool] = {}
    for output in outputs:
        if output.output_type == "error":
            held[f"{output.ename}: {output.evalue}"] = False
        elif claim := output.get("data", {}).get(CLAIM):  # in a loop: it has to hold each time
            held[claim["text"]] = held.get(claim["text"], True) and claim["held"]
    for text, good in held.items():
        yield Verdict(cell.id, text, good, printed)


def main() -> None:
    """Try the chapters that are named on the command line; the exit status tells of failures."""
    parser = argparse.ArgumentParser(description="Do the claims of a chapter hold in other runs?")
    parser.add_argument("chapters", nargs="+", help="beginnings of file names: 01")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from --first-seed up")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    both = {"float32": "float32", "bfloat16": "bfloat16"}
    parser.add_argument("--precision", nargs="+", choices=both, default=list(both))
    kinds = ("real", "drawn")
    parser.add_argument("--pictures", nargs="+", choices=kinds, default=list(kinds))
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    ways = itertools.product(seeds, options.threads, options.precision, options.pictures)
    paths = [p for p in CHAPTERS if p.name.startswith(tuple(options.chapters))]
    if not paths:
        parser.error(f"no chapter begins with {' or '.join(options.chapters)}")
    if "real" in options.pictures and fashion_mnist(10).source == "drawn-garments":
        parser.error("there are no real pictures: RESNET_COURSE_DATA must name them")
    failed: Counter[str] = Counter()
    for way, path in itertools.product(ways, paths):
        run, start = Run(*way), time.perf_counter()
        found = try_out(path, run)
        wrong = [verdict for verdict in found if not verdict.held]
        score = f"{len(found) - len(wrong)} of {len(found)} claims hold"
        print(f"{path.name[:2]}, {run}: {score} ({time.perf_counter() - start:.0f} s)", flush=True)
        for verdict in wrong:
            failed[f"{verdict.cell}: {verdict.text}"] += 1
            print(f"    {verdict.cell}: {verdict.text}")
            print("".join(f"      | {line}\n" for line in verdict.printed.splitlines()), end="")
    print(f"{len(failed)} claims failed in some of the runs")
    for claim, times in failed.most_common():
        print(f"  {times} times: {claim}")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
