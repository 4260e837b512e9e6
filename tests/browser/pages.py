"""What the browser tests ask of any page: Chromium, quiet loading, words that can be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# What a browser in a test has no need of: a sandbox (root has none), and calls to the outside.
OPTIONS = [
    *("--no-sandbox", "--no-proxy-server", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# Elements → [contrast, name, words] of each that has words and can be used.
CONTRAST = """all => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [red, green, blue] = [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if ((numbers(color)[3] ?? 1) !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return all.filter((e) => e.innerText.trim() && !e.disabled).map((e) => {
    const pair = [getComputedStyle(e).color, ground(e)];
    const [dark, bright] = pair.map(numbers).map(light).sort((a, b) => a - b);
    return [(bright + 0.05) / (dark + 0.05), e.tagName, e.innerText.slice(0, 60)];
  });
}"""


def chromium() -> str | None:
    """Find Chromium."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def launch(playwright: Any) -> Any:
    """Start Chromium, None where there is none."""
    program = chromium()
    return program and playwright.chromium.launch(executable_path=program, args=OPTIONS)


def watch(page: Any) -> list[str]:
    """Return a list that gets every error, and every attempt to load something from elsewhere."""
    troubles: list[str] = []

    def note_request(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            troubles.append(request.url)

    def note_failure(request: Any) -> None:
        # what a page that is left or closed no longer waits for is no fault of the page
        if request.failure != "net::ERR_ABORTED":
            troubles.append(request.url[:200])

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", note_failure)
    page.on("request", note_request)
    return troubles


def weigh(page: Any, file: Path) -> int:
    """Open a file and return the bytes of all files that it asks for before it is scrolled."""
    asked = {file.as_uri()}
    page.on("request", lambda request: asked.add(request.url))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    paths = [unquote(urlsplit(url).path) for url in asked if url.startswith("file:")]
    return sum(Path(path).stat().st_size for path in paths)


def assert_readable(words: Any, at_least: int = 1) -> None:
    """Ask that all words of a locator stand out from their ground."""
    found = words.evaluate_all(CONTRAST)
    assert len(found) >= at_least
    assert [each for each in found if each[0] < 4.5] == []


def axe(page: Any, part: str, **options: Any) -> list[tuple[str, str]]:
    """Return what axe finds in a part of a page; the styles of a file it cannot load again."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"preload": False, "resultTypes": ["violations"], **options}
    found = Axe().run(page, context=part, options=options).response
    return [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]


def search(page: Any, words: str) -> None:
    """Open the search of the book and type words."""
    page.keyboard.press("s")
    page.get_by_role("searchbox").fill(words)
    page.keyboard.press("Shift")  # mdBook waits for a key to come up
