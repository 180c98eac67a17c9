"""The disentangled non-local block, as arXiv:2006.06668 writes it (eq. 8)."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, flatten, max_pool, relu, softmax
from nlblocks_reference.scope import Array, Scope

AXES = {"positions": (2,), "channels": (1,), "all": (1, 2)}


class DisentangledNonLocal(Block):
    """y = x + w_z(pairwise + unary): see :class:`nlblocks.specs.DisentangledNonLocal`."""

    spec_type = specs.DisentangledNonLocal

    @staticmethod
    def compute(spec: specs.DisentangledNonLocal, p: Scope, x: Array) -> tuple[Array, Maps]:
        source = max_pool(x, spec.pool) if spec.sub_sample == "before" else x
        theta, phi = flatten(conv(x, p("theta"))), flatten(conv(source, p("phi")))  # [B, D, N], [B, D, M]
        g = flatten(conv(source, p("g")))  # [B, E, M]
        middle = theta.mean(2)  # [B, D]
        if spec.whiten != "none":
            theta, phi = (rows - rows.mean(AXES[spec.whiten], keepdims=True) for rows in (theta, phi))

        if spec.mode == "concatenation":
            left, right = np.split(p["w_f"], 2)  # relu(w_f·[θ_i, φ_j]), one half of w_f for each
            energy = relu(np.einsum("d,bdn->bn", left, theta)[:, :, None] + np.einsum("d,bdm->bm", right, phi)[:, None])
        else:
            energy = np.einsum("bdn,bdm->bnm", theta, phi)
        energy = energy / (np.sqrt(spec.inner) if spec.scale == "sqrt_inner" else 1.0)
        softened = spec.mode == "embedded_gaussian"
        pairwise = softmax(energy / spec.temperature) if softened else energy / phi.shape[2]  # [B, N, M]
        y = np.einsum("bnm,bem->ben", pairwise, g)
        y = p["gamma"] * y if spec.pair_gamma else y

        unary = np.zeros((x.shape[0], phi.shape[2]))
        if spec.unary in ("mask", "both"):
            unary = unary + softmax(flatten(conv(source, p("mask")))[:, 0])
        if spec.unary in ("mean", "both"):
            unary = unary + softmax(np.einsum("bd,bdm->bm", middle, phi))
        y = y + np.einsum("bm,bem->be", unary, g)[:, :, None]

        y = y.reshape(x.shape[0], spec.value_width, *x.shape[2:])
        y = conv(y, p("w_z")) if spec.output else y
        y = batch_norm(y, p("norm"), spec.norm) if spec.norm is not None else y
        y = x + (relu(y) if spec.output_relu else y)
        if spec.unary == "none":
            return y, {"attention": pairwise}
        return y, {"pairwise": pairwise, "unary": unary.reshape(x.shape[0], *source.shape[2:])}
