"""How long does a network take that runs in the page itself? In Chromium, and beside it in torch.

    python tests/benchmarks/network_speed.py

Aim: a pass of resnet14 on a 28×28 picture within 100 ms, so that a learner who paints or switches
off a shortcut sees at once what comes out. Measured from the request to the answer of the worker,
after a first pass, which is longer: Chromium translates the program while it runs. torch runs on
one thread, in turn with the page. Nothing here is a test: a busy machine is slower.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
sys.path.insert(0, str(Path(__file__).parent.parent))
from pages import launch
from playwright.sync_api import Page, sync_playwright
from test_network_in_page import page_text

from resnet_course import create_model, trace
from resnet_course.train import trained_model
from resnet_course.website.weights_file import ENCODING, weights_to_js
from resnet_course.widgets.explorer_steps import flat_weights, network_steps

TIMES = 20
FIRST = """async ([steps, input]) => {
  const start = performance.now();
  begin(steps, "network");
  await network.run(input);
  return performance.now() - start;
}"""
ONCE = """async (input) => {
  const start = performance.now();
  await network.run(input);
  return performance.now() - start;
}"""


def measure(page: Page, folder: Path, title: str, model: nn.Module, aim: str = "") -> None:
    """Print one line of the table."""
    x = torch.randn(1, model.config.in_channels, 28, 28)
    steps = network_steps(model, trace(model, x))
    weights = flat_weights(model).numpy().astype("<f2").tobytes()
    (folder / "weights.js").write_bytes(weights_to_js("network", weights).encode(ENCODING))
    (folder / "page.html").write_text(page_text("weights.js"), encoding="utf-8")
    page.goto((folder / "page.html").as_uri())
    given = x.flatten().tolist()
    first = page.evaluate(FIRST, [steps, given])
    in_page, in_torch = [], []
    for _ in range(TIMES):
        in_page.append(page.evaluate(ONCE, given))
        start = time.perf_counter()
        model(x)
        in_torch.append(1000 * (time.perf_counter() - start))
    found = (first, median(in_page), max(in_page), median(in_torch))
    words = "".join(f"{each:8.1f}" for each in (*found, found[1] / found[3]))
    print(f"{title:28}{words}  {aim}", flush=True)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}, milliseconds on 28×28, {TIMES} passes")
    heads = ("first", "median", "most", "torch", "ratio")
    print(f"{'':28}{''.join(f'{head:>8}' for head in heads)}  aim")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if browser is None:
            raise SystemExit("needs Chromium")
        page = browser.new_page()
        with torch.no_grad():
            measure(page, Path(folder), "resnet14, trained", trained_model(), "100")
            for name in ("resnet8", "resnet20", "resnext20_8x4d"):
                model = create_model(name, in_channels=1).eval()
                measure(page, Path(folder), name, model)


if __name__ == "__main__":
    main()
