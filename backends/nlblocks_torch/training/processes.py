"""Several torch processes that train one model: the group that torchrun started, and what they do together."""

from __future__ import annotations

import os
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nlblocks.specs import layers
from nlblocks.training.running import Options
from nlblocks_torch.layers import BatchNorm

LOST = ("Connection", "connection", "Broken pipe", "NCCL", "Socket")
"""What errors of a group say when one of its processes is gone."""


class TorchProcesses:
    """See :class:`nlblocks.training.processes.Processes`. On CPUs they speak by gloo, on GPUs by NCCL."""

    def __init__(self, options: Options) -> None:
        gpu = torch.cuda.is_available() and options.device != "cpu"
        if gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if gpu else "gloo")
        self.rank, self.world = dist.get_rank(), dist.get_world_size()

    def barrier(self) -> None:
        dist.barrier()

    def lost(self, error: Exception) -> bool:
        return isinstance(error, RuntimeError) and any(word in str(error) for word in LOST)

    def leave(self) -> None:
        dist.barrier()
        dist.destroy_process_group()


join = TorchProcesses


def several() -> bool:
    """Whether this process trains with others."""
    return dist.is_available() and dist.is_initialized()


def parallel(model: nn.Module) -> nn.Module:
    """The model as it is called in training: its gradients become the mean over all processes.

    Running statistics are those of rank 0, of its own share of the batches.
    """
    return DistributedDataParallel(model) if several() else model


def mean(value: Tensor) -> Tensor:
    """The mean over all processes of a scalar, such as the loss of each one's share of a batch."""
    if not several():
        return value
    dist.all_reduce(value)
    return value / dist.get_world_size()


def share_norms(model: nn.Module) -> None:
    """Let every norm in the model take its statistics over the batches of all processes together."""
    for name, child in model.named_children():
        if type(child) is BatchNorm:
            setattr(model, name, SharedBatchNorm(child))
        else:
            share_norms(child)


class SharedBatchNorm(BatchNorm):
    """A BatchNorm over all processes. torch's own SyncBatchNorm runs on GPUs alone, and holds eps as float32."""

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__(len(norm.weight), norm.spec)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1] * dist.get_world_size()
        layers.check_batch(self.running_mean.shape[0], (count, x.shape[1]))
        axes = [0, *range(2, x.ndim)]
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        batch_mean = _total(wide.sum(axes)) / count  # [C]
        centred = wide - _per_channel(batch_mean, x)
        batch_var = _total(centred.square().sum(axes)) / count  # [C]
        scale = self.weight / (batch_var + self.spec.eps).sqrt()
        with torch.no_grad():
            momentum, unbiased = self.spec.momentum, self.spec.variance == "unbiased"
            kept = batch_var * (count / (count - 1)) if unbiased else batch_var
            self.running_mean.mul_(1 - momentum).add_(batch_mean, alpha=momentum)
            self.running_var.mul_(1 - momentum).add_(kept, alpha=momentum)
        return (centred * _per_channel(scale, x) + _per_channel(self.bias, x)).to(x.dtype)


class _Total(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone()
        dist.all_reduce(total)
        return total


def _total(x: Tensor) -> Tensor:
    return cast(Tensor, _Total.apply(x))


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    """[C] as it meets [B, C, ...]."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))
