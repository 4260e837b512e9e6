"""What `test_train_together` starts with torchrun: several cases in one group of processes.

    torchrun --standalone --nproc-per-node 2 tests/together.py 'one=--epochs 3 …' messages

Each word is a case: a name and, behind "=", the command line for `resnet_course.train`; "messages"
asks what processes tell each other. Starting processes takes longer than all cases together.
"""

from __future__ import annotations

import shlex
import sys

import torch
from torch import nn

from resnet_course.train.__main__ import main
from resnet_course.train.processes import (
    World,
    check_same,
    from_first,
    joined,
    share_buffers,
    total,
)


def messages(own: World) -> None:
    """Ask everything that processes can tell each other."""
    norm = nn.BatchNorm2d(2)
    norm.running_mean.fill_(own.rank + 5)
    share_buffers(norm)
    assert (norm.running_mean == 5).all()

    values = torch.tensor([1.0, own.rank])
    ones, ranks = float(own.size), float(sum(range(own.size)))
    assert total(values).tolist() == [ones, ranks] and values[1] == own.rank
    assert from_first(lambda: own.rank) == 0
    check_same("pictures", "shoes")
    for wrong, words in (
        (lambda: from_first(lambda: 1 / 0), "division"),
        (lambda: check_same("pictures", own.rank), "the same pictures: process 0 has 0, process 1"),
    ):
        try:
            wrong()
        except (ZeroDivisionError, ValueError) as error:
            assert words in str(error)
        else:
            raise AssertionError(words)
    print("fine", flush=True)


with joined() as own:
    for case in sys.argv[1:]:
        name, _, command = case.partition("=")
        if own.is_first:
            for stream in (sys.stdout, sys.stderr):
                print(f"== {name}", file=stream, flush=True)
        try:
            main(shlex.split(command)) if command else messages(own)
        except SystemExit as ended:
            print(f"process {own.rank} exits with {ended.code}", flush=True)
        total(torch.zeros(1))  # nobody writes into the part of the next case
