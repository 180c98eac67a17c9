"""Functions of one number whose constants are float32 in ONNX's evaluator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from nlblocks.backend import Array

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Erf(OpRun):
    """The evaluator's own gives float32."""

    op_domain = ""

    def _run(self, x: Array, **_: Any) -> tuple[Array]:
        return (_erf(x).astype(x.dtype),)


class Gelu(OpRun):
    """The evaluator runs ONNX's expansion of it, whose constants are float32."""

    op_domain = ""

    def _run(self, x: Array, approximate: str = "none", **_: Any) -> tuple[Array]:
        if approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return ((x * 0.5 * (1 + np.tanh(inner))).astype(x.dtype),)
        return ((x * 0.5 * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype),)


class HardSwish(OpRun):
    """The evaluator runs ONNX's expansion of it, whose sixth is float32."""

    op_domain = ""

    def _run(self, x: Array, **_: Any) -> tuple[Array]:
        return ((x * np.clip(x / 6 + 0.5, 0, 1)).astype(x.dtype),)


OWN = (Erf, Gelu, HardSwish)
