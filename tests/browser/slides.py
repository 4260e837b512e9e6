"""Measure the slides of a chapter in Chromium.

    python tests/browser/slides.py 03 --pictures FOLDER

Prints a line for each slide: its number, its heading, how many pixels are missing, and the smallest
letters. Nothing may stick out of 1280×720 or need to be scrolled.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDTH, HEIGHT = 1280, 720
MEASURE = """() => {
  const slide = Reveal.getCurrentSlide();
  const shown = [...slide.querySelectorAll("*")].filter((e) =>
    !e.closest("aside") && e.getClientRects().length && !e.closest("math, svg") &&
    !e.parentElement.closest(".live"));  // inside it is a world of its own
  const boxes = shown.map((e) => e.getBoundingClientRect());
  let over = 0;
  for (const box of boxes)
    over = Math.max(over, box.bottom - innerHeight, box.right - innerWidth, -box.left, -box.top);
  for (const e of shown)  // what would have to be scrolled inside its box
    if (e.clientWidth && getComputedStyle(e).display !== "inline")
      over = Math.max(over, e.scrollWidth - e.clientWidth - 1);
  for (const e of slide.querySelectorAll(".live"))  // the place of an explorer
    over = Math.max(over, e.scrollHeight - e.clientHeight);
  const text = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
  const letters = shown.filter((e) => [...e.childNodes].some(text));
  const sizes = letters.map((e) => parseFloat(getComputedStyle(e).fontSize) * Reveal.getScale());
  const title = slide.querySelector(".cell :is(h1, h2, h3), .section-name, p, pre");
  const last = Math.max(0, ...boxes.map((box) => box.bottom));
  return {
    title: title ? title.innerText.slice(0, 60) : "",
    over: Math.round(over),
    smallest: sizes.length ? Math.min(...sizes) : 99,
    words: slide.innerText.split(/\\s+/).length,
    fill: Math.round((100 * last) / innerHeight),
    images: shown.filter((e) => e.matches("img")).map((image) =>
      [image.naturalWidth, image.getBoundingClientRect().height]),
  };
}"""


@dataclass(frozen=True)
class Slide:
    """What was measured on one slide."""

    number: str  # "horizontal.vertical", from 1
    title: str  # its heading, or its first words
    over: int  # pixels that stick out, 0 if all is well
    smallest: float  # size of the smallest letters, in pixels of the projector
    words: int  # how many are to be read
    fill: int  # how much of the height is used, in percent
    images: list[list[float]]  # natural width, and height as shown, of its pictures


def convert(notebooks: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Let nbconvert make decks, with the command of the teacher's page; chapter → file."""
    command = "-m jupyter nbconvert --to slides --config resnet_course/website/lecture/config.py"
    words = [*command.split(), *map(str, notebooks), "--output-dir", str(folder)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {path.stem: folder / f"{path.stem}.slides.html" for path in notebooks}


def until(page, expression: str, seconds: float = 30) -> None:
    """Wait until a JavaScript expression is true.

    Playwright's own wait_for_function needs `eval`, which the policy of our pages forbids.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(50)


def measure(page, deck: Path, pictures: Path | None = None) -> list[Slide]:
    """Visit every slide of a deck with all its fragments shown.

    Args:
        page: of Playwright, 1280×720.
        deck: the file.
        pictures: folder for a picture of each slide.
    """
    page.goto(deck.as_uri())
    until(page, "window.Reveal && Reveal.isReady()")
    until(page, "[...document.images].every((image) => image.complete)")
    page.evaluate("fitSlides()")
    page.evaluate("Reveal.configure({ fragments: false, progress: false })")
    slides = []
    for place in page.evaluate("Reveal.getSlides().map((slide) => Reveal.getIndices(slide))"):
        page.evaluate("([h, v]) => Reveal.slide(h, v)", [place["h"], place["v"]])
        number = f"{place['h'] + 1}.{place['v'] + 1}"
        slides.append(Slide(number, **page.evaluate(MEASURE)))
        if pictures:
            page.screenshot(path=str(pictures / f"{deck.stem[:2]}-{number}.png"))
    return slides


def main() -> None:
    """Measure the chapters that are named."""
    from pages import launch
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="+", help="beginnings of file names")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each slide")
    options = parser.parse_args()
    wanted = [path for path in NOTEBOOKS if path.name.startswith(tuple(options.chapters))]
    if not wanted:
        parser.error(f"no chapter begins with {' or '.join(options.chapters)}")
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright) or sys.exit("needs Chromium")
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for chapter, deck in convert(wanted, Path(folder)).items():
            for slide in measure(page, deck, options.pictures):
                mark = f"OVER {slide.over:4}" if slide.over else "ok       "
                images = " ".join(f"{round(high)}px" for _, high in slide.images)
                print(
                    f"{chapter[:2]} {slide.number:5} {mark} {slide.fill:4}% "
                    f"{slide.words:4} words {slide.smallest:4.0f}px  {slide.title}  {images}"
                )
        browser.close()


if __name__ == "__main__":
    main()
