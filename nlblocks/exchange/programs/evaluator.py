"""ONNX's reference evaluator: every operator in NumPy, in the dtype of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from nlblocks.backend import Array


class BatchNormalization(OpRun):
    """scale (x - mean) / sqrt(var + eps) + bias: the evaluator's own is wrong from opset 9 to 13."""

    op_domain = ""

    def _run(self, x: Array, scale: Array, bias: Array, mean: Array, var: Array, **attrs: Any) -> tuple[Array]:
        def column(value: Array) -> Array:
            return value.reshape(1, -1, *[1] * (x.ndim - 2))

        eps = 1e-5 if attrs.get("epsilon") is None else attrs["epsilon"]
        found = column(scale) * (x - column(mean)) / np.sqrt(column(var) + eps) + column(bias)
        return (found.astype(x.dtype),)


OWN = (BatchNormalization,)
"""Operators that stand in for the evaluator's."""


class Evaluator:
    """A program that runs in NumPy."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._program = ReferenceEvaluator(model, new_ops=list(OWN))

    def run(self, feeds: Mapping[str, Array], wanted: Sequence[str] | None = None) -> dict[str, Array]:
        """Outputs by name, of inputs by name."""
        names = list(wanted) if wanted is not None else list(self._program.output_names)
        return dict(zip(names, self._program.run(names, dict(feeds)), strict=True))
