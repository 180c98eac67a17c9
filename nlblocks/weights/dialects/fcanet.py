"""FcaNet: the authors' MultiSpectralAttentionLayer, whose table is a float32 buffer."""

from __future__ import annotations

from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.frequency_channel_attention import FrequencyChannelAttention, Selection
from nlblocks.weights.dialects.base import Dialect, Table

SELECTIONS: dict[str, Selection] = {"top": "top", "low": "low", "bot": "bottom"}
COUNTS = ("1", "2", "4", "8", "16", "32")


def _layer(channel: int, dct_h: int, dct_w: int, reduction: int = 16, freq_sel_method: str = "top16") -> BlockSpec:
    name, count = freq_sel_method[:3], freq_sel_method[3:]
    if name not in SELECTIONS or count not in COUNTS:
        raise InputError(
            f"dialect fcanet: freq_sel_method={freq_sel_method!r} is not covered; it covers {known(SELECTIONS)} with "
            f"one of {known(COUNTS)} after it"
        )
    if channel < reduction:
        raise InputError(
            f"dialect fcanet: reduction={reduction!r} leaves none of channel={channel!r}; give a smaller one"
        )
    return FrequencyChannelAttention(
        in_channels=channel,
        table_size=(dct_h, dct_w),
        ratio=reduction,
        selection=SELECTIONS[name],
        num_frequencies=int(count),
    )


def _names(spec: FrequencyChannelAttention) -> Table:
    return {"table": "dct_layer.weight", "fc_1": "fc.0", "fc_2": "fc.2"}


DIALECT = Dialect(
    name="fcanet",
    source="FcaNet, model/layer.py",
    classes={"MultiSpectralAttentionLayer": _layer},
    tables={FrequencyChannelAttention: _names},
)
