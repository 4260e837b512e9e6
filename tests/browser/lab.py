"""A JupyterLab of its own for the browser tests, and what one can do with a notebook in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def jupyterlab(folder: Path, private: Path) -> Iterator[str]:
    """Start JupyterLab on `folder`, with settings of its own in `private`; gives its address."""
    for name, values in SETTINGS.items():
        path = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", f"--ServerApp.root_dir={folder}", "--expose-app-in-browser"]
    command += ["--IdentityProvider.token=", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.disable_check_xsrf=True"]  # for requests that no page makes
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "IPYTHONDIR": str(private / "ipython"),
    }
    url = f"http://127.0.0.1:{port}"
    with (private / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"{url}/api", server, private / "server.log")
            yield url
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(240):
        try:
            opener.open(url, timeout=5)
            return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                break
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


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
        self.wait(lambda state: state["kernel"] == "idle", 120)

    def state(self) -> dict[str, Any] | None:
        """Return kernel status, number of cells that have not run, and errors in outputs."""
        return self.page.evaluate(STATE)

    def wait(self, ready: Any, seconds: float) -> None:
        """Wait until `ready(state)`; an error in an output ends the wait as a failure."""
        end = time.monotonic() + seconds
        while True:
            state = self.state()
            if state is not None:
                assert not state["errors"], f"{self.name}: {state['errors']}"
                if ready(state):
                    return
            assert time.monotonic() < end, f"{self.name}: still {state} after {seconds} s"
            time.sleep(0.25)

    def command(self, name: str, **arguments: Any) -> None:
        """Give JupyterLab a command, without waiting for its end."""
        script = "([name, args]) => { window.jupyterapp.commands.execute(name, args) }"
        self.page.evaluate(script, [name, arguments])

    def start(self) -> None:
        """Run all cells, and return when the first one has begun."""
        before = self.state()["waiting"]
        for _ in range(20):  # a kernel that has only just said "idle" may lose the first request
            self.command("notebook:run-all-cells")
            try:
                self.page.wait_for_function(
                    f"() => {{ const s = ({STATE})(); "
                    f"return s.kernel === 'busy' || s.waiting < {before} }}",
                    timeout=3_000,
                )
                return
            except PlaywrightTimeout:
                continue
        raise AssertionError(f"{self.name}: the cells do not run: {self.state()}")

    def run(self, seconds: float = 600) -> None:
        """Run all cells to the end; an error in any of them is a failure."""
        self.command("notebook:clear-all-cell-outputs")
        self.start()
        self.wait(lambda state: state["kernel"] == "idle" and state["waiting"] == 0, seconds)

    def save(self) -> None:
        """Write the notebook to its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def shut_down(self) -> None:
        """End the kernel."""
        end_all_kernels(self.page, self.url)

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        dark = "Dark" in name
        body = f"body[data-jp-theme-light='{str(not dark).lower()}']"
        self.page.wait_for_selector(body, state="attached")

    def cell(self, text: str) -> Locator:
        """Return the code cell whose source contains a text."""
        return self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea", has_text=text)
        )

    def live(self) -> Locator:
        """Return all living widgets of the course."""
        return self.page.locator(".resnet-course-live")
