"""EMANet: its EMAU, whose bases the trainer moves. Its BatchNorm has the momentum of EMANet's settings, 3e-4."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.expectation_maximisation_attention import ExpectationMaximisationAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _unit(c: int, k: int, stage_num: int = 3) -> ExpectationMaximisationAttention:
    return ExpectationMaximisationAttention(
        in_channels=c, num_bases=k, steps=stage_num, guard="added", update="trainer",
        norm=BatchNorm(momentum=3e-4),
    )  # fmt: skip


def _names(spec: ExpectationMaximisationAttention) -> Table:
    refuse_unless("emanet", spec, guard=("added",), update=("trainer",))
    if spec.norm is None:
        raise InputError(
            "dialect emanet: ExpectationMaximisationAttention has norm=None; this codebase has the whole unit"
        )
    shape = (1, spec.in_channels, spec.num_bases)
    return {"bases": ("mu", shape), "conv_1": "conv1", "conv_2": "conv2.0", "norm": "conv2.1"}


def bare_unit(channels: int, num_bases: int, steps: int, momentum: float) -> ExpectationMaximisationAttention:
    """The loop alone, as mmsegmentation and PaddleSeg have it: it moves its bases itself."""
    return ExpectationMaximisationAttention(in_channels=channels, num_bases=num_bases, steps=steps, momentum=momentum)


def bare_names(dialect: str, spec: ExpectationMaximisationAttention, bases: str) -> Table:
    """The table of :func:`bare_unit`, whose only tensor is called ``bases``."""
    refuse_unless(dialect, spec, guard=("clamped",), update=("self",), norm=(None,))
    return {"bases": (bases, (1, spec.in_channels, spec.num_bases))}


DIALECT = Dialect(
    name="emanet",
    source="EMANet, network.py",
    classes={"EMAU": _unit},
    tables={ExpectationMaximisationAttention: _names},
    ignored=("num_batches_tracked",),
)
