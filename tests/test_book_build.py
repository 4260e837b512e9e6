"""The website as mdBook builds it: nothing is lost, nothing leads nowhere, nothing is loaded."""

from __future__ import annotations

import html
import re
import shutil
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from helpers import NOTEBOOKS, ROOT, Page, build, cells, every_notebook, squeeze

from resnet_course.pictures.frames import Frames
from resnet_course.website import explorer_files

nbconvert_filters = pytest.importorskip("nbconvert.filters")

PAGES = [*(path.stem for path in NOTEBOOKS), "welcome", "news", "glossary", "teaching"]

pytestmark = pytest.mark.processes


@cache
def page(book: Path, name: str) -> Page:
    return Page((book / f"{name}.html").read_text(encoding="utf-8"))


def test_the_summary_lists_every_notebook_and_page():
    summary = (ROOT / "notebooks" / "SUMMARY.md").read_text(encoding="utf-8")
    listed = re.findall(r"\(([\w.]+)\)", summary)
    assert len(listed) == len(set(listed))
    files = {p.name for p in (ROOT / "notebooks").glob("*.*") if p.suffix in (".md", ".ipynb")}
    assert set(listed) == files - {"SUMMARY.md"}
    assert [name for name in listed if name.endswith(".ipynb")] == [p.name for p in NOTEBOOKS]


@pytest.fixture
def course(book, tmp_path) -> Path:
    """A copy of the course to damage; the fixture `book` skips where there is no mdBook."""
    # The whole package: Python looks in the present folder first.
    for part in ("notebooks", "resnet_course"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=leave)
    shutil.copy(ROOT / "book.toml", tmp_path)
    return tmp_path


def test_a_book_whose_preprocessor_does_not_start_says_so_on_its_first_page(course):
    settings = (course / "book.toml").read_text(encoding="utf-8")
    assert settings.count('"python -m resnet_course.website.book"') == 1
    settings = settings.replace("resnet_course.website.book", "no_such_module")
    (course / "book.toml").write_text(settings, encoding="utf-8")
    # mdBook takes it for a preprocessor that does not want to run, and may panic at the JSON of a
    # chapter: so there is only the first page.
    (course / "notebooks" / "SUMMARY.md").write_text("[Welcome](welcome.md)\n", encoding="utf-8")
    done = build(course, course / "out")
    assert done.returncode == 0, done.stderr
    assert "are not prepared" in page(course / "out", "welcome").text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "02_residual_blocks.ipynb"),
        (lambda path: path.write_bytes(b'{"cells": ['), "02_residual_blocks.ipynb: this is not a"),
    ],
    ids=["missing", "broken"],
)
def test_a_chapter_that_is_missing_or_broken_stops_the_build(damage, words, course):
    damage(course / "notebooks" / "02_residual_blocks.ipynb")
    done = build(course, course / "out")
    assert done.returncode != 0 and words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["03_resnet18_34-c03-w1", "02_residual_blocks-c02-w2"])
def test_a_damaged_widget_stops_the_build_and_says_how_to_make_it_again(name, course):
    path = course / "notebooks" / "explorers" / f"{name}.js"
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    done = build(course, course / "out")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert f"explorers/{name}.js cannot be read" in done.stderr
    assert "python tests/execute_notebooks.py --widgets-only" in done.stderr


@every_notebook
def test_a_page_with_an_explorer_holds_its_front_end_once_and_its_data_beside_it(book, path):
    markup = (book / f"{path.stem}.html").read_text(encoding="utf-8")
    files = (book / "explorers").glob(f"{path.stem}-*.js")
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    keys = [key for key, text in texts.items() if explorer_files.is_explorer(text)]
    assert markup.count(explorer_files.script()) == bool(keys)
    for key in keys:
        place = re.search(rf'<div [^>]*data-key="{key}"[^>]*>(.*?)</div>', markup, re.DOTALL)
        assert "<img" in place[1], "without JavaScript the picture stays"
    assert 'explorerData("' not in markup.replace(explorer_files.script(), "")


@every_notebook
def test_every_word_of_the_markdown_cells_is_in_the_page(book, path):
    text = page(book, path.stem).text
    for cell in cells(path, "markdown"):
        # Another program's reading of the cell, in which formulas are still between dollars.
        rendered = Page(nbconvert_filters.markdown2html(cell.source))
        for piece in re.split(r"\$\$.+?\$\$|\$.+?\$|¶", " ".join(rendered.pieces)):
            for line in filter(None, map(squeeze, piece.split("\n"))):
                assert line.replace(" ", "") in text.replace(" ", ""), line


@every_notebook
def test_every_code_cell_and_every_short_text_output_is_in_the_page(book, path):
    text = page(book, path.stem).text
    for cell in cells(path, "code"):
        assert squeeze(cell.source) in text
        for output in cell.outputs:
            if output.output_type == "stream" and len(output.text.splitlines()) < 200:
                assert squeeze(output.text) in text


@every_notebook
def test_every_picture_is_in_the_page_with_its_description(book, path):
    images = [a for tag, a in page(book, path.stem).elements if tag == "img"]
    assert all(len(image["alt"]) > 20 for image in images)
    shown = {image["alt"] for image in images}
    files = (book / "explorers").glob(f"{path.stem}-*.js")
    texts = [file.read_text(encoding="utf-8") for file in files]
    framed = [text for text in texts if not explorer_files.is_explorer(text)]
    widgets = [Frames.from_js(text).first.words for text in framed]
    for cell in cells(path, "code"):
        for output in cell.outputs:
            for kind in ("image/png", "image/svg+xml"):
                if kind in output.get("data", {}):
                    alt = output.metadata[kind]["alt"]
                    assert alt in shown or any(words in alt for words in widgets)


@every_notebook
def test_every_picture_of_an_output_is_a_figure_with_a_short_caption_of_its_own(book, path):
    pictures = sum(
        any(kind.startswith("image/") for kind in output.get("data", {}))
        for cell in cells(path, "code")
        for output in cell.outputs
    )
    markup = (book / f"{path.stem}.html").read_text(encoding="utf-8")
    chapter = path.stem[:2]
    captions = re.findall(
        rf'<figcaption><a href="#figure-{chapter}-(\d+)">'
        rf"Figure {int(chapter)}\.\1</a> · (.*?)</figcaption></figure>",
        markup,
    )
    assert [int(number) for number, _ in captions] == [*range(1, pictures + 1)]
    words = [html.unescape(words) for _, words in captions]
    assert all(8 <= len(each) <= 85 and each[-1] != "." for each in words)
    assert len(set(words)) == len(words)
    assert all(markup.count(f'id="figure-{chapter}-{n}"') == 1 for n, _ in captions)


@every_notebook
def test_hints_unfold_and_the_notebook_can_be_downloaded(book, path):
    found = page(book, path.stem)
    hints = sum(
        output.get("data", {}).get("text/html", "").count("<summary>Hint")
        for cell in cells(path, "code")
        for output in cell.outputs
    )
    text = (book / f"{path.stem}.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<details>\s*<summary>Hint", text)) == hints
    assert any("download" in a and a["href"] == path.name for t, a in found.elements if t == "a")
    assert (book / path.name).read_bytes() == path.read_bytes()


@every_notebook
def test_formulas_are_mathml_and_none_is_left_as_tex(book, path):
    code = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
    # Another program's reading of the cells, in which formulas are still between dollars.
    read = "".join(nbconvert_filters.markdown2html(c.source) for c in cells(path, "markdown"))
    found = re.findall(r"\$\$.+?\$\$|\$.+?\$", code.sub("", read), re.DOTALL)
    markup = (book / f"{path.stem}.html").read_text(encoding="utf-8")
    assert markup.count("<math") == len(found)
    text = code.sub("", markup)
    assert not re.search(r"\\(frac|cdot|lfloor|text|sqrt)\b", html.unescape(text))


@pytest.mark.parametrize("name", [*PAGES, "index", "print"])
def test_the_page_is_prepared_and_every_link_and_picture_leads_somewhere(book, name):
    assert not re.search('"cell_type"|unprepared|not prepared', page(book, name).text)
    for tag, attributes in page(book, name).elements:
        names = ("href", "src", "data-frames", "data-explorer")
        target = next(filter(None, map(attributes.get, names)), None)
        if not target or target.startswith(("http:", "https:", "mailto:", "data:")):
            assert tag == "a" or not target or target.startswith("data:"), (tag, target)
            continue
        file, _, fragment = unquote(target).partition("#")
        assert (book / file).exists() if file else True, (tag, target)
        if fragment and (not file or file.endswith(".html")):
            assert fragment in page(book, file.removesuffix(".html") or name).every("id"), target


def test_the_search_knows_prose_code_and_outputs_but_no_pictures(book):
    (index,) = book.glob("searchindex*.js")
    text = index.read_text(encoding="utf-8")
    for words in ("cures", "requires_grad", "11,689,512", "GroupedConvExplorer"):
        assert words in text, words
    assert "base64" not in text and len(text) < 5_000_000


def card(book: Path, name: str) -> dict[str, str]:
    """Return what a link to a page shows elsewhere."""
    found = [a for tag, a in page(book, name).elements if tag == "meta"]
    return {a.get("property", a.get("name")): a.get("content", "") for a in found}


def test_a_link_to_a_page_shows_its_title_and_nothing_of_an_unknown_address(book):
    shown = card(book, "03_resnet18_34")
    assert shown["og:title"].startswith("03 · ResNet-18") and "twitter:card" in shown
    assert shown["og:description"] == shown["description"] != ""
    assert "og:image" not in shown and shown["twitter:card"] == "summary"


def test_slides_and_the_address_of_the_course_come_from_one_build(course, monkeypatch):
    deck = course / "notebooks" / "slides" / "03_resnet18_34.slides.html"
    deck.parent.mkdir(exist_ok=True)
    deck.write_text("slides", encoding="utf-8")
    # As .github/workflows/course.yml sets it.
    monkeypatch.setenv("MDBOOK_OUTPUT__HTML__GIT_REPOSITORY_URL", "https://github.com/o/r")
    monkeypatch.setenv("MDBOOK_OUTPUT__HTML__SITE_URL", "/r/")
    assert build(course, course / "out").returncode == 0
    links = page(course / "out", "03_resnet18_34").every("href")
    assert f"slides/{deck.name}" in links
    lost = (course / "out" / "404.html").read_text(encoding="utf-8")
    assert '<base href="/r/">' in lost, "its styles would not be found"
    assert (course / "out" / "slides" / deck.name).read_text(encoding="utf-8") == "slides"
    assert any(link.startswith("https://mybinder.org/v2/gh/o/r/") for link in links)
    image = card(course / "out", "03_resnet18_34")["og:image"]
    assert image == "https://github.com/o/r/raw/HEAD/notebooks/screenshot.png"
    assert (ROOT / "notebooks" / "screenshot.png").exists()


def test_what_is_new_is_told_on_the_first_page_and_names_each_chapter_with_a_network(book):
    assert "news.html" in page(book, "index").every("href")
    files = (book / "explorers").glob("0*.js")
    live = {f.name.split("-")[0] for f in files if '"live":{' in f.read_text(encoding="utf-8")}
    text = (ROOT / "notebooks" / "news.md").read_text(encoding="utf-8")
    (touched,) = re.findall(r"^- \*\*A network.*?(?=^- )", text, re.MULTILINE | re.DOTALL)
    assert re.findall(r"\((\w+)\.ipynb\)", touched) == sorted(live)
    assert 150 <= len(text.split()) <= 250


def test_the_small_highlighter_knows_every_language_of_the_pages(book):
    (script,) = book.glob("highlight-*.js")
    known = re.findall(r'registerLanguage\("(\w+)"', script.read_text(encoding="utf-8"))
    pages = (book / "print.html").read_text(encoding="utf-8")
    assert set(re.findall(r'<code class="language-(\w+)', pages)) == set(known)
    assert script.stat().st_size < 40_000
