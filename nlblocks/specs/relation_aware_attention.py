"""Relation-aware global attention: a gate per position and per channel, from its relations to all others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Mode = Literal["both", "spatial", "channel"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The widths of one gate: M ``nodes`` of F ``features``; ``embedding``, ``relations`` and ``hidden`` layers."""

    nodes: int
    features: int
    embedding: int
    relations: int
    hidden: int

    def params(self, name: str) -> tuple[Param, ...]:
        params: tuple[Param, ...] = ()
        for layer in ("theta", "phi", "feature"):
            params += layers.conv_norm(f"{name}.{layer}", self.features, self.embedding, (1,))
        params += layers.conv_norm(f"{name}.relation", 2 * self.nodes, self.relations, (1,))
        params += layers.conv_norm(f"{name}.hidden", 1 + self.relations, self.hidden, (1,))
        return params + layers.conv_norm(f"{name}.gate", self.hidden, 1, (1,))

    def macs(self) -> int:
        m, embedding = self.nodes, 3 * self.features * self.embedding
        relations = m * self.embedding + 2 * m * self.relations
        return m * (embedding + relations + (1 + self.relations) * self.hidden + self.hidden)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class RelationAwareAttention(BlockSpec):
    """x ← g_spatial(x) · x, then x ← g_channel(x) · x: a gate in (0, 1) per position, then one per channel.

    Letters: B batch, C ``in_channels``, H height, W width, N = H·W = ``positions``, E = C // ``channel_ratio``,
    R = N // ``spatial_ratio``, P = (1 + R) // ``down_ratio``, Q = (1 + E) // ``down_ratio``. x and the output are
    [B, C, H, W]. A gate reads x as [B, F, M], M nodes with F features: positions with their channels (F = C, M = N)
    for the spatial gate, channels with their positions (F = N, M = C) for the channel gate. With e(·) a 1×1
    convolution without bias, BatchNorm ``norm`` and ReLU, one of each name:

    - relations r_ij = theta(x_i)·phi(x_j), [B, M, M], without softmax or scale;
    - node i sees all its relations, those from it first: (r_i1 ... r_iM, r_1i ... r_Mi), 2M numbers → relation(·);
    - joined behind the mean over channels of feature(x_i): 1 + R numbers, or 1 + E;
    - g_i = sigmoid(gate(hidden(·))), where gate has no ReLU.

    In the spatial gate theta, phi and feature have E channels, relation R and hidden P; in the channel gate theta, phi
    and feature have R, relation E and hidden Q. None may be 0: at the default ratios of 8, N and C must be at least 56.

    ``mode``: both gates, the spatial one or the channel one. The weights depend on N, so the size is fixed at
    construction; only the product H·W counts. The maps are the gates, "spatial" [B, 1, H, W] and "channel"
    [B, C, 1, 1], or "attention" where there is only one.

    Raises InputError for impossible fields, for sizes that leave a layer without channels, and for inputs of the
    wrong rank, channels or number of positions.
    """

    kind: ClassVar[str] = "relation_aware_attention"
    cites: ClassVar[str] = "Zhang et al. 2020, Relation-Aware Global Attention, arXiv:1904.02998, section 3"

    in_channels: Annotated[int, "C, channels of x"]
    positions: Annotated[int, "N = H·W, fixed"]
    mode: Annotated[Mode, "which gates: both, spatial or channel"] = "both"
    channel_ratio: Annotated[int, "reduction of channels in the embeddings"] = 8
    spatial_ratio: Annotated[int, "reduction of positions in the embeddings"] = 8
    down_ratio: Annotated[int, "reduction inside each gate"] = 8
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "positions", "channel_ratio", "spatial_ratio", "down_ratio"):
            check_int(self, name)
        check_choice(self, "mode", MODES)
        check_type(self, "norm", BatchNorm)
        for size, ratio in (("in_channels", "channel_ratio"), ("positions", "spatial_ratio")):
            if getattr(self, ratio) > getattr(self, size):
                raise refuse(self, ratio, f"leaves no channels of {size}={getattr(self, size)}; make it at most that")
        for name, gate in self.gates.items():
            if gate.hidden == 0:
                size = "positions" if name == "spatial" else "in_channels"
                rule = f"leaves the {name} gate no channels: {size}={getattr(self, size)} gives it 1 + {gate.relations}"
                raise refuse(self, "down_ratio", f"{rule}; make it at most {1 + gate.relations}, or the size larger")

    @property
    def gates(self) -> dict[str, Gate]:
        """The gates by name, in the order in which they are applied."""
        c, n = self.in_channels, self.positions
        inner_c = layers.reduce_channels(c, self.channel_ratio, at_least=0)
        inner_n = layers.reduce_channels(n, self.spatial_ratio, at_least=0)
        hidden_n, hidden_c = (layers.reduce_channels(1 + r, self.down_ratio, at_least=0) for r in (inner_n, inner_c))
        gates = {
            "spatial": Gate(nodes=n, features=c, embedding=inner_c, relations=inner_n, hidden=hidden_n),
            "channel": Gate(nodes=c, features=n, embedding=inner_n, relations=inner_c, hidden=hidden_c),
        }
        return {name: gate for name, gate in gates.items() if self.mode in ("both", name)}

    def params(self) -> tuple[Param, ...]:
        return tuple(param for name, gate in self.gates.items() for param in gate.params(name))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)
        if min(shape[2:]) >= 0 and math.prod(shape[2:]) != self.positions:
            raise InputError(
                f"RelationAwareAttention: input of shape {tuple(shape)} has {math.prod(shape[2:])} positions; "
                f"H·W must be {self.positions}: [B, C, H, W]"
            )

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        shapes = {"spatial": (shape[0], 1, *shape[2:]), "channel": (shape[0], self.in_channels, 1, 1)}
        return shapes if self.mode == "both" else {"attention": shapes[self.mode]}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        layouts = {
            "spatial": MapLayout(meaning="mask", grid=tuple(shape[2:])),
            "channel": MapLayout(meaning="gate", grid=(self.in_channels,)),
        }
        return layouts if self.mode == "both" else {"attention": layouts[self.mode]}

    def letters(self, shape: Shape) -> dict[str, int]:
        own: dict[str, int] = {}
        if "spatial" in self.gates:
            own |= {"E": self.gates["spatial"].embedding, "R": self.gates["spatial"].relations}
            own["P"] = self.gates["spatial"].hidden
        if "channel" in self.gates:
            own |= {"E": self.gates["channel"].relations, "R": self.gates["channel"].embedding}
            own["Q"] = self.gates["channel"].hidden
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * sum(gate.macs() for gate in self.gates.values())

    def example_shape(self) -> Shape:
        height = max(n for n in range(1, math.isqrt(self.positions) + 1) if self.positions % n == 0)
        return (2, self.in_channels, height, self.positions // height)
