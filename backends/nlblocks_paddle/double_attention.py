"""Double attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.layers import pointwise


class DoubleAttention(Block):
    """y_n = reconstruct(Σ_k d_nk g_k): see :class:`nlblocks.specs.DoubleAttention` for formula, fields and shapes."""

    spec_type = specs.DoubleAttention
    spec: specs.DoubleAttention

    def __init__(self, spec: specs.DoubleAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.features = pointwise(2, spec.in_channels, spec.inner)
        self.gather = pointwise(2, spec.in_channels, spec.count)
        self.distribute = pointwise(2, spec.in_channels, spec.count)
        if spec.reconstruct:
            self.reconstruct = pointwise(2, spec.inner, spec.in_channels)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → y [B, C or D, H, W], and with ``return_attention`` the maps, both [B, N, K]."""
        self.check_input(x)
        spec = self.spec
        shares = F.softmax(self.gather(x).flatten(2), axis=2).transpose([0, 2, 1])  # [B, N, K]
        mixture = F.softmax(self.distribute(x).flatten(2), axis=1)  # [B, K, N]
        widths = (spec.in_channels, spec.inner)
        if choose("descriptors", shares.shape[1], shares.shape[2], widths, return_attention) == "fast":
            descriptors = self.features((x.flatten(2) @ shares).unsqueeze(3))  # [B, D, K, 1]
            descriptors = self.reconstruct(descriptors) if spec.reconstruct else descriptors  # [B, C, K, 1]
            channels = spec.in_channels if spec.reconstruct else spec.inner
            y = (descriptors.squeeze(3) @ mixture).reshape([x.shape[0], channels, *x.shape[2:]])  # [B, C, H, W]
        else:
            descriptors = self.features(x).flatten(2) @ shares  # [B, D, K]
            y = (descriptors @ mixture).reshape([x.shape[0], spec.inner, *x.shape[2:]])  # [B, D, H, W]
            y = self.reconstruct(y) if spec.reconstruct else y  # [B, C, H, W]
        y = x + y if spec.residual else y
        return (y, {"gather": shares, "distribute": mixture.transpose([0, 2, 1])}) if return_attention else y
