"""Example specs of every kind: what ``nlblocks verify`` runs and what the conformance suite is fed."""

from __future__ import annotations

from nlblocks.specs.article_digit_net import ArticleDigitNet
from nlblocks.specs.attention_resnet import AttentionResNet
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_affinity import ChannelAffinity
from nlblocks.specs.digit_net import DigitNet
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import MODES, NonLocal

BIASED = BatchNorm(eps=1e-3, momentum=0.2, variance="biased")
BLOG_BLOCKS = (
    ChannelAffinity(in_channels=16),
    ChannelAffinity(in_channels=16, inter_channels=16, zero_init=False),
    ChannelAffinity(in_channels=16, mode="gaussian", zero_init=False),
    ChannelAffinity(in_channels=16, mode="dot_product", zero_init=False),
)
"""The four blocks of the Paddle blog's networks, small."""

EXAMPLES: tuple[BlockSpec, ...] = (
    *(NonLocal(in_channels=6, mode=mode) for mode in MODES),
    *(NonLocal(in_channels=5, dims=1, mode=mode, sub_sample="after", norm=None) for mode in MODES),
    *(NonLocal(in_channels=4, dims=3, mode=mode, sub_sample="before", scale="sqrt_inner") for mode in MODES),
    *(NonLocal(in_channels=7, inter_channels=3, mode=mode, sub_sample="after", norm=BIASED) for mode in MODES),
    NonLocal(in_channels=8, inter_channels=8, scale="sqrt_in", norm=BIASED, zero_init=False),
    NonLocal(in_channels=1),
    ChannelAffinity(in_channels=8),
    ChannelAffinity(in_channels=8, inter_channels=8, zero_init=False),
    ChannelAffinity(in_channels=5, mode="gaussian", zero_init=False),
    ChannelAffinity(in_channels=6, mode="dot_product", norm=BIASED),
    DigitNet(),
    ArticleDigitNet(image_size=9, width=6, hidden=20, mode="dot_product"),
    ArticleDigitNet(image_size=12, width=8, hidden=16, norm=None, in_channels=2, num_classes=3),
    AttentionResNet(width=8),
    *(AttentionResNet(width=4, attention=block, num_classes=7) for block in BLOG_BLOCKS),
    AttentionResNet(width=8, attention=NonLocal(in_channels=32, norm=BIASED)),
    AttentionResNet(width=4, attention=NonLocal(in_channels=8, sub_sample="after"), after_stage=2, in_channels=1),
)
