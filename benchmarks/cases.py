"""What is measured: each block and mode at a number of channels C and an image side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nlblocks import specs
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.non_local import MODES, Mode

FORMS = ("ours", "public", "convolutions", "products")
DIRECTIONS = ("forward", "forward+backward")
BATCH = 1


@dataclass(frozen=True, slots=True)
class Case:
    """A block by name.

    ``maps`` is how many N × N arrays of float32 the public form holds, forward and in all, and ``power`` how its time
    grows with the side of a large image.
    """

    name: str
    make: Callable[[int, int], BlockSpec]
    maps: Callable[[int], tuple[float, float]] = lambda channels: (0, 0)
    power: int = 4

    def public_bytes(self, channels: int, side: int, direction: str) -> float:
        return 4.0 * BATCH * side**4 * self.maps(channels)[DIRECTIONS.index(direction)]


def _non_local(mode: Mode) -> Callable[[int, int], BlockSpec]:
    return lambda channels, side: specs.NonLocal(in_channels=channels, mode=mode)


def _pairs(channels: int) -> tuple[float, float]:
    """Concatenation: both halves repeated, joined (2D maps), and their gradients."""
    return 2.0 * channels, 3.5 * channels


CASES = {
    case.name: case
    for case in (
        *(
            Case(mode, _non_local(mode), _pairs if mode == "concatenation" else lambda channels: (3, 6))
            for mode in MODES
        ),
        Case("position_attention", lambda c, s: specs.PositionAttention(in_channels=c), lambda c: (3, 6)),
        Case("channel_affinity", lambda c, s: specs.ChannelAffinity(in_channels=c)),
        Case("channel_attention", lambda c, s: specs.ChannelAttention(in_channels=c)),
        Case("criss_cross", lambda c, s: specs.CrissCrossAttention(in_channels=c)),
        Case(
            "relation_aware",
            lambda c, s: specs.RelationAwareAttention(in_channels=c, positions=s * s),
            lambda c: (5, 10),
            power=6,  # its layers widen with N
        ),
        Case("squeeze_excitation", lambda c, s: specs.SqueezeExcitation(in_channels=c)),
        Case("efficient_channel", lambda c, s: specs.EfficientChannelAttention(in_channels=c)),
        Case("cbam", lambda c, s: specs.CBAM(in_channels=c)),
    )
}
