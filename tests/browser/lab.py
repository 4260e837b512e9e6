"""A JupyterLab of its own for the browser tests, and what one can do with a notebook in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import requests
from nbformat.v4 import new_notebook
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

# The state of the open notebook, as JupyterLab itself sees it.
STATE = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const cells = panel?.content?.model?.cells;
    if (!cells) return null;
    const code = [...cells].filter(cell => cell.type === 'code');
    const errors = code.flatMap(cell => [...Array(cell.outputs.length).keys()]
        .map(i => cell.outputs.get(i).toJSON())
        .filter(output => output.output_type === 'error')
        .map(output => `${cell.id}: ${output.ename}: ${output.evalue}`));
    return {
        kernel: panel.sessionContext?.session?.kernel?.status ?? 'none',
        waiting: code.filter(c => c.executionCount === null && c.sharedModel.source.trim()).length,
        errors,
    };
}"""
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells are in the page, not only those that can be seen.
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write(path: Path, cells: list[nbformat.NotebookNode]) -> None:
    """Write a notebook that needs no question about its kernel."""
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), path)


@contextmanager
def jupyterlab(folder: Path, private: Path, *program: str) -> Iterator[str]:
    """Start JupyterLab on `folder`, with settings of its own in `private`; gives its address.

    `program` is what Python starts, if it is not JupyterLab itself: "-m", "resnet_course", …
    """
    for name, values in SETTINGS.items():
        path = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    program = program or ("-m", "jupyterlab", f"--ServerApp.root_dir={folder}")
    command = [sys.executable, *program, "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--IdentityProvider.token=", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.disable_check_xsrf=True"]  # for requests that no page makes
    folders = {
        name: str(private / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    folders["JUPYTERLAB_SETTINGS_DIR"] = str(private / "settings")
    folders["JUPYTERLAB_WORKSPACES_DIR"] = str(private / "workspaces")
    with (private / "server.log").open("w", encoding="utf-8") as log:
        for _ in range(5):  # another program may take the port before the server does
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{free.getsockname()[1]}"
            started = [*command, f"--port={url.rpartition(':')[2]}"]
            environment = {**os.environ, **folders}
            server = subprocess.Popen(started, env=environment, stdout=log, stderr=log)
            if answers(server, url):
                break
            server.kill()
        else:
            text = (private / "server.log").read_text(encoding="utf-8")
            raise RuntimeError(f"JupyterLab did not start:\n{text}")
        try:
            yield url
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def answers(server: subprocess.Popen, url: str, seconds: float = 120) -> bool:
    """Wait until the server answers; False if it ends, or never does."""
    end = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        while server.poll() is None and time.monotonic() < end:
            with suppress(requests.RequestException):
                return session.get(f"{url}/api", timeout=5).ok
            time.sleep(0.2)
    return False


def end_all_kernels(page: Page, url: str) -> None:
    """End every kernel of this JupyterLab."""
    for session in page.request.get(f"{url}/api/sessions").json():
        page.request.delete(f"{url}/api/sessions/{session['id']}")


class Notebook:
    """One notebook, open in a page.

    Args:
        page: of the browser.
        url: of JupyterLab.
        name: of the file.
    """

    def __init__(self, page: Page, url: str, name: str) -> None:
        self.page, self.url, self.name = page, url, name
        self.console: list[str] = []
        page.on("pageerror", lambda error: self.console.append(str(error)))
        self.open()

    def open(self) -> None:
        """Load the page anew."""
        self.page.goto(f"{self.url}/lab/tree/{self.name}?reset")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
        self.wait("state.kernel === 'idle'", 120)

    def wait(self, ready: str, seconds: float) -> None:
        """Wait until an expression of `state` is true; an error in an output is a failure."""
        script = f"""() => {{
            const state = ({STATE})();
            return state && (state.errors.length || ({ready})) && state;
        }}"""
        timeout = 1000 * seconds
        found = self.page.wait_for_function(script, timeout=timeout, polling=250).json_value()
        assert not found["errors"], f"{self.name}: {found['errors']}"

    def command(self, name: str, **arguments: Any) -> None:
        """Give JupyterLab a command, without waiting for its end."""
        script = "([name, args]) => { window.jupyterapp.commands.execute(name, args) }"
        self.page.evaluate(script, [name, arguments])

    def start(self) -> None:
        """Run all cells, and return when the first one has begun."""
        before = self.page.evaluate(STATE)["waiting"]
        for _ in range(20):  # a kernel that has only just said "idle" may lose the first request
            self.command("notebook:run-all-cells")
            try:
                return self.wait(f"state.kernel === 'busy' || state.waiting < {before}", 3)
            except PlaywrightTimeout:
                continue
        raise AssertionError(f"{self.name}: the cells do not run")

    def wait_for_end(self, seconds: float) -> None:
        """Wait until all cells have run."""
        self.wait("state.kernel === 'idle' && state.waiting === 0", seconds)

    def run(self, seconds: float = 600) -> None:
        """Run all cells to the end; an error in any of them is a failure."""
        self.command("notebook:clear-all-cell-outputs")
        self.start()
        self.wait_for_end(seconds)

    def save(self) -> None:
        """Write the notebook to its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def theme(self, name: str) -> None:
        """Change to "Light" or "Dark"."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        light = str(name == "Light").lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")

    def cell(self, text: str) -> Locator:
        """Return the code cell whose source contains a text."""
        return self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea", has_text=text)
        )

    def live(self) -> Locator:
        """Return all living widgets of the course."""
        return self.page.locator(".resnet-course-live")
