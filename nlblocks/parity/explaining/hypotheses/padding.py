"""Zeros around the image on one side, its own pixels on the other."""

from __future__ import annotations

from collections.abc import Iterator

from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis, beside, computed
from nlblocks.parity.explaining.registry import hypothesis


@hypothesis("conv.padding_mode")
def padding(at: Hypothesis) -> Iterator[Explanation]:
    """A convolution that pads with zeros, where the other side pads before it in another mode."""
    for side, op, arrays in at.given():
        pairs = op.attrs.get("padding")
        if op.kind != "conv" or not isinstance(pairs, tuple):
            continue
        flat = tuple(value for pair in reversed(pairs) for value in pair)
        unpadded = {**op.attrs, "padding": ((0, 0),) * len(pairs)}
        for mode in ("reflect", "replicate", "circular"):
            padded = computed("pad", {"x": arrays["x"]}, {"pad": flat, "mode": mode})
            met = None if padded is None else at.found(OTHER[side], at.run(op, {**arrays, "x": padded}, unpadded))
            if met:
                text = f"padding of {op}: {beside(side, 'zeros', mode)}"
                yield at.held("conv.padding_mode", text, side, op, met)
