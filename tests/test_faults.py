"""The tables of faults.toml: each is asked for, and all code in them is Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

from resnet_course import checks
from resnet_course.checks.faults import check, fault, filled
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.texts import read_toml


@pytest.mark.parametrize("table", read_toml("faults"))
def test_a_table_holds_code_and_is_asked_for(table):
    for condition, words in read_toml("faults")[table].items():
        ast.parse(condition, mode="eval")
        ast.parse(f'f"""{words}"""', mode="eval")
    folder = Path(checks.__file__).parent
    sources = " ".join(path.read_text(encoding="utf-8") for path in folder.glob("[a-z]*.*"))
    assert re.search(rf"""["']{table}["']""", sources) or table.startswith("wrong_")


def test_the_first_fault_counts_and_its_words_are_filled_in():
    assert fault("logits", output=torch.zeros(2, 7), batch=2, num_classes=7) == ""
    with pytest.raises(AnswerError, match="expected 7 logits for each picture, got 512 features"):
        check("logits", output=torch.zeros(2, 512), batch=2, num_classes=7)
    assert filled("{by((2, 3))} or {n + 1}", {"n": 4}) == "2×3 or 5"
