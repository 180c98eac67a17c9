"""Class-specific residual attention, as arXiv:2108.02456 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, maximum, softmax
from nlblocks_reference.scope import Array, Scope


class ClassSpecificResidualAttention(Block):
    """Logits of classes: see :class:`nlblocks.specs.ClassSpecificResidualAttention`."""

    spec_type = specs.ClassSpecificResidualAttention

    @staticmethod
    def compute(spec: specs.ClassSpecificResidualAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        logits = np.zeros((x.shape[0], spec.num_classes))
        for index, name in enumerate(spec.names):
            head = p(name)
            score = flatten(conv(x, head))  # [B, K, N]
            if spec.normalise:
                length = np.sqrt((head["weight"] ** 2).sum((1, 2, 3)))  # [K]
                score = score / length[:, None]
            if index < len(spec.temperatures):
                weights = softmax(spec.temperatures[index] * score)
                seen = (weights * score).sum(2)
            else:
                seen = maximum(score, 2)
            logits = logits + score.mean(2) + spec.weight * seen
        return logits, {}
