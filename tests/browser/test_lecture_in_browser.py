"""The slides in Chromium at the size of a projector: everything is on the slide, and readable."""

from __future__ import annotations

import pytest

pytest.importorskip("sphinx_revealjs", reason="needs the extra `lecture`")

from slides import HEIGHT, NOTEBOOKS, WIDTH, measure


@pytest.fixture
def projector(browser):
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda m: page.troubles.append(m.text) if m.type == "error" else None)
    page.on(
        "request",
        lambda r: (
            None if r.url.startswith(("file:", "data:", "blob:")) else page.troubles.append(r.url)
        ),
    )
    yield page
    context.close()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_slide_overflows_and_every_letter_can_be_read(projector, decks, path):
    slides = measure(projector, decks[path.stem])
    assert len(slides) >= (5 if path.stem.startswith("00") else 12)
    for slide in slides:
        assert slide.over == 0, slide
        assert slide.smallest >= 16.5, slide
        assert slide.title, slide
        for width, height in slide.images:
            assert width > 0 and height >= 200, slide
    assert projector.troubles == []


def test_the_measure_notices_what_does_not_fit(projector, decks, tmp_path):
    text = decks["00_start_here"].read_text(encoding="utf-8")
    deck = tmp_path / "deck.html"
    begin = '<div class="slides"><section><section>'
    assert begin in text
    for more in (
        "<p>tall</p>" * 20,
        f"<pre>{'wide' * 60}</pre>",
        '<div style="overflow-x:auto;width:300px"><pre>' + "inside" * 20 + "</pre></div>",
    ):
        deck.write_text(text.replace(begin, begin + more), encoding="utf-8")
        first = measure(projector, deck)[0]
        assert first.over > 20, more[:60]


def test_answers_come_step_by_step(projector, decks):
    projector.goto(decks["01_vanishing_gradients"].as_uri() + "#/2")
    projector.wait_for_function("window.Reveal && Reveal.isReady()")
    answer = projector.locator("section.present section.present .fragment")
    assert answer.count() == 1 and not answer.is_visible()
    projector.keyboard.press("Space")
    answer.wait_for(state="visible")
    assert answer.locator("img").count() == 1
    projector.keyboard.press("Space")
    assert projector.evaluate("Reveal.getIndices().h") == 3


def test_speaker_notes_open_in_a_window_of_their_own(projector, decks):
    projector.goto(decks["01_vanishing_gradients"].as_uri() + "#/1")
    projector.wait_for_function("window.Reveal && Reveal.isReady()")
    assert not projector.get_by_text("Three words first.").is_visible()
    with projector.expect_popup() as opened:
        projector.keyboard.press("s")
    opened.value.get_by_text("Three words first.").wait_for()
    assert projector.troubles == []
