"""Style-based recalibration, as arXiv:1903.10829 writes it (eq. 1-5)."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, deviation, flatten, sigmoid
from nlblocks_reference.scope import Array, Scope


class StyleRecalibration(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.StyleRecalibration`."""

    spec_type = specs.StyleRecalibration

    @staticmethod
    def compute(spec: specs.StyleRecalibration, p: Scope, x: Array) -> tuple[Array, Maps]:
        rows = flatten(x)  # [B, C, N]
        style = np.stack([rows.mean(2), deviation(rows, 2, spec.eps)[:, :, 0]], 2)  # [B, C, 2]
        z = np.einsum("bcd,cd->bc", style, p["cfc.weight"][:, 0])
        gate = sigmoid(batch_norm(z, p("norm"), spec.norm))  # [B, C]
        return x * gate[:, :, None, None], {"attention": gate}
