"""The tables of faults.toml: code asks for each, and what it asks for is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

from resnet_course import checks
from resnet_course.checks.faults import check, explained, fault, filled, located, read_toml
from resnet_course.checks.guard import AnswerError

FAULTS = read_toml("faults")
ASKS = r"""(?:check|fault|explained)\(\s*["'](\w+)["'](?: \+ )?|["'](unknown_\w+)["']"""


def test_every_table_is_asked_for_and_every_table_asked_for_exists():
    sources = [*Path(checks.__file__).parent.glob("*.py")]
    texts = [re.sub('"""(?s:.*?)"""', "", path.read_text(encoding="utf-8")) for path in sources]
    texts += [line for table in FAULTS.values() for line in (*table, *table.values())]
    asked = {"".join(names) for text in texts for names in re.findall(ASKS, text)}
    for start in ("wrong_", "shape_of_"):  # the rest of the name is a fact
        assert start in asked
        asked = asked - {start} | {name for name in FAULTS if name.startswith(start)}
    assert asked == FAULTS.keys()


@pytest.mark.parametrize("table", FAULTS)
def test_a_table_holds_code(table):
    for condition, words in FAULTS[table].items():
        ast.parse(condition, mode="eval")
        ast.parse(f'f"""{words}"""', mode="eval")


def test_the_first_fault_counts_and_its_words_are_filled_in():
    assert fault("logits", output=torch.zeros(2, 7), batch=2, num_classes=7) == ""
    with pytest.raises(AnswerError, match="expected 7 logits for each picture, got 512 features"):
        check("logits", output=torch.zeros(2, 512), batch=2, num_classes=7)
    assert filled("{by((2, 3))} or {n + 1}", {"n": 4}) == "2×3 or 5"


def test_a_message_can_get_words_before_and_behind_it_and_keeps_its_cause():
    said = r"^here: no NoneType\. There is no gradient"
    with (
        pytest.raises(AnswerError, match=said) as caught,
        located("here"),
        explained("error_in_gradient_norms"),
    ):
        raise AnswerError("no NoneType.") from ValueError("cause")
    assert isinstance(caught.value.__cause__, ValueError)
