"""PytorchInsight, the authors' SpatialGroupEnhance; xmu-xiaoma666's copy differs by where its bias starts."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.spatial_group_enhance import SpatialGroupEnhance
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _block(groups: int = 64) -> BlockSpec:
    return SpatialGroupEnhance(groups=groups)


def _names(spec: SpatialGroupEnhance) -> Table:
    refuse_unless("sge", spec, eps=(1e-5,))
    shape = (1, spec.groups, 1, 1)
    return {"weight": ("weight", shape), "bias": ("bias", shape)}


DIALECT = Dialect(
    name="sge",
    source="PytorchInsight, classification/models/imagenet/resnet_sge.py",
    classes={"SpatialGroupEnhance": _block},
    tables={SpatialGroupEnhance: _names},
)
