"""The code of the authors of BAM. It multiplies the two branches, where the paper adds them.

As published it raises NameError (gate_activation); it pools a square of the map's height, so maps that are wider than
high are pooled in part, and higher ones fail. The spec takes the mean over all positions.
"""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.bam import BAM
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless


def bam(dialect: str, channels: int, **fields: Any) -> BAM:
    """The spec of a codebase that takes a sixteenth of the channels, and keeps none of fewer than sixteen."""
    if channels < 16:
        raise InputError(f"dialect {dialect}: BAM of {channels} channels has no inner channels; it takes at least 16")
    return BAM(in_channels=channels, **fields)


def _bam(gate_channel: int) -> BAM:
    return bam("bam", gate_channel, join="product")


def _names(spec: BAM) -> Table:
    refuse_unless("bam", spec, join=("product",), norm_place=("hidden",), depth=(2,), dilation=(4,))
    channel, spatial = "channel_att.gate_c.gate_c", "spatial_att.gate_s.gate_s"
    names: dict[str, Foreign] = {
        "channel.fc_1": f"{channel}_fc_0", "channel.norm": f"{channel}_bn_1", "channel.fc_2": f"{channel}_fc_final",
        "spatial.reduce.conv": f"{spatial}_conv_reduce0", "spatial.reduce.norm": f"{spatial}_bn_reduce0",
        "spatial.project.conv": f"{spatial}_conv_final",
    }  # fmt: skip
    for index in range(spec.depth):
        names |= {
            f"spatial.dilated.{index}.conv": f"{spatial}_conv_di_{index}",
            f"spatial.dilated.{index}.norm": f"{spatial}_bn_di_{index}",
        }
    return names


DIALECT = Dialect(
    name="bam",
    source="Jongchan/attention-module, MODELS/bam.py",
    classes={"BAM": _bam},
    tables={BAM: _names},
    ignored=("num_batches_tracked",),
)
