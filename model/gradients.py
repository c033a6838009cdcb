"""Adding up gradients of several processes while the backward pass still computes others.

This is what DistributedDataParallel does, with three differences that this project needs. Gradients are summed, not
averaged: each process's loss is already its share of the step's. Buckets are those of the first step for ever:
DistributedDataParallel deals them anew after its first step, so that three or more processes would add in another
order after a resume, and a resumed run would not repeat every bit. And the network stays what it is: no wrapper, no
buffers sent around, the same names in checkpoints.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from model.ranks import Ranks

BUCKET_BYTES = 25 * 2**20
"""Gradients of about so many bytes travel together, as in DistributedDataParallel."""


class GradientExchange:
    """Buckets of parameters; each is sent as soon as its gradients are there, in the same order on every process."""

    def __init__(self, parameters: Iterable[nn.Parameter], ranks: Ranks, bucket_bytes: int) -> None:
        """Deal out the parameters that are trained, the last first: theirs are the first gradients of a pass."""
        self.ranks = ranks
        self._buckets = _deal([p for p in parameters if p.requires_grad][::-1], bucket_bytes)
        self._bucket_of = {parameter: number for number, bucket in enumerate(self._buckets) for parameter in bucket}
        self._missing: list[set[nn.Parameter]] = []
        self._sent: list[tuple[Tensor, Callable[[], object]]] = []

    def start(self) -> None:
        """Send during the backward pass that follows: the last of a step."""
        self._missing, self._sent = [set(bucket) for bucket in self._buckets], []

    def arrived(self, parameter: Tensor) -> None:
        """A parameter's gradient is complete; torch calls this in the backward pass."""
        if isinstance(parameter, nn.Parameter) and self._missing:
            self._missing[self._bucket_of[parameter]].discard(parameter)
            while len(self._sent) < len(self._buckets) and not self._missing[len(self._sent)]:
                self._send(self._buckets[len(self._sent)])

    def finish(self) -> None:
        """Wait until every gradient is the sum over all processes; parameters without one get zeros."""
        for bucket in self._buckets[len(self._sent) :]:
            self._send(bucket)
        for bucket, (total, wait) in zip(self._buckets, self._sent, strict=True):
            wait()
            for parameter, part in zip(bucket, total.split([p.numel() for p in bucket]), strict=True):
                _gradient(parameter).copy_(part.view(parameter.shape))
        self._missing = []

    def _send(self, bucket: list[nn.Parameter]) -> None:
        total = torch.cat([_gradient(parameter).reshape(-1) for parameter in bucket])
        self._sent.append((total, self.ranks.begin_sum(total)))


@contextmanager
def exchange_gradients(
    parameters: Iterable[nn.Parameter], ranks: Ranks, bucket_bytes: int = BUCKET_BYTES
) -> Generator[GradientExchange | None]:
    """What adds up gradients for as long as the context lasts; None for a process alone."""
    if ranks.world == 1:
        yield None
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    exchange = GradientExchange(trained, ranks, bucket_bytes)
    hooks = [parameter.register_post_accumulate_grad_hook(exchange.arrived) for parameter in trained]
    try:
        yield exchange
    finally:
        for hook in hooks:
            hook.remove()


def _deal(parameters: list[nn.Parameter], bucket_bytes: int) -> list[list[nn.Parameter]]:
    """Buckets in order, each closed as soon as it holds `bucket_bytes`."""
    buckets: list[list[nn.Parameter]] = [[]]
    held = 0
    for parameter in parameters:
        if held >= bucket_bytes:
            buckets.append([])
            held = 0
        buckets[-1].append(parameter)
        held += parameter.nbytes
    return buckets


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
