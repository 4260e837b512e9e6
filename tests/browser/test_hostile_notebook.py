"""A notebook that wants to run, to load and to cover: its page and its slides do none of it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from helpers import ROOT, Server, build
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from slides import convert

OTHER = Server({})
AWAY = OTHER.address.rstrip("/")
RUN = "document.title = 'taken over'; void 0"
HOSTILE = "\n\n".join(
    [
        f'<img src="{AWAY}/i.png" onerror="{RUN}"><script src="{AWAY}/s.js"></script>',
        f'<svg onload="{RUN}"><image href="{AWAY}/v.png"/></svg><iframe src="{AWAY}/f"></iframe>',
        f"<div style='position:fixed;inset:0;background:url({AWAY}/b.png)'>over</div>",
        f'<style>@import "{AWAY}/c.css"; body {{ display: none }}</style>',
        f'<link rel="stylesheet" href="{AWAY}/l.css"><a href="javascript:{RUN}">click</a>',
        f"$\\style{{position:fixed;background:url({AWAY}/m.png)}}{{x}}$",
        f"$\\href{{javascript:{RUN}}}{{y}}$",
        f'<math><mtext><img src="{AWAY}/t.png" onerror="{RUN}"></mtext></math>',
        f"![words]({AWAY}/w.png)",
    ]
)


def write_hostile_notebook(path: Path) -> None:
    data = ({"text/html": HOSTILE}, {"text/markdown": HOSTILE}, {"image/svg+xml": HOSTILE})
    code = new_code_cell("1 + 1", outputs=[new_output("display_data", each) for each in data])
    code.execution_count = 1
    cells = [new_markdown_cell("# Hello\n\n" + HOSTILE), new_markdown_cell(f"## {HOSTILE}"), code]
    cells[0].metadata["slideshow"] = {"slide_type": "slide"}
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture(scope="module", autouse=True)
def other_host():
    with closing(OTHER):
        yield


class Tab:
    """A page, with what the other host was asked for, after a click on each "click"."""

    def __init__(self, page, path: Path) -> None:
        OTHER.downloads.clear()
        self.page = page
        page.goto(path.as_uri())
        links = (
            "[...document.querySelectorAll('a, math *')].filter((e) => e.textContent === 'click')"
        )
        page.evaluate(f"{links}.forEach((e) => e.dispatchEvent(new MouseEvent('click')))")
        page.wait_for_timeout(300)
        self.asked = list(OTHER.downloads)

    def assert_unharmed(self) -> None:
        assert self.asked == [] and self.page.title() != "taken over"
        assert self.page.evaluate("getComputedStyle(document.body).display") != "none"
        covers = "[...document.querySelectorAll('main *, .reveal *')].filter((e) => "
        covers += "getComputedStyle(e).position === 'fixed' && e.closest('main, section')).length"
        assert self.page.evaluate(covers) == 0


@pytest.fixture(scope="module")
def small_book(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "SUMMARY.md").write_text("# S\n\n- [One](one.ipynb)\n", encoding="utf-8")
    write_hostile_notebook(root / "notebooks" / "one.ipynb")
    # Under another name: a folder `resnet_course` would hide the package from the preprocessor.
    settings = (ROOT / "book.toml").read_text(encoding="utf-8")
    no_modules = shutil.ignore_patterns("*.py", "__*")
    for part in ("website/book", "widgets"):
        shutil.copytree(ROOT / "resnet_course" / part, root / "looks" / part, ignore=no_modules)
    (root / "book.toml").write_text(settings.replace("resnet_course/", "looks/"), encoding="utf-8")
    done = build(root, root / "book")
    assert done.returncode == 0, done.stderr
    return root / "book"


def test_a_page_of_a_hostile_notebook_asks_and_runs_nothing(page, small_book):
    tab = Tab(page, small_book / "one.html")
    tab.assert_unharmed()
    assert page.get_by_text("over").first.is_visible()  # its words are there


def test_the_policy_of_a_page_is_a_second_wall(page, small_book):
    text = (small_book / "one.html").read_text(encoding="utf-8")
    head, body = text.split("<main>", 1)
    broken = small_book / "broken.html"
    hostile = HOSTILE.split("\n\n")[:3]  # nothing runs, nothing is loaded; to cover is allowed
    broken.write_text(f"{head}<main>{''.join(hostile)}{body}", encoding="utf-8")
    tab = Tab(page, broken)
    assert tab.asked == [] and page.title() != "taken over"
    # The same without the policy: the test sees what it looks for.
    start = text.index('<meta http-equiv="Content-Security-Policy"')
    end = text.index(">", start) + 1
    open_door = small_book / "open.html"
    open_door.write_text(
        f"{text[:start]}{text[end:]}".replace("<main>", f"<main>{''.join(hostile)}"),
        encoding="utf-8",
    )
    tab = Tab(page.context.new_page(), open_door)
    assert len(tab.asked) >= 3 and tab.page.title() == "taken over"


def test_slides_of_a_hostile_notebook_ask_and_run_nothing(page, tmp_path):
    write_hostile_notebook(tmp_path / "one.ipynb")
    slides = convert([tmp_path / "one.ipynb"], tmp_path)["one"]
    Tab(page, slides).assert_unharmed()
    body = slides.read_text(encoding="utf-8")
    marked = body.replace('<div class="slides">', f'<div class="slides">{HOSTILE[:200]}')
    slides.write_text(marked, encoding="utf-8")
    tab = Tab(page.context.new_page(), slides)
    assert tab.asked == [] and tab.page.title() != "taken over"
