"""PytorchInsight, the authors' SpatialGroupEnhance; xmu-xiaoma666's copy differs by where its bias starts."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.spatial_group_enhance import SpatialGroupEnhance
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _block(groups: int = 64) -> BlockSpec:
    return SpatialGroupEnhance(groups=groups)


def group_names(dialect: str, spec: SpatialGroupEnhance) -> Table:
    """The tensors of a SpatialGroupEnhance, which has them alike wherever it is copied."""
    refuse_unless(dialect, spec, eps=(1e-5,))
    shape = (1, spec.groups, 1, 1)
    return {"gate_weight": ("weight", shape), "gate_bias": ("bias", shape)}


DIALECT = Dialect(
    name="sge",
    source="PytorchInsight, classification/models/imagenet/resnet_sge.py",
    classes={"SpatialGroupEnhance": _block},
    tables={SpatialGroupEnhance: lambda spec: group_names("sge", spec)},
)
