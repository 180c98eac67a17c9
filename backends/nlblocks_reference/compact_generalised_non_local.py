"""Compact generalised non-local, as arXiv:1810.13125 writes it (eq. 8 for the product, eq. 15 for the series)."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, per_channel
from nlblocks_reference.norms import group_norm
from nlblocks_reference.scope import Array, Scope

EPS = 1e-5


class CompactGeneralisedNonLocal(Block):
    """y = x + norm(w_z(u)): see :class:`nlblocks.specs.CompactGeneralisedNonLocal`."""

    spec_type = specs.CompactGeneralisedNonLocal

    @staticmethod
    def compute(spec: specs.CompactGeneralisedNonLocal, p: Scope, x: Array) -> tuple[Array, Maps]:
        theta, phi, g = (np.split(conv(x, p(name)), spec.groups, axis=1) for name in ("theta", "phi", "g"))
        s = spec.divisor(x.shape[2] * x.shape[3])
        if spec.taylor:
            parts = []
            for t, f, v in zip(theta, phi, g, strict=True):  # [B, K, H, W] each
                parts.append(sum(a * t**k * _inner(f**k, v) / s for k, a in enumerate(spec.taylor)))
            y = conv(np.concatenate(parts, 1), p("w_z"), groups=spec.groups)
            return x + group_norm(y, p("norm"), spec.groups), {}
        z = np.split(conv(np.concatenate(theta, 1), p("w_z"), groups=spec.groups), spec.groups, axis=1)
        normal = [_scaled_norm(rows, _inner(f, v) / s) for rows, f, v in zip(z, phi, g, strict=True)]
        y = np.concatenate(normal, 1)
        return x + y * per_channel(p("norm")["weight"], x) + per_channel(p("norm")["bias"], x), {}


def _inner(left: Array, right: Array) -> Array:
    """⟨left, right⟩ of one group, [B, 1, 1, 1]."""
    return (left * right).sum((1, 2, 3), keepdims=True)


def _scaled_norm(z: Array, v: Array) -> Array:
    """The norm of v z, z [B, C / G, H, W], without weight and bias: sign(v) (z - mean z) / √(var z + eps / v²)."""
    centred = z - z.mean((1, 2, 3), keepdims=True)
    some = v.real**2 > 0
    spread = (centred**2).mean((1, 2, 3), keepdims=True) + EPS / np.where(some, v, 1.0) ** 2
    return centred * np.where(some, np.sign(v.real) / np.sqrt(spread), v / np.sqrt(EPS))
