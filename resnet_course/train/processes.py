"""Several processes that train one network together, on torch.distributed.

`torchrun` starts the processes and tells each one its number. Every process holds the whole network
and takes its part of every batch; `DistributedDataParallel` averages the gradients, so that all
take the same step. Li et al. 2020, "PyTorch Distributed", arXiv 2006.15704.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
# A process that waits longer than this for the others ends with an error.
PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """The place of this process among those that train together."""

    rank: int  # its number, from 0
    size: int  # how many there are; 1 outside `torchrun`

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and draws the progress bar."""
        return self.rank == 0


def world() -> World:
    """Return this process's place; `World(0, 1)` where no group of processes was made."""
    if dist.is_available() and dist.is_initialized():
        return World(dist.get_rank(), dist.get_world_size())
    return World(0, 1)


@contextmanager
def joined() -> Iterator[World]:
    """Join the processes that `torchrun` started; elsewhere, or when joined already, do nothing.

    With a GPU for every process of this machine they speak NCCL, else gloo, on the CPU.
    """
    launched = dist.is_available() and dist.is_torchelastic_launched()
    if not launched or dist.is_initialized():
        yield world()
        return
    gpu = local_gpu()
    if gpu is not None:
        torch.cuda.set_device(gpu)
    dist.init_process_group("gloo" if gpu is None else "nccl", timeout=PATIENCE)
    yield world()
    # Not after an error: it could wait for processes that will never come.
    dist.destroy_process_group()


def local_gpu() -> torch.device | None:
    """Return the GPU of this process, or None where there are fewer GPUs than processes."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if not torch.cuda.is_available() or torch.cuda.device_count() < processes:
        return None
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def parallel(model: nn.Module) -> nn.Module:
    """Wrap a model so that `backward` averages the gradients of all processes.

    It starts with the weights of process 0. Alone, a process gets the model itself.
    """
    return model if world().size == 1 else DistributedDataParallel(model)


def total(values: Tensor) -> Tensor:
    """Return the sum over all processes of a tensor of one shape; every process must call it."""
    if world().size > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def from_first(make: Callable[[], T]) -> T:
    """Call `make` in process 0 only; return its answer, or raise its error, in every process."""
    if world().size == 1:
        return make()
    answer: list[Any] = [None, None]
    if world().is_first:
        try:
            answer[0] = make()
        except Exception as error:  # each process must hear of it, whatever it is
            answer[1] = error
    dist.broadcast_object_list(answer)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]


def gathered(value: T) -> list[T]:
    """Return the values of all processes, in order; every process must call it."""
    values = [value] * world().size
    if world().size > 1:
        dist.all_gather_object(values, value)
    return values


def check_same(what: str, value: object) -> None:
    """Raise a ValueError in every process if they were given different values; it says who what."""
    values = gathered(value)
    for rank, other in enumerate(values):
        if other != values[0]:
            two = f"process 0 has {values[0]!r}, process {rank} has {other!r}"
            raise ValueError(f"all processes need the same {what}: {two}.")


def share_buffers(model: nn.Module) -> None:
    """Give every process the batch-norm statistics of process 0: all must measure one network."""
    if world().size > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
