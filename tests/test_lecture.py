"""The slides: one file for each chapter, which needs nothing but itself."""

from __future__ import annotations

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("pyreveal", reason="needs the extra `lecture`")
pytest.importorskip("markdown_it", reason="needs the extra `lecture`")

from helpers import Page, cells, every_notebook, slide_type

from resnet_course.website import explorer_files, lecture
from resnet_course.website.book import widgets

pytestmark = pytest.mark.processes


@every_notebook
def test_a_deck_is_one_file_that_loads_nothing(decks, path):
    deck = decks[path.stem].read_text(encoding="utf-8")
    # reveal.js itself names addresses in its texts; elements that load are what counts.
    for tag, attributes in Page(re.sub(r"<script>.*?</script>", "", deck, flags=re.S)).elements:
        assert tag not in ("link", "script", "iframe", "object"), tag
        assert attributes.get("src", "data:").startswith("data:")
    for style in re.findall(r"<style>.*?</style>", deck, re.S):
        assert not re.search(r"@import|url\((?!data:)", style)
    assert "Reveal.initialize" in deck and "https://revealjs.com" in deck
    assert len(deck) < 2_000_000


@every_notebook
def test_a_deck_shows_what_is_marked_and_hides_what_is_not(decks, path):
    deck = decks[path.stem].read_text(encoding="utf-8")
    body = re.search(r'<div class="slides">.*?<script>', deck, re.S)[0]
    page = Page(body)
    text = page.text.replace(" ", "")
    kinds = [slide_type(cell) for cell in cells(path)]
    starts = kinds.count("slide") + kinds.count("subslide")
    sections = [tag for tag, _ in page.elements].count("section")
    assert sections == starts + kinds.count("slide")
    assert (10 if path.stem[:2] != "00" else 5) <= starts <= 34
    for cell in cells(path):
        code = "".join(cell.source.split())
        if cell.cell_type == "code" and len(code) > 40:
            hidden = lecture.HIDE_INPUT in cell.metadata.get("tags", [])
            assert (code in text) == (slide_type(cell) != "skip" and not hidden), cell.source
    assert 'class="notes"' in body
    assert not re.search(r'href="(?!https?:)', body)


@every_notebook
def test_a_deck_holds_the_front_end_and_each_explorer_once(decks, path):
    deck = decks[path.stem].read_text(encoding="utf-8")
    shown = []
    for cell in cells(path, "code"):
        key = f"{path.stem}-{cell.id}"
        text = widgets.stored(key, path.parent)
        if slide_type(cell) != "skip" and text and explorer_files.is_explorer(text):
            assert deck.count(text) == 1
            place = re.search(f'<div class="explorer-place" data-key="{key}">(.*?)</div>', deck)
            assert "<img" in place[1], "printed, the picture stands there"
            shown.append(key)
            for weights in widgets.weights(text, path.parent):
                assert deck.count(weights) == 1
    assert deck.count("<script>explorerData(") == len(shown)
    for part in (explorer_files.script(), explorer_files.style()):
        assert deck.count(part) == bool(shown)


def test_an_explorer_without_its_weights_stops_the_deck(tmp_path):
    data = {"network": {"rows": [1], "live": {"weights": "mine"}}, "maps": {}}
    (tmp_path / "explorers").mkdir()
    for text in (None, "networkWeights(", 'networkWeights("mine","<");\n'):
        if text:
            file = tmp_path / "explorers" / "weights-mine.js"
            file.write_text(text, encoding="utf-16")
        with pytest.raises(ValueError, match=r"explorers/weights-mine.js cannot be read .*Make it"):
            widgets.weights(explorer_files.to_js("key", data), tmp_path)


def test_damaged_data_of_an_explorer_stop_the_deck(tmp_path):
    cell = new_code_cell("x", id="c1")
    (tmp_path / "explorers").mkdir()
    (tmp_path / "explorers" / "01_a-c1.js").write_text('explorerData("01_a-c1",{"network"')
    about = {"metadata": {"name": "01_a", "path": str(tmp_path)}}
    with pytest.raises(ValueError, match="01_a-c1.js cannot be read.*--widgets-only"):
        lecture.prepare(new_notebook(cells=[cell]), about)
    cell.metadata["slideshow"] = {"slide_type": "skip"}  # no slide needs them
    lecture.prepare(new_notebook(cells=[cell]), about)
    assert "explorer" not in cell.metadata


def test_a_cell_keeps_formulas_pictures_and_tooltips_and_loses_links():
    text = new_markdown_cell('$x^2$ and [a term](glossary.md#term "용어") and [web](https://e.org)')
    markup = lecture.slide_cell(text)
    assert "<math" in markup and '<span title="용어">a term</span>' in markup
    assert 'href="https://e.org"' in markup and "glossary" not in markup
    output = new_output(
        "display_data", {"image/png": "iVBO"}, metadata={"image/png": {"alt": "A b"}}
    )
    cell = new_code_cell("x = 1", outputs=[output, new_output("stream", text="<b>")])
    markup = lecture.slide_cell(cell)
    assert 'class="code"' in markup and 'alt="A b"' in markup and "&lt;b&gt;" in markup
    cell.metadata["tags"] = [lecture.HIDE_INPUT]
    assert 'class="code"' not in lecture.slide_cell(cell) and "A b" in lecture.slide_cell(cell)
    assert lecture.slide_cell(new_code_cell("", metadata={"tags": [lecture.HIDE_INPUT]})) == ""


def test_without_reveal_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lecture, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install -e "\.\[lecture\]"'):
        lecture.reveal_file("reveal.js")


def test_a_file_of_reveal_cannot_end_the_element_that_holds_it():
    for name in ("reveal.js", "reveal.css", "plugin/notes.js"):
        assert not re.search(r"</(script|style)", lecture.reveal_file(name), re.IGNORECASE)
