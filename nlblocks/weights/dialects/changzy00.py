"""pytorch-attention by changzy00, a collection of blocks in torch."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.bam import BAM
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.gaussian_context import GaussianContext
from nlblocks.specs.selective_kernel import SelectiveKernel
from nlblocks.specs.style_recalibration import StyleRecalibration
from nlblocks.weights.dialects.bam import bam
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless


def _gaussian(channels: int, c: float = 2, eps: float = 1e-5) -> BlockSpec:
    """It takes any number of channels; its c multiplies where the paper divides by c²."""
    if c <= 0:
        raise InputError(f"dialect changzy00: GCT: c={c!r} makes no Gaussian; it must be more than 0")
    return GaussianContext(c=c**-0.5, deviation="biased", eps=eps)


def _gaussian_names(spec: GaussianContext) -> Table:
    refuse_unless("changzy00", spec, learned=(False,), deviation=("biased",))
    return {}


def _style(channel: int) -> BlockSpec:
    return StyleRecalibration(in_channels=channel, eps=0.0, zero_init=False)


def _style_names(spec: StyleRecalibration) -> Table:
    refuse_unless("changzy00", spec, eps=(0.0,))
    return {"cfc": "cfc", "norm": "bn"}


def _selective(inplanes: int, planes: int, groups: int = 32, ratio: int = 16) -> BlockSpec:
    return SelectiveKernel(
        in_channels=inplanes, out_channels=planes, groups=groups, conv_bias=True, ratio=ratio, fc_bias=True,
        joined=False,
    )  # fmt: skip


def _selective_names(spec: SelectiveKernel) -> Table:
    refuse_unless(
        "changzy00", spec, kernel_sizes=((3, 5),), dilated=(True,), dilation=(1,), stride=(1,), split_input=(False,),
        conv_bias=(True,), reduce_norm=(True,), fc_bias=(True,), joined=(False,),
    )  # fmt: skip
    names: dict[str, Foreign] = {"fc_1": "fc.0", "norm": "fc.1", "fc_2.0": "fc1", "fc_2.1": "fc2"}
    for index, theirs in enumerate(("split_3x3", "split_5x5")):
        names |= {f"branches.{index}.conv": f"{theirs}.0", f"branches.{index}.norm": f"{theirs}.1"}
    return names


def _bam(channel: int) -> BlockSpec:
    return bam("changzy00", channel, norm_place="output")


def _bam_names(spec: BAM) -> Table:
    refuse_unless("changzy00", spec, join=("sum",), norm_place=("output",), depth=(2,), dilation=(4,))
    return {
        "channel.fc_1": "channel_attn.mlp.0", "channel.fc_2": "channel_attn.mlp.2", "channel.norm": "channel_attn.bn",
        "spatial.reduce.conv": "spatial_attn.conv1", "spatial.dilated.0.conv": "spatial_attn.conv2.0",
        "spatial.dilated.0.norm": "spatial_attn.conv2.1", "spatial.dilated.1.conv": "spatial_attn.conv2.3",
        "spatial.dilated.1.norm": "spatial_attn.conv2.4", "spatial.project.conv": "spatial_attn.conv3",
        "spatial.project.norm": "spatial_attn.bn",
    }  # fmt: skip


DIALECT = Dialect(
    name="changzy00",
    source="changzy00/pytorch-attention",
    classes={"BAM": _bam, "SKLayer": _selective, "SRM": _style, "GCT": _gaussian},
    tables={
        BAM: _bam_names,
        SelectiveKernel: _selective_names,
        StyleRecalibration: _style_names,
        GaussianContext: _gaussian_names,
    },
    ignored=("num_batches_tracked",),
)
