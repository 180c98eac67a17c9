"""Selective kernel, as arXiv:1903.06586 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv_norm, flatten, linear, relu, softmax
from nlblocks_reference.scope import Array, Scope


class SelectiveKernel(Block):
    """y_c = Σ_r a_rc · u_rc: see :class:`nlblocks.specs.SelectiveKernel`."""

    spec_type = specs.SelectiveKernel

    @staticmethod
    def compute(spec: specs.SelectiveKernel, p: Scope, x: Array) -> tuple[Array, Maps]:
        share = spec.branch_channels
        features = []
        for index, (_, dilation) in enumerate(spec.windows):
            read = x[:, index * share : (index + 1) * share] if spec.split_input else x
            branch = p(f"branches.{index}")
            u = conv_norm(read, branch, spec.norm, stride=spec.stride, dilation=dilation, groups=spec.groups)
            features.append(relu(u))
        stacked = np.stack(features, axis=1)  # [B, R, O, H', W']
        reduced = linear(flatten(stacked.sum(axis=1)).mean(axis=2), p("fc_1"))  # [B, D]
        if spec.reduce_norm:
            reduced = relu(batch_norm(reduced, p("norm"), spec.norm))
        if spec.joined:
            logits = linear(reduced, p("fc_2")).reshape(x.shape[0], spec.branches, spec.width)
        else:
            logits = np.stack([linear(reduced, p(f"fc_2.{index}")) for index in range(spec.branches)], axis=1)
        attention = softmax(logits, axis=1)  # [B, R, O]
        return (attention[..., None, None] * stacked).sum(axis=1), {"attention": attention}
