"""What mdBook starts: `python -m resnet_course.website.book`, and before it `… supports html`."""

from __future__ import annotations

import json
import sys

from resnet_course.website.book.chapter import ChapterError
from resnet_course.website.book.protocol import ProtocolError, prepare


def main() -> None:
    """Read mdBook's book from standard input and write the prepared one to standard output."""
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2:] == ["html"] else 1)
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # on Windows it is something else
    try:
        book = prepare(sys.stdin.read())
    except (ChapterError, ProtocolError) as error:
        sys.exit(f"resnet_course.website.book: {error}")
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
