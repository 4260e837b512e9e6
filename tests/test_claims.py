"""The program that tries the claims of a chapter in other runs, on a chapter of six cells."""

from __future__ import annotations

import nbformat
import pytest
from claims import Run, main, try_out
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from resnet_course import drawn_garments

CELLS = """
import torch
from resnet_course import TrainConfig, fashion_mnist
torch.manual_seed(0)
drawn = torch.rand(1)
print("drawn:", drawn.item())
assert drawn == torch.rand(1, generator=torch.Generator().manual_seed(0)), "the same seed"
assert round(drawn.item(), 2) == 0.50
after = 1
===
assert after == 1
assert torch.get_num_threads() == 1
===
for precise in (True, not TrainConfig().bfloat16_on(torch.device("cpu"))):
    assert precise
===
assert fashion_mnist(limit=10).source == "drawn-garments"
===
raise ValueError("an error is no claim")
===
assert sum([1, 1]) == 2
"""


@pytest.fixture
def chapter(tmp_path):
    code = map(new_code_cell, CELLS.strip().split("\n===\n"))
    cells = [new_markdown_cell("# A chapter"), *code]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    return tmp_path / "chapter.ipynb"


def failures(chapter, *run):
    return [
        (verdict.cell, verdict.text) for verdict in try_out(chapter, Run(*run)) if not verdict.held
    ]


def test_finds_the_claims_that_hold_in_the_stored_run_only(chapter):
    before = chapter.read_bytes()
    verdicts = try_out(chapter, Run(0, 1, "float32", "drawn"))
    assert len(verdicts) == 8
    error = ("cell-5", "ValueError: an error is no claim")
    assert [(v.cell, v.text) for v in verdicts if not v.held] == [error]
    assert verdicts[0].printed.startswith("drawn: 0.49")
    assert failures(chapter, 1, 2, "bfloat16", "drawn") == [
        ("cell-1", "round(drawn.item(), 2) == 0.5"),
        ("cell-2", "torch.get_num_threads() == 1"),
        ("cell-3", "precise"),
        error,
    ]
    assert chapter.read_bytes() == before


def test_a_chapter_that_is_not_there_and_pictures_that_are_not_real_are_told(monkeypatch, capsys):
    for arguments, words in ((["2"], "no chapter begins with 2"), (["02"], "no real pictures")):
        monkeypatch.setattr("sys.argv", ["claims.py", *arguments])
        monkeypatch.setattr("claims.fashion_mnist", drawn_garments)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2 and words in capsys.readouterr().err
