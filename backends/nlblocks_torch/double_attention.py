"""Double attention in torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.layers import pointwise


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
        shares = self.gather(x).flatten(2).softmax(2).transpose(1, 2)  # [B, N, K]
        mixture = self.distribute(x).flatten(2).softmax(1)  # [B, K, N]
        widths = (self.spec.in_channels, self.spec.inner)
        if choose("descriptors", shares.shape[1], shares.shape[2], widths, return_attention) == "fast":
            descriptors = self.features((x.flatten(2) @ shares).unsqueeze(3))  # [B, D, K, 1]
            descriptors = self.reconstruct(descriptors) if self.spec.reconstruct else descriptors  # [B, C, K, 1]
            y = (descriptors.squeeze(3) @ mixture).reshape(self.spec.output_shape(tuple(x.shape)))  # [B, C, H, W]
        else:
            descriptors = self.features(x).flatten(2) @ shares  # [B, D, K]
            y = (descriptors @ mixture).reshape(x.shape[0], self.spec.inner, *x.shape[2:])  # [B, D, H, W]
            y = self.reconstruct(y) if self.spec.reconstruct else y  # [B, C, H, W]
        y = x + y if self.spec.residual else y
        return (y, {"gather": shares, "distribute": mixture.transpose(1, 2)}) if return_attention else y
