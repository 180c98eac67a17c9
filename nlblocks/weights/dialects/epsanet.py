"""The code of the authors of EPSANet: its PSAModule."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError
from nlblocks.specs.pyramid_squeeze_attention import PyramidSqueezeAttention
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, pointwise, refuse_unless

BRANCHES, RATIO = 4, 16


def _psa(
    inplans: int,
    planes: int,
    conv_kernels: Sequence[int] = (3, 5, 7, 9),
    stride: int = 1,
    conv_groups: Sequence[int] = (1, 4, 8, 16),
) -> PyramidSqueezeAttention:
    """It reads the first four of the kernels and groups, and leaves its gates no channels below planes=64."""
    if planes // BRANCHES < RATIO:
        raise InputError(f"dialect epsanet: planes={planes} leaves the gates no channels; it must be at least 64")
    return PyramidSqueezeAttention(
        in_channels=inplans, out_channels=planes // BRANCHES * BRANCHES, kernel_sizes=tuple(conv_kernels[:BRANCHES]),
        branch_groups=tuple(conv_groups[:BRANCHES]), stride=stride, ratio=RATIO,
    )  # fmt: skip


def _names(spec: PyramidSqueezeAttention) -> Table:
    refuse_unless("epsanet", spec, branches=(BRANCHES,))
    names: dict[str, Foreign] = {f"branches.{index}": f"conv_{index + 1}" for index in range(BRANCHES)}
    return names | pointwise("fc_1", "se.fc1", spec.share) | pointwise("fc_2", "se.fc2", spec.inner)


DIALECT = Dialect(
    name="epsanet",
    source="murufeng/EPSANet, models/epsanet.py",
    classes={"PSAModule": _psa},
    tables={PyramidSqueezeAttention: _names},
    ignored=("num_batches_tracked",),
)
