"""Layers of what has its channels last: torch's own, with the channels moved before and after."""

from __future__ import annotations

from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import Fates, Variant, only, when

LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def channels_last(n: int, target: str, *, padded: bool = False) -> tuple[Variant, ...]:
    """Variants of a layer's row over ``n`` axes, for its ``target``: the first of all, and refusals where it is padded.

    Padding that is given axis by axis, that of the channels with it, is in another order there.
    """
    layer = target.partition("(")[0].removeprefix("nn.")
    name = f"ChannelsLast{layer}"
    helper(name, f'''
class {name}(nn.{layer}):
    """Paddle's data_format={LAST[n]!r}: the channels lie last."""

    def forward(self, x):
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)
''', "nn")  # fmt: skip
    formats: Fates = {"data_format": only(LAST[n])}
    refused = tuple(
        when(None, data_format=(LAST[n],), padding=kind, why=f"padding {words} where the channels lie last")
        for kind, words in (("any text", "by name"), ("nested", "of each axis"))
    )
    return *(refused if padded else ()), when(
        target.replace(f"nn.{layer}(", f"{name}(", 1), formats, data_format=(LAST[n],)
    )
