"""Weights as a script for a page: nothing is lost, and the stored ones are those of the package."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from execute_notebooks import EXPLORERS, TRAINED, keep_weights
from helpers import ROOT

from resnet_course.train import trained_model
from resnet_course.website.weights_file import (
    ENCODING,
    file_name,
    weights_from_js,
    weights_to_js,
)

STORED = ROOT / "notebooks" / EXPLORERS
EVERY_NUMBER = struct.pack("<65536H", *range(65536))


def test_every_number_survives_as_a_file_and_in_a_page():
    text = weights_to_js("every-number", EVERY_NUMBER)
    assert text.startswith('networkWeights("every-number","')
    assert weights_from_js(text) == EVERY_NUMBER
    assert not any(each in text for each in "\0\r\t<\u2028\u2029\ud800\udfff\ufeff\uffff")
    for encoding in (ENCODING, "utf-8"):
        assert weights_from_js(text.encode(encoding).decode(encoding)) == EVERY_NUMBER
    # two halves that another program could take for one character, and the end of a script
    for numbers in (b"\x3d\xd8\x00\xde", '</script>\r\n\\"'.encode("utf-16-le")):
        text = weights_to_js("a", numbers)
        assert weights_from_js(text) == numbers and text.isascii() and "<" not in text
    assert text.count("\n") == 1 and "\r" not in text


def test_what_is_no_weight_is_refused():
    good = weights_to_js("a", b"abcd")
    for bad in ("", good[:-3], good + good, good.replace("network", "explorer"), f"x{good}"):
        with pytest.raises(ValueError, match=r"expected networkWeights\("):
            weights_from_js(bad)


@pytest.mark.parametrize("source", TRAINED)
def test_the_stored_weights_are_those_of_the_trained_network(source, tmp_path):
    keep_weights(tmp_path)
    path = STORED / file_name(source)
    content = path.read_bytes()
    assert content == (tmp_path / path.name).read_bytes(), (
        "python tests/execute_notebooks.py --widgets-only writes them anew"
    )
    assert content[:2] in (b"\xff\xfe", b"\xfe\xff"), "browsers would take it for UTF-8"
    assert len(content) <= 400_000
    numbers = np.frombuffer(weights_from_js(path.read_text(ENCODING)), "<f2").astype("f4")
    state = [x for x in trained_model(source).state_dict().values() if x.is_floating_point()]
    assert torch.equal(torch.from_numpy(numbers), torch.cat([x.flatten() for x in state]))
