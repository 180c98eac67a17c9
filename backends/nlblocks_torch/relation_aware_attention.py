"""Relation-aware global attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks.specs.relation_aware_attention import Gate as GateWidths
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.layers import conv_norm


class RelationAwareAttention(Block):
    """Gates from relations: see :class:`nlblocks.specs.RelationAwareAttention` for the formula, fields and shapes."""

    spec_type = specs.RelationAwareAttention
    spec: specs.RelationAwareAttention
    spatial: Gate
    channel: Gate

    def __init__(
        self, spec: specs.RelationAwareAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        for name, widths in self.spec.gates.items():
            self.add_module(name, Gate(widths, self.spec.norm))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the gate, or the gates by name."""
        self.check_input(x)
        gates = {}
        if "spatial" in self.spec.gates:
            gate = self.spatial(x.flatten(2))  # [B, 1, N]
            gates["spatial"] = gate.reshape(x.shape[0], 1, *x.shape[2:])  # [B, 1, H, W]
            x = x * gates["spatial"]
        if "channel" in self.spec.gates:
            gate = self.channel(x.flatten(2).transpose(1, 2))  # [B, 1, C]
            gates["channel"] = gate.reshape(*x.shape[:2], 1, 1)  # [B, C, 1, 1]
            x = x * gates["channel"]
        if not return_attention:
            return x
        return x, gates if len(gates) > 1 else next(iter(gates.values()))


class Gate(nn.Module):
    """A gate for each of M nodes, from its F features and its relations to all nodes."""

    def __init__(self, widths: GateWidths, norm: specs.BatchNorm) -> None:
        super().__init__()
        f, e, r = widths.features, widths.embedding, widths.relations
        self.theta = conv_norm(1, f, e, norm)
        self.phi = conv_norm(1, f, e, norm)
        self.feature = conv_norm(1, f, e, norm)
        self.relation = conv_norm(1, 2 * widths.nodes, r, norm)
        self.hidden = conv_norm(1, 1 + r, widths.hidden, norm)
        self.gate = conv_norm(1, widths.hidden, 1, norm)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, F, M] → the gates [B, 1, M]."""
        theta = torch.relu(self.theta(x))  # [B, E, M]
        phi = torch.relu(self.phi(x))  # [B, E, M]
        seen = torch.relu(self._relations(theta, phi))  # [B, R, M]
        feature = torch.relu(self.feature(x)).mean(dim=1, keepdim=True)  # [B, 1, M]
        hidden = torch.relu(self.hidden(torch.cat([feature, seen], dim=1)))  # [B, hidden, M]
        return torch.sigmoid(self.gate(hidden))

    def _relations(self, theta: Tensor, phi: Tensor) -> Tensor:
        """Theta, phi [B, E, M] → ``relation`` of every node's relations, from it and to it, [B, R, M].

        Without a map: ``relation`` starts with a matrix, and the relations are a product, so the matrix meets one
        factor first.
        """
        layer: Any = self.relation
        weight, nodes = layer.conv.weight, theta.shape[2]  # [R, 2M, 1]
        theta_rows, phi_rows = theta.transpose(1, 2), phi.transpose(1, 2)  # [B, M, E]
        if choose("product", nodes, nodes, (theta.shape[1], weight.shape[0]), False) == "fast":
            w_from, w_to = weight[:, :nodes, 0], weight[:, nodes:, 0]  # [R, M]
            return layer.norm((w_from @ phi_rows) @ theta + (w_to @ theta_rows) @ phi)
        relations = theta_rows @ phi  # [B, M, M]
        return layer(torch.cat([relations.transpose(1, 2), relations], dim=1))  # of [B, 2M, M]
