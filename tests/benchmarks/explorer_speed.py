"""How long from a click in the explorer to its paint? In Chromium, with and without a kernel.

    python tests/benchmarks/explorer_speed.py

Aims: a place that was shown before, or any in a page without a kernel, within two frames (34 ms);
a new one within 150 ms in JupyterLab, with its feature maps; ResNet-152 on the screen within 1 s
after its cell has started. Medians of several clicks, on a quiet machine. Nothing here is a test:
a busy machine is slower.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch
from nbformat.v4 import new_code_cell

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
sys.path.insert(0, str(Path(__file__).parent.parent))
from lab import Notebook, jupyterlab, write
from pages import launch
from playwright.sync_api import Page, sync_playwright
from test_explorer import page_of

from resnet_course import create_model
from resnet_course.widgets import ShapeExplorer

# From the click until the browser has painted the place, with its maps if it has any: the second
# frame begins after the first one has been drawn.
CLICK = """async ([root, name, maps]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const bar = root.querySelector(`.bar[data-layer="${name}"]`);
  const before = root.querySelector('.volume.out');
  await frame();
  const start = performance.now();
  for (const kind of ['pointerdown', 'pointerup'])
    bar.dispatchEvent(new PointerEvent(kind, {bubbles: true, pointerId: 1}));
  const shown = () => root.dataset.at === name && root.querySelector('.volume.out') !== before
    && (!maps || root.querySelector('.volume.out image'));
  while (!shown()) await frame();
  await frame();
  return performance.now() - start;
}"""
IMPORTS = """\
import torch
from resnet_course import create_model
from resnet_course.widgets import ShapeExplorer
torch.manual_seed(0)
nets = {name: create_model(name).eval() for name in ("resnet18", "resnet152")}
picture = torch.rand(1, 3, 224, 224)"""


def times(page: Page, root_at: int, names: list[str], maps: bool) -> list[float]:
    """Return milliseconds for a click on each bar."""
    root = page.query_selector_all(".resnet-explorer")[root_at]
    return [page.evaluate(CLICK, [root, name, maps]) for name in names]


def say(what: str, found: list[float], aim: str) -> None:
    """Print one line of the table."""
    print(f"{what:52}  {median(found):5.0f}  {max(found):5.0f}  {aim}", flush=True)


def without_kernel(page: Page) -> None:
    """Measure pages as the book has them."""
    for name in ("resnet18", "resnet152"):
        page.set_content(page_of(ShapeExplorer(create_model(name)).page_data()))
        page.wait_for_selector(".resnet-explorer[data-at]")
        names = ["layer1.0", "layer2.0", "layer3.0", "layer4.0", "layer3.1"] * 3
        say(f"{name}, no kernel: a click", times(page, 0, names, False), "34")


def with_kernel(browser, folder: Path, private: Path) -> None:
    """Measure in JupyterLab."""
    cells = [
        IMPORTS,
        *(f"ShapeExplorer(nets['{name}'], picture)" for name in ("resnet18", "resnet152")),
    ]
    write(folder / "speed.ipynb", [*map(new_code_cell, cells)])
    with jupyterlab(folder, private) as url:
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        notebook = Notebook(page, url, "speed.ipynb")
        notebook.run()
        page.wait_for_timeout(2000)
        for number, name in enumerate(("resnet18", "resnet152")):
            fresh = ["layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1", "layer4.0"]
            say(
                f"{name} on 224×224, JupyterLab: a new place",
                times(page, number, fresh, True),
                "150",
            )
            again = fresh[::-1] * 2
            say(
                f"{name} on 224×224, JupyterLab: seen before",
                times(page, number, again, True),
                "34",
            )
        opening = [open_again(notebook) for _ in range(3)]
        say("resnet152 by name, JupyterLab: from run to paint", opening, "1000")


def open_again(notebook: Notebook) -> float:
    """Run a cell with a fresh explorer; milliseconds until its strip is drawn."""
    return notebook.page.evaluate(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          const before = document.querySelectorAll('.resnet-explorer').length;
          panel.content.activeCellIndex = panel.content.widgets.length - 1;
          await window.jupyterapp.commands.execute('notebook:insert-cell-below');
          panel.content.activeCell.model.sharedModel.setSource("ShapeExplorer('resnet152')");
          const start = performance.now();
          window.jupyterapp.commands.execute('notebook:run-cell');
          const frame = () => new Promise((done) => requestAnimationFrame(done));
          const drawn = () => {
            const all = document.querySelectorAll('.resnet-explorer');
            return all.length > before && all[all.length - 1].querySelector('.bar');
          };
          while (!drawn()) await frame();
          await frame();
          return performance.now() - start;
        }"""
    )


def main() -> None:
    """Print the table."""
    print(f"{platform.machine()}, torch {torch.__version__}, milliseconds")
    print(f"{'':52}  {'median':>5}  {'most':>5}  aim")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if browser is None:
            raise SystemExit("needs Chromium")
        without_kernel(browser.new_context(viewport={"width": 960, "height": 900}).new_page())
        private = Path(folder) / "private"
        private.mkdir()
        (Path(folder) / "notebooks").mkdir()
        with_kernel(browser, Path(folder) / "notebooks", private)


if __name__ == "__main__":
    main()
