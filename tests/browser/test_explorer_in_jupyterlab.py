"""The explorer with a kernel behind it, in JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright")

from lab import Notebook, end_all_kernels, jupyterlab, write
from nbformat.v4 import new_code_cell
from pages import axe
from playwright.sync_api import Locator, expect
from test_explorer import bar

CELLS = [
    """\
from torch import nn
from resnet_course import drawn_garments
from resnet_course.data.batches import to_float
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets import ShapeExplorer

splits = drawn_garments(10, 60)
picture = to_float(splits.test_images[:1], splits.mean, splits.std)""",
    """\
explorer = ShapeExplorer(trained_model("drawn-garments"), picture, classes=splits.classes)
explorer""",
    "ShapeExplorer('resnet152')",
    """\
own = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(1352, 10))
touched = ShapeExplorer(own, splits)
touched""",
]


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory) -> Iterator[Notebook]:
    folder = tmp_path_factory.mktemp("notebooks")
    write(folder / "explorer.ipynb", [*map(new_code_cell, CELLS)])
    with jupyterlab(folder, tmp_path_factory.mktemp("private")) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        notebook = Notebook(context.new_page(), url, "explorer.ipynb")
        notebook.run()
        expect(notebook.live()).to_have_count(3, timeout=30_000)
        yield notebook
        context.close()


@pytest.fixture
def explorer(notebook) -> Locator:
    root = notebook.page.locator(".resnet-explorer").first
    strip = root.get_by_role("slider")
    root.get_by_role("button", name="show blocks").click()
    strip.press("Home")
    expect(root).to_have_attribute("data-at", "conv1")
    return root


def ask(notebook: Notebook, code: str) -> str:
    """Run a line in the kernel of the notebook, and return what it prints."""
    script = """async (code) => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        const future = kernel.requestExecute({code, store_history: false});
        let text = '';
        future.onIOPub = ({content}) => { text += content.text ?? content.evalue ?? ''; };
        await future.done;
        return text.trim();
    }"""
    return notebook.page.evaluate(script, code)


def test_maps_come_from_the_kernel_and_python_knows_the_place(explorer, notebook):
    bar(explorer, "layer2.0").click()
    expect(explorer.locator(".volume.out image")).to_have_count(4)
    assert ask(notebook, "print(explorer.place, explorer.layer)") == "layer2.0 25"
    ask(notebook, "explorer.layer = 9")
    expect(explorer).to_have_attribute("data-at", "layer1.0.add")
    expect(explorer.locator(".volume figcaption strong")).to_have_text(["x", "F(x)", "x + F(x)"])
    expect(explorer.locator(".volume image")).to_have_count(12)
    explorer.get_by_role("button", name="16 channels").click()
    expect(explorer.locator(".volume image")).to_have_count(48)
    explorer.get_by_role("button", name="four channels").click()
    ask(notebook, "explorer.level = 'stages'")
    expect(bar(explorer, "layer3")).to_have_count(1)
    expect(explorer).to_have_attribute("data-at", "layer1")


def test_an_error_of_python_is_said_in_its_own_words(explorer, notebook):
    ask(
        notebook,
        "def fail(row, run): raise ValueError('no memory is left')\nexplorer._send_maps = fail",
    )
    bar(explorer, "layer1.0").click()
    explorer.get_by_role("button", name="show layers").click()
    bar(explorer, "layer3.1.bn2").click()
    expect(explorer.locator(".status")).to_contain_text("no memory is left")
    ask(notebook, "del explorer._send_maps")
    notebook.page.wait_for_timeout(9_000)  # the clock of the waiting must not say something else
    expect(explorer.locator(".status")).to_contain_text("no memory is left")
    bar(explorer, "layer1.0.conv1").click()
    expect(explorer.locator(".volume.out image")).to_have_count(4)


def test_another_network_keeps_the_place(explorer, notebook):
    bar(explorer, "layer2.1").click()
    network = explorer.get_by_role("combobox", name="network")
    network.focus()
    network.select_option("resnet50")
    expect(explorer.locator(".title")).to_have_text("resnet50")
    expect(network).to_be_focused()  # the next arrow key goes to the next network
    expect(explorer).to_have_attribute("data-at", "layer2.1")
    explorer.get_by_label("input size").select_option("64")
    expect(explorer.locator(".volume.out .shape")).to_have_text("512×8×8")
    assert ask(notebook, "print(explorer.place, explorer.trace[0].in_shape)") == (
        "layer2.1 (1, 64, 64)"
    )
    explorer.get_by_role("combobox", name="network").select_option("your model")
    explorer.get_by_label("input size").select_option("28")
    expect(explorer.locator(".answer")).to_contain_text("The answer of the network:")
    expect(explorer).to_have_attribute("data-at", "layer2.1")


def test_a_size_that_the_network_cannot_take_is_explained(explorer):
    explorer.get_by_label("channels").select_option("3")
    expect(explorer.get_by_role("alert")).to_contain_text("was built for 1 channels")
    explorer.get_by_label("channels").select_option("1")
    expect(explorer.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_axe_finds_nothing_in_three_themes(theme, explorer, notebook):
    notebook.theme(theme)
    bar(explorer, "layer1.0").click()
    expect(explorer.locator(".volume.out image")).to_have_count(4)
    assert axe(notebook.page, ".resnet-explorer") == []
    notebook.theme("Light")


def test_arrow_keys_stay_in_the_explorer(explorer, notebook):
    strip = explorer.get_by_role("slider")
    for _ in range(3):
        strip.press("ArrowRight")
    expect(explorer).to_have_attribute("data-at", "maxpool")
    assert notebook.page.evaluate("document.activeElement.className") == "strip"


def test_a_network_of_ones_own_sees_another_picture(notebook):
    root = notebook.page.locator(".resnet-explorer").last
    root.scroll_into_view_if_needed()
    bar(root, "0").click()
    expect(root.locator(".volume.out image")).to_have_count(4)
    before = root.locator(".volume.out image").first.get_attribute("href")
    root.get_by_role("radio", name=re.compile(" 5 of 20")).click()
    expect(root.locator(".told")).to_contain_text(" %")
    expect(root.locator(".volume.out image").first).not_to_have_attribute("href", before)
    right = ask(
        notebook,
        "x = touched._pictures.to_input(touched._pictures.pixels[4:5]);"
        "print(' '.join(f'{v:.2f}' for v in own(x)[0].tolist()))",
    )
    shown = [
        float(t.replace("−", "-"))
        for t in root.locator(".scores td:last-child").all_text_contents()
    ]
    assert shown == pytest.approx([float(number) for number in right.split()], abs=0.006)
    expect(root.get_by_label("heat")).to_be_hidden()  # it does not end with a mean


def test_a_kernel_that_has_ended_is_said_and_what_was_shown_can_still_be_seen(explorer, notebook):
    """The last test of this file: there is no kernel after it."""
    bar(explorer, "layer1.1").click()
    expect(explorer.locator(".volume.out image")).to_have_count(4)
    ask(notebook, "print(1)")
    end_all_kernels(notebook.page, notebook.url)
    bar(explorer, "layer3.1").click()
    expect(explorer).to_have_attribute("data-at", "layer3.1")
    status = explorer.locator(".status")
    expect(status).to_have_text(re.compile("Python|kernel"), timeout=15_000)
    expect(explorer.locator(".numbers")).to_contain_text("73,984")
    bar(explorer, "layer1.1").click()
    expect(explorer.locator(".volume.out image")).to_have_count(4)
