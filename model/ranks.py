"""The processes of one training, as torchrun starts them: who writes, and sums over all of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(hours=2)
"""How long the others wait for the first process, which validates alone."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0.
        world: how many there are.
        device: torch's name of the device that it computes on.
    """

    rank: int
    world: int
    device: str

    @property
    def leads(self) -> bool:
        """Whether it is the one that validates, writes and prints."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes, in place; every process must ask."""
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def highest(self, number: int) -> int:
        """The highest number of all processes."""
        if self.world == 1:
            return number
        value = torch.tensor(number, device=self.device)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return int(value)

    def begin_sum(self, value: Tensor) -> Callable[[], object]:
        """Begin to sum over all processes, in place; what is returned waits for the end."""
        return dist.all_reduce(value, async_op=True).wait

    def leave(self) -> None:
        """End the connections."""
        if self.world > 1:
            dist.destroy_process_group()


ALONE = Ranks(0, 1, "cpu")


def join_ranks(device: str) -> Ranks:
    """Meet the processes that torchrun started with this one; a process started without torchrun is alone.

    Args:
        device: `cpu` (gloo) or `cuda` (nccl, one GPU for each process of a machine).
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks(0, 1, device)
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    return Ranks(dist.get_rank(), world, device)
