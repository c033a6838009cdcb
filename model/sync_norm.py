"""Batch norm over the samples of all processes; torch's own SyncBatchNorm knows no CPU."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import batch_norm


def synchronise_norms(network: nn.Module) -> None:
    """Make every batch norm of a network one over all processes; names and weights stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm


class SyncedBatchNorm(nn.BatchNorm2d):
    """A batch norm whose mean and variance in training are those of all processes' samples together."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) of any float type -> the same; computed in float32. Every process must call it."""
        if not self.training:
            return batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        values = input.float()
        count = _Sum.apply(torch.full((), values.numel() / values.shape[1], device=values.device))
        mean = _Sum.apply(values.sum(dim=(0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum(dim=(0, 2, 3))) / count
        self._remember(mean.detach(), (variance * count / (count - 1)).detach())
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        buffers = dict(self.named_buffers())
        buffers["num_batches_tracked"] += 1
        momentum = 0.1 if self.momentum is None else self.momentum
        buffers["running_mean"].lerp_(mean, momentum)
        buffers["running_var"].lerp_(variance, momentum)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor) -> Tensor:  # noqa: ARG004 - torch gives it
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:  # noqa: ARG004 - torch gives it
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total
