"""pytorch-attention by changzy00, a collection of blocks in torch."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.selective_kernel import SelectiveKernel
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless


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


DIALECT = Dialect(
    name="changzy00",
    source="changzy00/pytorch-attention",
    classes={"SKLayer": _selective},
    tables={SelectiveKernel: _selective_names},
    ignored=("num_batches_tracked",),
)
