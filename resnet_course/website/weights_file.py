"""The weights of a network as a script, for pages whose JavaScript computes with them.

Each number of 16 bits is one character of a string: in UTF-16 that takes just the two bytes of the
number. In a page, which is UTF-8, the same script takes about three.
"""

from __future__ import annotations

import json
import re
import struct

PREFIX, SUFFIX = "networkWeights(", ");\n"
ENCODING = "utf-16"  # of the file. It begins with a byte order mark, so browsers know.
# What JavaScript or HTML cannot hold as it is, and halves of characters.
UNSAFE = re.compile('["\\\\<\x00-\x1f\u2028\u2029\ud800-\uffff]')


def file_name(source: str) -> str:
    """Return the name of the file with the weights of `train.trained_model(source)`."""
    return f"weights-{source}.js"


def weights_to_js(name: str, numbers: bytes) -> str:
    """Return a script that hands weights to its page: `networkWeights("NAME", "…");`.

    Args:
        name: tells pages which network it is.
        numbers: 16-bit floating point numbers, the lower byte first.
    """
    characters = map(chr, struct.unpack(f"<{len(numbers) // 2}H", numbers))
    text = UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", "".join(characters))
    return f'{PREFIX}{json.dumps(name)},"{text}"{SUFFIX}'


def weights_from_js(text: str) -> bytes:
    """Return the numbers that `weights_to_js` has written.

    Raises:
        ValueError: the text is anything else.
    """
    found = re.fullmatch(
        re.escape(PREFIX) + r'"[\w-]+",("[^"<]*")' + re.escape(SUFFIX), text, re.DOTALL
    )
    if not found:
        raise ValueError(f"expected {PREFIX}…{SUFFIX.strip()} with weights between")
    return json.loads(found[1]).encode("utf-16-le", "surrogatepass")
