"""Several Paddle processes that train one model: those that Paddle's launcher started, and what they do together."""

from __future__ import annotations

from typing import Any, cast

import paddle
import paddle.distributed as dist
from paddle import Tensor, nn

from nlblocks.specs import layers
from nlblocks.training.running import Options
from nlblocks_paddle.layers import BatchNorm

LOST = ("gloo", "NCCL", "Connection", "Socket")
"""What errors of a group say when one of its processes is gone. On CPUs Paddle mostly aborts before it raises one."""


class PaddleProcesses:
    """See :class:`nlblocks.training.processes.Processes`. On CPUs they speak by gloo, on GPUs by NCCL."""

    def __init__(self, options: Options) -> None:
        dist.init_parallel_env()
        self.rank, self.world = dist.get_rank(), dist.get_world_size()

    def barrier(self) -> None:
        dist.barrier()

    def lost(self, error: Exception) -> bool:
        return isinstance(error, RuntimeError | OSError) and any(word in str(error) for word in LOST)

    def leave(self) -> None:
        dist.barrier()
        dist.destroy_process_group()


join = PaddleProcesses


def several() -> bool:
    """Whether this process trains with others."""
    return dist.is_initialized()


def parallel(model: nn.Layer) -> nn.Layer:
    """The model as it is called in training: its gradients become the mean over all processes.

    Each process keeps the running statistics of its own share of the batches: those of rank 0 are the run's.
    """
    return paddle.DataParallel(model) if several() else model


def mean(value: Tensor) -> Tensor:
    """The mean over all processes of a scalar, such as the loss of each one's share of a batch."""
    if not several():
        return value
    total = value.reshape([1])
    dist.all_reduce(total)
    return (total / dist.get_world_size()).reshape([])


def share_norms(model: nn.Layer) -> None:
    """Let every norm in the model take its statistics over the batches of all processes together."""
    for name, child in model.named_children():
        if type(child) is BatchNorm:
            setattr(model, name, SharedBatchNorm(child))
        else:
            share_norms(child)


class SharedBatchNorm(BatchNorm):
    """A BatchNorm over all processes. Paddle's own SyncBatchNorm runs on GPUs alone, and holds eps as float32."""

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__(norm.weight.shape[0], norm.spec)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = x.size // x.shape[1] * dist.get_world_size()
        layers.check_batch(x.shape[1], (count, x.shape[1]))
        axes = [0, *range(2, x.ndim)]
        wide = x if x.dtype == paddle.float64 else x.astype("float32")
        batch_mean = _total(wide.sum(axes)) / count  # [C]
        centred = wide - _per_channel(batch_mean, x)
        batch_var = _total(centred.square().sum(axes)) / count  # [C]
        scale = self.weight / (batch_var + self.spec.eps).sqrt()
        self._move(batch_mean.detach(), batch_var.detach(), count=paddle.to_tensor(count))
        return (centred * _per_channel(scale, x) + _per_channel(self.bias, x)).astype(x.dtype)


class _Total(paddle.autograd.PyLayer):
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
    return values.reshape([1, -1] + [1] * (x.ndim - 2))
