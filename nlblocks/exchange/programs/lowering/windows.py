"""Windows that slide over the axes behind batch and channels: of convolutions and pools."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.exchange.programs.lowering.writing import END, Call, Unwritable, Value, Writer

MOST = 10_000
"""Places that a window may have: each is some nodes."""


@dataclass(frozen=True)
class Window:
    """A window: one number for each axis that it slides over; ``auto`` is ONNX's auto_pad."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    auto: str
    ceil: bool

    @classmethod
    def of(cls, call: Call, kernel: Sequence[int]) -> Window:
        """The window of a node."""
        rank = len(kernel)
        if math.prod(kernel) > MOST:
            raise Unwritable(f"its window has {math.prod(kernel)} places, over {MOST}")
        auto = call.attribute("auto_pad")
        pads = call.attribute("pads", [0] * 2 * rank) if auto == "NOTSET" else [0] * 2 * rank
        strides, dilations = call.attribute("strides", [1] * rank), call.attribute("dilations", [1] * rank)
        for name, given, count in (
            ("strides", strides, rank),
            ("dilations", dilations, rank),
            ("pads", pads, 2 * rank),
        ):
            if len(given) != count:
                raise ValueError(f"{name} {given} for a window over {rank} axes")
        return cls(
            tuple(kernel), tuple(strides), tuple(dilations), tuple(pads[:rank]), tuple(pads[rank:]), auto,
            bool(call.attribute("ceil_mode")),
        )  # fmt: skip

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def axes(self) -> list[int]:
        return list(range(2, 2 + self.rank))

    @property
    def reach(self) -> tuple[int, ...]:
        """How far the last tap of a window lies from its first."""
        return tuple((size - 1) * step for size, step in zip(self.kernel, self.dilations, strict=True))

    @property
    def is_padded(self) -> bool:
        return any((*self.begin, *self.end)) or self.auto.startswith("SAME")


def padded(write: Writer, x: Value, window: Window, value: float = 0.0) -> Value:
    """The tensor with what the node puts around it."""
    if not window.auto.startswith("SAME"):
        return write.pad(x, [0, 0, *window.begin, 0, 0, *window.end], value)
    size, strides, zeros = write.size(x, 2), list(window.strides), [0] * window.rank
    last = (size - [1] * window.rank) / strides * strides  # where the last window begins
    need = last + [reach + 1 for reach in window.reach] - size
    need = write("Where", write("Greater", need, zeros), need, zeros)
    less = need / ([2] * window.rank)
    begin, end = (need - less, less) if window.auto == "SAME_LOWER" else (less, need - less)
    outer = write.value([0, 0])
    return write.pad(x, write.vector(outer, begin, outer, end), value)


def rounded_up(write: Writer, x: Value, window: Window, value: float = 0.0) -> Value:
    """The padded tensor with enough behind it for a last window that is not whole."""
    return write.pad(x, [0, 0, *[0] * window.rank, 0, 0, *(stride - 1 for stride in window.strides)], value)


def taps(write: Writer, x: Value, window: Window) -> Iterator[tuple[tuple[int, ...], Value]]:
    """For each place in the window what lies there, wherever the window stands: [B, C, *outputs]."""
    for place in np.ndindex(*window.kernel):
        starts = [at * step for at, step in zip(place, window.dilations, strict=True)]
        ends = [END if last == at else at - last for at, last in zip(starts, window.reach, strict=True)]
        if any(starts) or any(end != END for end in ends) or any(step != 1 for step in window.strides):
            yield place, write.slice(x, starts, ends, window.axes, window.strides)
        else:
            yield place, x
