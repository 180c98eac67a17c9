"""Example specs of every kind: what ``nlblocks verify`` runs and what the conformance suite is fed."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_affinity import ChannelAffinity
from nlblocks.specs.digit_net import DigitNet
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import MODES, NonLocal

BIASED = BatchNorm(eps=1e-3, momentum=0.2, variance="biased")

EXAMPLES: tuple[BlockSpec, ...] = (
    *(NonLocal(in_channels=6, mode=mode) for mode in MODES),
    *(NonLocal(in_channels=5, dims=1, mode=mode, sub_sample="after", norm=None) for mode in MODES),
    *(NonLocal(in_channels=4, dims=3, mode=mode, sub_sample="before", scale="sqrt_inner") for mode in MODES),
    *(NonLocal(in_channels=7, inter_channels=3, mode=mode, sub_sample="after", norm=BIASED) for mode in MODES),
    NonLocal(in_channels=8, inter_channels=8, scale="sqrt_in", norm=BIASED, zero_init=False),
    NonLocal(in_channels=1),
    NonLocal(in_channels=5, mode="concatenation", affinity_bias=True, norm=None, zero_init=False),
    NonLocal(in_channels=6, output_bias=False, output_relu=True, norm=BIASED, zero_init=False),
    ChannelAffinity(in_channels=8),
    ChannelAffinity(in_channels=8, inter_channels=8, zero_init=False),
    ChannelAffinity(in_channels=5, mode="gaussian", zero_init=False),
    ChannelAffinity(in_channels=6, mode="dot_product", norm=BIASED),
    DigitNet(),
)
