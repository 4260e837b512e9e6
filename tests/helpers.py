"""What several test files use: notebooks, programs, weights, pictures in batches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
import torch
from chapter_table import CHAPTERS as NOTEBOOKS
from torch import nn

from resnet_course import Splits, TensorBatches, create_model, drawn_garments, widgets

ROOT = Path(__file__).parent.parent
# Port 9 of this computer answers nobody: every download fails at once.
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
OFFLINE = {
    **{**os.environ, **PROXIES, **{name.upper(): value for name, value in PROXIES.items()}},
    **{"no_proxy": "127.0.0.1,localhost", "NO_PROXY": ""},
}
SVG = "{http://www.w3.org/2000/svg}"
# A run of the command that takes a second. Of an option that comes twice, the last counts.
QUICK = ["--dataset", "drawn-garments", "--limit", "64", "--model", "resnet8"]
QUICK += ["--stem-stride", "2", "--batch-size", "32"]
BESIDE = str(Path(sys.executable).parent)  # a virtual environment may not be activated

# Every widget that can be shown before it has heard of a run.
EXPLORERS: dict[str, Callable[[], Any]] = {
    "ShapeExplorer": lambda: widgets.ShapeExplorer("resnet20", (1, 3, 32, 32)),
    "BlockBuilder": widgets.BlockBuilder,
    "GradientFlowLab": lambda: widgets.GradientFlowLab(drawn_garments(64, 10), depth=4),
    "GroupedConvExplorer": widgets.GroupedConvExplorer,
    "PredictionBrowser": lambda: widgets.PredictionBrowser(splits=drawn_garments(10, 60)),
}
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str = "") -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook, or those of one kind."""
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if kind in ("", cell.cell_type)]


def slide_type(cell: nbformat.NotebookNode) -> str | None:
    """Return what a cell is in the lecture; None: it goes on with the slide before it."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it prints."""
    texts = {"capture_output": True, "text": True, "encoding": "utf-8", "check": False}
    return subprocess.run([*map(str, command)], **texts | options)


def python(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a process of this Python to its end and keep what it prints."""
    return run(sys.executable, *arguments, **options)


def mdbook() -> str | None:
    """Find the program of the extra `book`."""
    return shutil.which("mdbook", path=BESIDE) or shutil.which("mdbook")


def build(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mdbook build` in the course at `root`; its preprocessor is started with this Python."""
    path = os.pathsep.join((BESIDE, os.environ.get("PATH", "")))
    return run(mdbook(), "build", root, "--dest-dir", folder, env={**os.environ, "PATH": path})


class Server:
    """Another host: serves `files`, remembers what was asked; `broken_answers` bodies are cut."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.downloads, self.asked, self.broken_answers = files, [], 0, 0
        self.headers = {}  # go with every answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name, get = self.path.strip("/"), self.command == "GET"
                outer.asked += 1
                if get:
                    outer.downloads.append(name)
                if name not in outer.files:
                    self.send_error(404)
                    return
                content = outer.files[name]
                self.send_response(200)
                for header in {"Content-Length": str(len(content)), **outer.headers}.items():
                    self.send_header(*header)
                self.end_headers()
                if get and outer.broken_answers > 0:
                    outer.broken_answers -= 1
                    content = content[: len(content) // 2]
                if get:
                    self.wfile.write(content)

            def do_HEAD(self):
                self.do_GET()

            def log_message(self, *args):
                pass

        class Http(ThreadingHTTPServer):
            request_queue_size = 64

        self.http = Http(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Page(HTMLParser):
    """The text of a page and the attributes of its elements. Formulas count as one space."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.inside: list[str] = []
        self.feed(markup)
        self.text = squeeze("".join(self.pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("math", "script", "style"):
            self.inside.append(tag)
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.pieces.append(data)

    def every(self, name: str) -> list[str]:
        """Return the values of an attribute in all elements that have it."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def squeeze(text: str) -> str:
    """Make every space, also between lines, one space."""
    return " ".join(text.split())


def equal(one: dict, other: dict) -> bool:
    """Compare two state dicts, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Net(nn.Module):
    """A network of one test: layers and parameters by their names, and what it does with them."""

    def __init__(self, forward: Callable[..., Any], **layers: Any) -> None:
        super().__init__()
        self.steps = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.steps(self, *inputs, **named)


def trained_norms(model: nn.Module) -> nn.Module:
    """Give batch norms the statistics and weights that a training might have left; evaluation."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, std=0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            if part.affine:
                nn.init.uniform_(part.weight, -1.2, 1.2)
                nn.init.normal_(part.bias, std=0.3)
    return model.eval()


def linear_model() -> nn.Module:
    """Make the smallest network for the pictures of the course, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def network(**options: Any) -> nn.Module:
    """Make a small residual network for the pictures of the course, always the same."""
    torch.manual_seed(0)
    return create_model("resnet8", **{"in_channels": 1, "stem_stride": 2} | options)


def plain_loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: Any,
    batches: Any,
    epochs: int,
    after_epoch: Callable[[], object] = lambda: None,
    label_smoothing: float = 0.0,
) -> tuple[list[float], int]:
    """Train in plain PyTorch; return the loss of every step, and the hits of the last epoch."""
    losses, hits = [], 0
    for _ in range(epochs):
        hits = 0
        for x, y in batches:
            logits = model.train()(x.to(memory_format=torch.channels_last))
            hits += int((logits.argmax(1) == y).sum())
            log_p = logits.log_softmax(1)
            loss = -(1 - label_smoothing) * log_p[range(len(y)), y] - label_smoothing * log_p.mean(
                1
            )
            loss = loss.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        after_epoch()
    return losses, hits


def meta(name: str, **options: Any) -> nn.Module:
    """Make a network of shapes without numbers, which is quick."""
    with torch.device("meta"):
        return create_model(name, **options)


def listened(widget: Any) -> list[tuple[dict, list]]:
    """Return what an explorer sends to its page from now on: messages with their buffers."""
    sent = []
    widget.send = lambda message, buffers=None: sent.append((message, buffers or []))
    return sent


def texts(picture: str) -> list[str]:
    """Return the texts that an SVG shows."""
    found = ElementTree.fromstring(picture).iter(f"{SVG}text")
    return ["".join(element.itertext()) for element in found]


def count(model: torch.nn.Module) -> int:
    """Count the parameters of a model."""
    return sum(p.numel() for p in model.parameters())


def batches(splits: Splits, size: int, which: str = "test", **options: Any) -> TensorBatches:
    """Return the pictures for "train" or for "test" as `fit` gives them to a network."""
    images, labels = (getattr(splits, f"{which}_{name}") for name in ("images", "labels"))
    return TensorBatches(images, labels, size, mean=splits.mean, std=splits.std, **options)


class StopAfter:
    """A watcher of `fit` that stops the run after so many steps, or raises an error there."""

    stopped = finished = False

    def __init__(self, steps: int, error: type[BaseException] | None = None) -> None:
        self.left, self.error = steps, error

    def step(self, loss: object) -> None:
        self.left -= 1
        if self.left == 0:
            if self.error:
                raise self.error
            self.stopped = True

    def start(self, *told: object) -> None: ...

    epoch = start

    def finish(self) -> None:
        self.finished = True
