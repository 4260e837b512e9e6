"""How much longer the book needs for an output that is ten times as long: 10 means linear time.

python tests/benchmarks/page_speed.py
"""

from __future__ import annotations

import time

from resnet_course.website.book import outputs

PIECES = ("<div>x</div>", "<p>", "$x$ ", "[a](b ", "> ", "`", "*a", "| ", "\\begin{align}", "<a ")


def seconds(kind: str, text: str) -> float:
    start = time.process_time()
    outputs.to_html({"output_type": "display_data", "data": {kind: text}})
    return time.process_time() - start


if __name__ == "__main__":
    for kind in ("text/html", "text/markdown"):
        for piece in PIECES:
            short = min(seconds(kind, piece * 2_000) for _ in range(5))
            long = min(seconds(kind, piece * 20_000) for _ in range(2))
            print(f"{kind:14} {piece!r:18} {long / short:6.1f} times ({long:.3f} s)")
