"""What a program's weights are, by the operators that compute with them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from nlblocks.weights.files.containers.paddle_programs import Operator, Program
from nlblocks.weights.files.tensors import Tensor

PRODUCTS = {
    "matmul_v2": ("Y",), "matmul": ("Y", "1"), "mul": ("Y",), "fc": ("W", "1"), "fused_gemm_epilogue": ("Y", "1"),
}  # fmt: skip
TABLES = {"lookup_table_v2": ("W",), "lookup_table": ("W",), "embedding": ("1",)}
"""Operators, by the slots in which they take what a Linear multiplies by, or a table."""
_LAYER = re.compile(r"(linear|fc)_\d+\.w_\d+")
_CLASS = re.compile(r"(.*/)?Linear(_\d+)?/?")


def kinds_of(program: Program, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Which matrices are a Linear's and which are tables; of others the program does not tell it.

    Any parameter may be multiplied by. It is a Linear's if it is called so, or if the program says that one does it;
    what is multiplied by turned is none, be it a table that is used once more.
    """
    said: defaultdict[str, set[str]] = defaultdict(set)
    for operator in program.operators:
        for name in _held(operator, TABLES, tensors):
            said[name].add("embedding")
        for name in _held(operator, PRODUCTS, tensors):
            if operator.turned:
                said[name].add("parameter")
            elif _LAYER.fullmatch(name) or _CLASS.fullmatch(operator.layer):
                said[name].add("linear")
    order = ("embedding", "parameter", "linear")
    return {name: next(kind for kind in order if kind in kinds) for name, kinds in said.items()}


def _held(operator: Operator, slots: Mapping[str, tuple[str, ...]], tensors: Mapping[str, Tensor]) -> list[str]:
    names = [name for slot in slots.get(operator.kind, ()) for name in operator.inputs.get(slot, ())]
    return [name for name in names if name in tensors and len(tensors[name].shape) == 2]
