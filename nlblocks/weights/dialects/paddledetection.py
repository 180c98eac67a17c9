"""PaddleDetection: the EffectiveSELayer of its CSPResNet."""

from __future__ import annotations

import numpy as np

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.weights.dialects.base import Dialect, Table, pointwise, refuse_unless

GATES = ("hardsigmoid", "sigmoid")
SLOPE = float(np.float32(0.1666667))
"""The slope of Paddle's hard sigmoid where none is given, as Paddle holds it."""


def _ese(channels: int, act: str = "hardsigmoid") -> BlockSpec:
    if act not in GATES:
        raise InputError(f"dialect paddledetection: act={act!r} is not covered; it {one_of(act, GATES)}")
    if act == "sigmoid":
        return EffectiveSqueezeExcitation(in_channels=channels, gate="sigmoid")
    return EffectiveSqueezeExcitation(in_channels=channels, slope=SLOPE)


def _ese_names(spec: EffectiveSqueezeExcitation) -> Table:
    refuse_unless("paddledetection", spec, pool=("avg",))
    return pointwise("fc", "fc", spec.in_channels)


DIALECT = Dialect(
    name="paddledetection",
    source="PaddleDetection, ppdet/modeling/backbones/cspresnet.py",
    classes={"EffectiveSELayer": _ese},
    tables={EffectiveSqueezeExcitation: _ese_names},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
