"""The book drops nothing silently, and a notebook of any size and depth becomes a page soon."""

from __future__ import annotations

import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

pytest.importorskip("markdown_it", reason="needs the extra `book`")
pytest.importorskip("nh3", reason="needs the extra `book`")

from resnet_course.website.book import outputs
from resnet_course.website.book.chapter import ChapterError, convert
from resnet_course.website.lecture import slide_cell

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


def page(tmp_path, *cells) -> str:
    notebook = nbformat.writes(new_notebook(cells=list(cells)))
    return convert(notebook, "a.ipynb", tmp_path, ["a.ipynb"])


def displayed(data: dict) -> str:
    return outputs.to_html(new_output("display_data", data))


def test_pictures_that_lie_in_a_cell_are_shown_in_page_and_slides(tmp_path):
    cell = new_markdown_cell(
        '![one](attachment:im.png) ![two](attachment:my%20im.png) <img src="attachment:im.png.png">'
    )
    names = ("im.png", "my im.png", "im.png.png")
    cell["attachments"] = {name: {"image/png": PIXEL} for name in names}
    for markup in (page(tmp_path, cell), slide_cell(cell)):
        assert markup.count(f'src="data:image/png;base64,{PIXEL}"') == 3


def test_a_picture_that_is_missing_in_its_cell_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ChapterError, match=r"cell 1: there is no attachment:im\.png in the cell"):
        page(tmp_path, new_markdown_cell("![one](attachment:im.png)"))


def test_markdown_and_latex_outputs_are_set():
    assert "<strong>a</strong>" in displayed({"text/markdown": "**a** $x^2$"})
    assert "<msup>" in displayed({"text/markdown": "**a** $x^2$"})
    for tex in ("$$x^2$$", "$\\displaystyle x^2$", "\\begin{align}x^2\\end{align}"):
        assert "<msup>" in displayed({"text/latex": tex, "text/plain": "Latex"})
    # Another program made it: its text is better than no page.
    assert "nosuchthing" in displayed({"text/latex": "$\\nosuchthing x$"})
    hostile = displayed({"text/markdown": "<script>x</script>[a](javascript:x) b"})
    assert "<script" not in hostile and " b" in hostile


def test_a_bare_equation_a_raw_cell_and_a_progress_bar_are_shown(tmp_path):
    bar = new_output("stream", name="stderr", text="\r 10%|#\r 50%|##\r100%|####\n")
    cells = [
        new_markdown_cell("Now\n\n\\begin{equation}\nx^2\n\\end{equation}"),
        new_raw_cell("raw <words>"),
        new_code_cell("f()", outputs=[bar], execution_count=1),
    ]
    text = page(tmp_path, *cells)
    assert "<msup>" in text and "raw &lt;words&gt;" in text
    assert "100%|####" in text and "10%" not in text.replace("100%", "")
    assert "raw &lt;words&gt;" in slide_cell(cells[1])


def test_too_many_outputs_end_with_a_note_and_the_page_stays_small(tmp_path):
    large = new_output("display_data", {"image/png": "A" * 2_900_000})
    cells = [new_code_cell(f"x = {i}", outputs=[large], execution_count=i) for i in range(50)]
    text = page(tmp_path, *cells)
    assert len(text) < 1.1 * outputs.MOST_IN_ALL and text.count("<img") == 6
    assert text.count("All outputs together have more than 20 MB") == 1
    assert "x = 49" in text


@pytest.mark.parametrize("markup", ["<div>" * 20_000, "<b>" * 20_000 + "x" + "</b>" * 20_000])
def test_what_is_nested_too_deep_is_told(markup, tmp_path):
    shown = displayed({"text/html": markup})
    assert "cannot be shown here: more than 500 HTML elements" in shown
    with pytest.raises(ChapterError, match="cell 1: more than 500 HTML elements"):
        page(tmp_path, new_markdown_cell(markup))


def test_a_long_flat_table_is_no_nesting():
    rows = "<tr><td>1<td>2<br>" * 5_000
    assert displayed({"text/html": f"<table>{rows}</table>"}).count("<td>") == 10_000


def test_a_formula_that_is_too_deep_is_named_in_a_short_message(tmp_path):
    with pytest.raises(ChapterError) as error:
        page(tmp_path, new_markdown_cell("${}{}x{}$".format("", "{" * 20_000, "}" * 20_000)))
    assert re.search("cell 1: the formula", str(error.value)) and len(str(error.value)) < 1_000
