"""The preprocessor: the protocol of mdBook, Markdown, formulas, links, outputs, hostile pages."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path

import nbformat
import pytest
from helpers import Page, python
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

pytest.importorskip("markdown_it", reason="needs the extra `book`")
pytest.importorskip("nh3", reason="needs the extra `book`")

from markdown_it import MarkdownIt
from PIL import Image

from resnet_course.start.environment import START
from resnet_course.website.book import outputs, safe
from resnet_course.website.book.chapter import ChapterError, convert
from resnet_course.website.book.formulas import FormulaError
from resnet_course.website.book.prose import to_markdown
from resnet_course.website.book.protocol import ProtocolError, prepare
from resnet_course.website.lecture import prepare as prepare_deck
from resnet_course.website.lecture import slide_cell

COMMONMARK = MarkdownIt("commonmark", {"html": True})
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>a</a>"
    "<iframe src='https://example.org'></iframe><style>body{display:none}</style>"
    "<div style='position:fixed;top:0;background:url(https://example.org/x)'>over</div>"
    "<svg onload=alert(1)></svg><form action='https://example.org'><input></form>"
    "<link rel=stylesheet href='https://example.org/x.css'><img src='https://example.org/x.png'>"
)


FORBIDDEN = {
    *[
        "script",
        "iframe",
        "style",
        "form",
        "input",
        "link",
        "svg",
        "meta",
        "object",
        "embed",
        "base",
        "marquee",
    ]
}


def assert_harmless(markup: str) -> None:
    allowed = {*safe.TAGS.split(), "math"}
    for tag, attributes in Page(markup).elements:
        assert tag in allowed or tag.startswith("m"), tag
        assert tag not in FORBIDDEN, tag  # whatever `safe` allows
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name, value)
            assert name not in ("href", "src") or "javascript:" not in value.lower()
            assert name != "style" or ("position" not in value and "url(" not in value)
            assert name not in ("src", "data") or not value.startswith(("http", "//"))


def notebook(*cells) -> str:
    return nbformat.writes(new_notebook(cells=list(cells)))


def shown(data: dict, **metadata) -> str:
    return outputs.to_html(new_output("display_data", data, metadata=metadata))


# The protocol.


def book(root: Path, *chapters: dict | str, repository: str = "") -> str:
    """Return what mdBook writes to a preprocessor."""
    config = {"book": {"src": "notebooks", "title": "t"}, "preprocessor": {}}
    if repository:
        config["output"] = {"html": {"git-repository-url": repository}}
    context = {"root": str(root), "config": config, "renderer": "html", "mdbook_version": "0.5.4"}
    return json.dumps([context, {"items": [*chapters]}])


def chapter(path: str | None, content: str, *inside: dict) -> dict:
    paths = {"path": path, "source_path": path, "parent_names": []}
    own = {"name": "n", "content": content, "number": [1], "sub_items": [*inside]}
    return {"Chapter": own | paths}


def test_every_chapter_is_prepared_and_nothing_else_changes(tmp_path):
    source = notebook(new_markdown_cell("# A\n\nwords"))
    chapters = [
        chapter("a.ipynb", source, chapter("b/c.ipynb", source)),
        "Separator",
        {"PartTitle": "Part"},
        chapter(None, ""),
        chapter("d.md", "see [A](a.ipynb)"),
    ]
    done = prepare(book(tmp_path, *chapters))
    items = done["items"]
    assert set(done) == {"items"} and items[1:4] == chapters[1:4]
    first, inner = items[0]["Chapter"], items[0]["Chapter"]["sub_items"][0]["Chapter"]
    assert first["content"].startswith("# A\n") and "<p>words</p>" in first["content"]
    assert 'href="c.ipynb"' in inner["content"]
    assert '<a href="a.html">A</a>' in items[4]["Chapter"]["content"]
    unchanged = {key: value for key, value in first.items() if key not in ("content", "sub_items")}
    assert unchanged == {key: chapters[0]["Chapter"][key] for key in unchanged}


def test_the_program_answers_what_it_supports_and_speaks_json(tmp_path):
    program = ("-m", "resnet_course.website.book")
    assert python(*program, "supports", "html").returncode == 0
    assert python(*program, "supports", "latex").returncode == 1
    source = notebook(new_markdown_cell("# Ä · 한국어"))
    done = python(*program, input=book(tmp_path, chapter("a.ipynb", source)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"][0]["Chapter"]["content"].startswith("# Ä · 한국어")
    wrong = python(*program, input="not json")
    assert wrong.returncode == 1 and not wrong.stdout
    assert "mdbook build" in wrong.stderr and "Traceback" not in wrong.stderr


OF_MDBOOK_0_4 = '[{"root": ".", "config": {"book": {}}}, {"sections": []}]'


@pytest.mark.parametrize(
    "text", ["", "[]", "[1, 2]", '[{"root": "."}, {"items": []}]', "{}", OF_MDBOOK_0_4]
)
def test_what_is_no_book_is_refused(text):
    with pytest.raises(ProtocolError, match="book.toml"):
        prepare(text)


# Prose.


def test_headings_stay_markdown_and_the_rest_becomes_html():
    page = to_markdown(
        "## 2. The `a*b` *walk* [x](y)\n\nA **b**.\n\n- c\n\n```python\nx = 1\n\ny\n```\n\nd\n==="
    )
    first, rest, last = page.split("\n\n")
    assert first == "## 2. The <code>a&#42;b</code> walk x" and last == "# d"
    assert rest.startswith("<div>") and "<strong>b</strong>" in rest and "<li>c</li>" in rest
    assert '<code class="language-python">x = 1&#10;&#10;y&#10;</code>' in rest


def test_a_box_is_named_after_its_first_word():
    assert 'class="box-predict"' in to_markdown("> **Predict.** What?")
    assert "class" not in to_markdown("> What?")


def test_what_happened_waits_behind_a_button_up_to_the_next_prediction_or_heading():
    text = "a\n\n**What happened.** b\n\nc\n\n> **Predict.** d\n\ne\n\n## f\n\ng"
    parts = to_markdown(text, key="k").split("\n\n")
    assert ["<details" in part for part in parts] == [False, True, False, False, False]
    assert "b</p>" in parts[1] and "<p>c" in parts[1]
    assert 'data-key="k"' in parts[1] and " open>" in parts[1]
    assert "<details" not in to_markdown(text)


def test_formulas_become_mathml_outside_code_only():
    page = to_markdown(
        "It costs $5 or $6, `$HOME` and $k = 7$.\n\n> $$\\frac{a}\n> {b}$$\n\n"
        "    $x$ in code\n\n```\n$y$\n```\n\n| $z$ |\n|---|\n| \\$1 and $2/$3 |\n\n"
        "Bare:\n> \\begin{align}\n> a &= b\n> \\end{align}\n\n## $*a*$\n\n"
        "<details><summary>More</summary>\n\n[so $c$](#c) it $$\nis$$ 1\n\n</details>"
    )
    assert page.count("<math") == 7 and "<mfrac>" in page and page.count('display="block"') == 3
    assert "<mtable" in page and "# <math" in page
    assert not any(words in page for words in ("begin", "(1)", "<em"))
    for words in ("costs $5 or $6, <code>$HOME</code>", "$x$ in code", "$y$", "$1 and $2/$3"):
        assert words in page
    assert page.endswith("1</p> </details></div>")


@pytest.mark.parametrize(("tex", "base"), [("H'(x)", "<mi>H</mi>"), ("(a+b)''", ")</mo>")])
def test_a_prime_is_not_raised_a_second_time(tex, base):
    page = html.unescape(to_markdown(f"${tex}$"))
    assert re.search(rf"{re.escape(base)}<mo>[′″]</mo>", page) and "<msup" not in page


def test_a_formula_where_no_element_can_stand_is_kept_as_tex():
    page = to_markdown('[a](b "with $x^2$") ![$y$](z.png) <b title="$w$">c</b>')
    assert page.count("<math") == 0
    assert 'title="with $x^2$"' in page and 'alt="$y$"' in page and 'title="$w$"' in page


@pytest.mark.parametrize(
    "tex", ["\\frac{a", "a}", "x^", "\\left( x", "\\nosuchthing x", "a & b", "\\mathop{a}"]
)
def test_a_formula_that_is_none_is_named(tex):
    with pytest.raises(FormulaError, match=re.escape(f"the formula ${tex}$")):
        to_markdown(f"a ${tex}$ b")


@pytest.mark.parametrize(
    "text",
    [
        *(HOSTILE, f"a {HOSTILE} b", f"# {HOSTILE}", f"`\n- {HOSTILE}\n`", f"> {HOSTILE}"),
        f"[a](<javascript:alert(1)>) {HOSTILE}",
        f"| {HOSTILE} |\n|---|\n| {HOSTILE} |",
        f"$x$ <script $y$ {HOSTILE}",
        *(f"$\\text{{{HOSTILE}}}$", f"# $\\text{{{HOSTILE}}}$"),
        "$\\href{javascript:alert(1)}{x} \\style{background:url(https://e.org/x)}{y}$",
        *(f"<div\n\n{HOSTILE}", f"``` {HOSTILE}\n{HOSTILE}"),
    ],
)
def test_no_markdown_gets_a_script_or_a_foreign_picture_into_the_page(text):
    assert_harmless(COMMONMARK.render(to_markdown(text)))


def test_mdbook_directives_are_shown_not_followed():
    page = to_markdown("# {{#include /etc/passwd}}\n\n{{#include /etc/passwd}}\n\n`{{#title x}}`")
    page += shown({"text/plain": "{{#include /etc/passwd}}"})
    page += shown({"text/html": "<b>{{#include /etc/passwd}}</b>"})
    assert "{{" not in page and page.count("include /etc/passwd") == 4


# Links.


def test_links_between_chapters_lead_to_pages_and_others_stay(tmp_path):
    (tmp_path / "x.png").touch()
    text = "[a](02.ipynb#part) [b](w.md) ![alt](x.png) [c](https://e.org/a.ipynb) [d](#e)"
    page = convert(text, "01.md", tmp_path, {"01.md", "02.ipynb", "w.md"})
    for link in ('"02.html#part"', '"w.html"', '"x.png"', '"https://e.org/a.ipynb"', '"#e"'):
        assert link in page


def test_links_to_names_with_spaces_and_other_letters(tmp_path):
    for name in ("my picture.png", "그림.png"):
        (tmp_path / name).touch()
    text = "![a](my%20picture.png) ![b](그림.png) [c](a%20b.ipynb)"
    page = convert(text, "01.md", tmp_path, {"01.md", "a b.ipynb"})
    assert '"my%20picture.png"' in page and '"a%20b.html"' in page


def test_the_title_of_a_term_says_its_sentence_too(tmp_path):
    row = '| <a id="stem"></a>stem | 스템 | 起始层 | The start. |\n'
    (tmp_path / "glossary.md").write_text(row, encoding="utf-8")
    cell = new_markdown_cell(
        '[A](glossary.md#stem "스템 · 起始层") [B](glossary.md "all") [C](b.md)'
    )
    page = convert(notebook(cell), "a.ipynb", tmp_path, ["glossary.md", "b.md"])
    assert Page(page).every("title") == ["스템 · 起始层: The start.", "all"]


def test_a_table_scrolls_in_a_box_of_its_own_and_has_no_empty_heads():
    page = to_markdown("a\n\n| | b |\n|---|---|\n| c | d |")
    tags = [tag for tag, _ in Page(page).elements]
    assert tags == ["div", "p", "div", "table", "thead", "tr", "td", "th", *tags[8:]]
    assert "<td style" in shown(
        {"text/html": "<table><tr><th style='color:red'> </th></tr></table>"}
    )


@pytest.mark.parametrize("target", ["03.ipynb", "gone.md", "../secret.txt", "no.png"])
def test_a_link_that_leads_nowhere_stops_the_build_and_says_where(target, tmp_path):
    (tmp_path.parent / "secret.txt").touch()
    source = notebook(new_markdown_cell("a"), new_markdown_cell(f"[b]({target})"))
    with pytest.raises(ChapterError, match=f"01.ipynb, cell 2: the link to {target}"):
        convert(source, "01.ipynb", tmp_path, {"01.ipynb"})


# Below the title.

WITH_TITLE = notebook(new_markdown_cell("# A\n\nwords"))


def test_a_chapter_says_below_its_title_how_it_is_run_and_links_to_slides_that_are_there(tmp_path):
    page = convert(WITH_TITLE, "a b.ipynb", tmp_path, ["a b.ipynb"])
    title, tools, _ = page.split("\n\n")
    assert title == "# A" and tools.startswith('<div class="chapter-tools"><details>')
    (lines,) = re.findall(r"<pre><code [^>]*>(.*?)</code>", tools)
    assert html.unescape(lines).split("\n") == [*START]
    assert Page(tools).every("href") == ["a%20b.ipynb"]  # no slides, and no address is known
    deck = tmp_path / "slides" / "a b.slides.html"
    deck.parent.mkdir()
    deck.touch()
    page = convert(WITH_TITLE, "a b.ipynb", tmp_path, ["a b.ipynb"])
    assert Page(page).every("href") == ["a%20b.ipynb", "slides/a%20b.slides.html"]


@pytest.mark.parametrize("end", ["", "/", ".git"])
def test_with_a_repository_on_github_a_chapter_offers_binder_and_colab(end, tmp_path):
    address = f"https://github.com/o-o/r.r{end}"
    made = prepare(book(tmp_path, chapter("a.ipynb", WITH_TITLE), repository=address))
    done = made["items"][0]["Chapter"]["content"]
    assert Page(done).every("href") == [
        "https://github.com/o-o/r.r",
        "https://mybinder.org/v2/gh/o-o/r.r/HEAD?urlpath=lab/tree/notebooks/a.ipynb",
        "https://colab.research.google.com/github/o-o/r.r/blob/main/notebooks/a.ipynb",
        "a.ipynb",
    ]
    install = '!pip install "git+https://github.com/o-o/r.r" && pip install --no-deps d2l==1.0.3'
    assert f">{install}<" in html.unescape(done)


@pytest.mark.parametrize("address", ["https://gitlab.com/o/r", 'https://github.com/o/r" id="x'])
def test_an_address_that_is_not_of_github_makes_no_links(address, tmp_path):
    page = convert(WITH_TITLE, "a.ipynb", tmp_path, ["a.ipynb"], address)
    assert Page(page).every("href") == ["a.ipynb"]


# Outputs.


def test_a_picture_carries_its_description_and_svg_is_preferred():
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    data = {"image/png": "iVBORw0K\n", "image/svg+xml": svg, "text/plain": "p"}
    page = shown(data, **{"image/svg+xml": {"alt": 'a "quoted" picture'}})
    (source,) = Page(page).every("src")
    assert source.startswith("data:image/svg+xml;base64,") and "<script" not in page
    assert Page(page).every("alt") == ['a "quoted" picture']
    assert "data:image/png;base64,iVBORw0K" in shown({"image/png": "iVBORw0K\n"})


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_a_png_becomes_a_smaller_picture_with_the_same_pixels(mode):
    drawn, stored = Image.effect_noise((60, 40), 30).convert(mode), io.BytesIO()
    drawn.save(stored, "PNG")
    page = shown({"image/png": base64.b64encode(stored.getvalue()).decode()})
    kind, _, content = Page(page).every("src")[0].partition(";base64,")
    made = base64.b64decode(content)
    assert kind == "data:image/webp" and len(made) < len(stored.getvalue())
    with Image.open(io.BytesIO(made)) as image:
        assert image.convert("RGBA").tobytes() == drawn.convert("RGBA").tobytes()


def test_text_is_escaped_and_loses_the_colours_and_the_past_of_a_terminal():
    text = f"\r  0%\r 50%\r100%\r\n\x1b[1;31mred\x1b[0m\x07\n{HOSTILE}"
    stream = new_output("stream", name="stdout", text=text)
    error = new_output("error", ename="ValueError", evalue=HOSTILE, traceback=["x"])
    pages = [Page(outputs.to_html(each)) for each in (stream, error)]
    assert [tag for page in pages for tag, _ in page.elements] == ["pre", "pre"]
    assert pages[0].text.startswith("100% red <script>")


def test_html_of_an_output_is_cleaned_and_keeps_hints_and_tables():
    assert_harmless(shown({"text/html": HOSTILE}))
    hint = (
        "<details><summary>Hint 1 of 3</summary>Think.</details><td style='text-align:left'>a</td>"
    )
    assert "<details><summary>Hint 1 of 3</summary>Think.</details>" in shown({"text/html": hint})
    assert "text-align" in shown({"text/html": f"<table>{hint}</table>"})
    assert shown({"text/html": "<style>p{}</style>", "text/plain": ""}) == ""


def test_a_huge_output_is_cut_and_says_so():
    lines = outputs.to_html(new_output("stream", text="line\n" * 100_000))
    assert len(lines) < 10_000 and "99,800 more lines" in lines
    long = outputs.to_html(new_output("stream", text="x" * 10**7))
    assert len(long) < 50_000 and "more characters" in long
    for kind in ("text/html", "image/png", "image/svg+xml"):
        page = shown({kind: "A" * 5_000_000, "text/plain": "p"})
        assert len(page) < 200 and "5 MB" in page


def test_what_a_page_cannot_show_is_named_and_a_dead_widget_leaves_nothing():
    assert "application/x-foo" in shown({"application/x-foo": "{}"})
    assert shown({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}}) == ""
    assert shown({"application/javascript": "alert(1)"}) == ""


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '"text"', '{"cells": 3}', '{"nbformat": 4, "nbformat_minor": 5}'],
)
def test_what_is_no_notebook_is_refused_with_its_name(content, tmp_path):
    with pytest.raises(ChapterError, match="^01.ipynb: this is not a notebook.*JupyterLab"):
        convert(content, "01.ipynb", tmp_path, {"01.ipynb"})


def test_a_hostile_notebook_becomes_an_escaped_page(tmp_path):
    cell = new_code_cell(
        f"</code></pre>{HOSTILE}\n\n{{{{#include x}}}}",
        outputs=[
            new_output("stream", text=HOSTILE),
            new_output("display_data", {"text/html": f"</div></div>\n\n{HOSTILE}"}),
            new_output("display_data", {"text/plain": HOSTILE, "image/png": f'"{HOSTILE}'}),
        ],
    )
    source = notebook(new_markdown_cell(HOSTILE), cell, new_raw_cell(HOSTILE))
    page = convert(source, "01.ipynb", tmp_path, {"01.ipynb"})
    assert "\n\n{" not in page and "{{" not in page
    assert_harmless(COMMONMARK.render(page))


# Nothing is dropped silently, and a notebook of any size and depth becomes a page soon.

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


def page_of(tmp_path, *cells) -> str:
    return convert(notebook(*cells), "a.ipynb", tmp_path, ["a.ipynb"])


def test_outputs_between_a_prediction_and_what_happened_wait(tmp_path):
    def ran(text):
        return new_code_cell("1", outputs=[new_output("stream", text=text)])

    cells = [
        ran("before"),
        new_markdown_cell("> **Predict.** What?"),
        ran("first"),
        ran("second"),
        new_markdown_cell("**What happened.** That.\n\n> **Predict.** And now?"),
        ran("third"),
        new_markdown_cell("## Another thing"),
        ran("after"),
    ]
    words = ("before", "first", "second", "That.", "third", "after")
    parts = page_of(tmp_path, *cells).split("\n\n")
    waits = {word: 'class="answer"' in part for part in parts for word in words if word in part}
    folded = dict.fromkeys(("first", "second", "That.", "third"), True)
    assert waits == {"before": False, **folded, "after": False}


def test_figures_and_equations_of_a_chapter_are_numbered_and_link_to_themselves(tmp_path):
    def drawn(alt, **metadata):
        data, about = {"image/png": PIXEL}, {"image/png": {"alt": alt}}
        output = new_output("display_data", data, metadata=about)
        return new_code_cell("draw()", outputs=[output, output], metadata=metadata)

    cells = [
        drawn("Two curves, one's < 1. The other rises."),
        new_markdown_cell("So $x$ is\n\n$$x^2$$\n\n> $$x^3$$"),
        drawn("A to B: what", caption="A & B: both"),
    ]
    page = convert(notebook(*cells), "03_a.ipynb", tmp_path, ["03_a.ipynb"])
    figures = re.findall('<figure id="(.+?)">.*?<figcaption>(.+?)</figcaption></figure>', page)
    first, second = "Two curves, one's &lt; 1", "A &amp; B: both"
    assert figures == [
        (f"figure-03-{n}", f'<a href="#figure-03-{n}">Figure 3.{n}</a> · {words}')
        for n, words in enumerate([first, first, second, second], 1)
    ]
    assert Page(page).every("id")[2:4] == ["equation-03-1", "equation-03-2"]
    assert '<a href="#equation-03-2" aria-label="Equation (3.2)">(3.2)</a></div>' in page
    assert all(word not in slide_cell(cell) for cell in cells for word in ("<figure", "(3."))


def test_pictures_that_lie_in_a_cell_are_shown_in_page_and_slides(tmp_path):
    cell = new_markdown_cell(
        '![one](attachment:im.png) ![two](attachment:my%20im.png) <img src="attachment:im.png.png">'
    )
    names = ("im.png", "my im.png", "im.png.png")
    cell["attachments"] = {name: {"image/png": PIXEL} for name in names}
    for markup in (page_of(tmp_path, cell), slide_cell(cell)):
        assert markup.count(f'src="data:image/png;base64,{PIXEL}"') == 3


def test_a_picture_that_is_missing_in_its_cell_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ChapterError, match=r"cell 1: there is no attachment:im\.png in the cell"):
        page_of(tmp_path, new_markdown_cell("![one](attachment:im.png)"))


def test_markdown_and_latex_outputs_are_set():
    assert "<strong>a</strong>" in shown({"text/markdown": "**a** $x^2$"})
    assert "<msup>" in shown({"text/markdown": "**a** $x^2$"})
    for tex in ("$$x^2$$", "$\\displaystyle x^2$", "\\begin{align}x^2\\end{align}"):
        assert "<msup>" in shown({"text/latex": tex, "text/plain": "Latex"})
    # Another program made it: its text is better than no page.
    assert "nosuchthing" in shown({"text/latex": "$\\nosuchthing x$"})
    hostile = shown({"text/markdown": "<script>x</script>[a](javascript:x) b"})
    assert "<script" not in hostile and " b" in hostile


def test_a_bare_equation_a_raw_cell_and_a_progress_bar_are_shown(tmp_path):
    bar = new_output("stream", name="stderr", text="\r 10%|#\r 50%|##\r100%|####\n")
    cells = [
        new_markdown_cell("Now\n\n\\begin{equation}\nx^2\n\\end{equation}"),
        new_raw_cell("raw <words>"),
        new_code_cell("f()", outputs=[bar], execution_count=1),
    ]
    text = page_of(tmp_path, *cells)
    assert "<msup>" in text and "raw &lt;words&gt;" in text
    assert "100%|####" in text and "10%" not in text.replace("100%", "")
    assert "raw &lt;words&gt;" in slide_cell(cells[1])


def test_too_many_outputs_end_with_a_note_and_the_page_stays_small(tmp_path):
    large = new_output("display_data", {"image/png": "A" * 2_900_000})
    cells = [new_code_cell(f"x = {i}", outputs=[large], execution_count=i) for i in range(50)]
    text = page_of(tmp_path, *cells)
    assert len(text) < 1.1 * outputs.MOST_IN_ALL and text.count("<img") == 6
    assert text.count("All outputs together have more than 20 MB") == 1
    assert "x = 49" in text
    prepare_deck(new_notebook(cells=cells), {"metadata": {"name": "a"}})  # slides, too
    assert [len(cell.outputs) for cell in cells] == [1] * 7 + [0] * 43


@pytest.mark.parametrize("markup", ["<div>" * 20_000, "<b>" * 20_000 + "x" + "</b>" * 20_000])
def test_what_is_nested_too_deep_is_told(markup, tmp_path):
    output = shown({"text/html": markup})
    assert "cannot be shown here: more than 500 HTML elements" in output
    with pytest.raises(ChapterError, match="cell 1: more than 500 HTML elements"):
        page_of(tmp_path, new_markdown_cell(markup))


def test_a_long_flat_table_is_no_nesting():
    rows = "<tr><td>1<td>2<br>" * 5_000
    assert shown({"text/html": f"<table>{rows}</table>"}).count("<td>") == 10_000


def test_a_formula_that_is_too_deep_is_named_in_a_short_message(tmp_path):
    with pytest.raises(ChapterError) as error:
        page_of(tmp_path, new_markdown_cell("${}{}x{}$".format("", "{" * 20_000, "}" * 20_000)))
    assert re.search("cell 1: the formula", str(error.value)) and len(str(error.value)) < 1_000
