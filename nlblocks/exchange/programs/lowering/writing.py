"""Nodes written as formulas: ``x * sigmoid(x)`` adds a Sigmoid and a Mul to a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    defs,
    helper,
    numpy_helper,
)

from nlblocks.backend import Array

END = np.iinfo(np.int64).max
"""Where a slice that runs to the end of an axis ends."""


class Unwritable(Exception):
    """A node that has no float64 and cannot be rewritten, and why: the end of a sentence about it."""


class Value:
    """A tensor of the program that is being written. ``array``: what it holds, where that is known already."""

    __slots__ = ("array", "name", "write")

    def __init__(self, write: Writer, name: str, array: Array | None = None) -> None:
        self.write, self.name, self.array = write, name, array

    def __add__(self, other: Operand) -> Value:
        return self.write("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.write("Sub", self, other)

    def __mul__(self, other: Operand) -> Value:
        return self.write("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.write("Div", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.write("Add", other, self)

    def __rsub__(self, other: Operand) -> Value:
        return self.write("Sub", other, self)

    def __rmul__(self, other: Operand) -> Value:
        return self.write("Mul", other, self)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.write("Div", other, self)

    def __matmul__(self, other: Operand) -> Value:
        return self.write("MatMul", self, other)

    def __neg__(self) -> Value:
        return self.write("Neg", self)


Operand = Value | Array | float | Sequence[int]
"""What a formula may hold: a number is a float64, a list of whole numbers a vector of int64."""


class Writer:
    """The nodes of one graph, as they are written; what changed its signature between opsets has a method.

    ``names`` gives names that nothing else in the program has, ``constants`` the tensors whose contents are known,
    ``types`` what is known of the others.
    """

    def __init__(
        self, opset: int, names: Iterator[str], constants: Mapping[str, Array], types: Mapping[str, TypeProto.Tensor]
    ) -> None:
        self.opset, self.names, self.constants, self.types = opset, names, constants, types
        self.nodes: list[NodeProto] = []

    def __call__(self, op: str, *inputs: Operand | None, **attributes: Any) -> Value:
        return self.several(1, op, *inputs, **attributes)[0]

    def several(self, count: int, op: str, *inputs: Operand | None, **attributes: Any) -> list[Value]:
        """The values of a node that gives some."""
        given = ["" if item is None else self.value(item).name for item in inputs]
        outputs = [next(self.names) for _ in range(count)]
        self.nodes.append(helper.make_node(op, given, outputs, **attributes))
        return [Value(self, name) for name in outputs]

    def value(self, item: Operand) -> Value:
        """A value as it is; anything else as a constant."""
        if isinstance(item, Value):
            return item
        array = np.asarray(item, np.int64 if isinstance(item, list | tuple) else None)
        array = array.astype(np.float64) if isinstance(item, int | float) else array
        name = next(self.names)
        self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        return Value(self, name, array)

    def named(self, name: str) -> Value:
        """A tensor of the program."""
        return Value(self, name, self.constants.get(name))

    def shape(self, value: Value) -> tuple[int | None, ...] | None:
        """What is known of a shape before the program runs."""
        if value.array is not None:
            return value.array.shape
        found = self.types.get(value.name)
        if found is None or not found.HasField("shape"):
            return None
        sizes = (size.dim_value if size.HasField("dim_value") else -1 for size in found.shape.dim)
        return tuple(size if size >= 0 else None for size in sizes)  # Paddle's exporter writes -1 for any

    def is_boolean(self, value: Value) -> bool:
        """Whether a tensor is known to hold truths."""
        found = self.types.get(value.name)
        return found is not None and found.elem_type == TensorProto.BOOL

    def size(self, x: Value, start: int = 0, end: int = END) -> Value:
        """The lengths of some axes, as the program finds them."""
        known = (self.shape(x) or (None,))[start:end]
        if self.shape(x) is not None and None not in known:
            return self.value([length for length in known if length is not None])
        whole = self("Shape", x)
        return whole if (start, end) == (0, END) else self.slice(whole, [start], [end], [0])

    def slice(
        self, x: Value, starts: Operand, ends: Operand, axes: Sequence[int], steps: Sequence[int] | None = None
    ) -> Value:
        """Some of some axes."""
        return self("Slice", x, starts, ends, list(axes), list(steps or [1] * len(axes)))

    def pad(self, x: Value, pads: Sequence[int] | Value, value: float = 0.0) -> Value:
        """Values around a tensor: first what goes before each axis, then what goes behind."""
        if not isinstance(pads, Value) and not any(pads):
            return x
        return self("Pad", x, pads, value, mode="constant")

    def reshape(self, x: Value, *shape: int | Value) -> Value:
        """Another shape: whole numbers, as Reshape has them, and vectors that the program finds."""
        if all(isinstance(part, int) for part in shape):
            return self("Reshape", x, list(shape))  # type: ignore[arg-type]
        return self("Reshape", x, self.vector(*shape))

    def vector(self, *parts: int | Value) -> Value:
        """Whole numbers and vectors of them, one after another."""
        return self("Concat", *([part] if isinstance(part, int) else part for part in parts), axis=0)

    def unsqueeze(self, x: Value, *axes: int) -> Value:
        """The same with axes of one."""
        if self.opset >= 13:
            return self("Unsqueeze", x, list(axes))
        return self("Unsqueeze", x, axes=list(axes))

    def squeeze(self, x: Value, *axes: int) -> Value:
        """The same without some axes of one."""
        if self.opset >= 13:
            return self("Squeeze", x, list(axes))
        return self("Squeeze", x, axes=list(axes))

    def reduce(self, op: str, x: Value, *axes: int, keepdims: int = 1) -> Value:
        """Axes as one value each: ``Sum``, ``Mean``, ``Max``."""
        if self.opset >= (13 if op == "Sum" else 18):
            return self(f"Reduce{op}", x, list(axes), keepdims=keepdims)
        return self(f"Reduce{op}", x, axes=list(axes), keepdims=keepdims)

    def column(self, vector: Value, rank: int) -> Value:
        """A value for each channel of a tensor [B, C, ...] of some rank."""
        return self.reshape(vector, 1, -1, *[1] * (rank - 2))

    def split(self, count: int, x: Value, axis: int) -> list[Value]:
        """Parts of one size along an axis."""
        more = {"num_outputs": count} if self.opset >= 18 else {}
        return self.several(count, "Split", x, axis=axis, **more)

    def inner(self) -> Writer:
        """A writer for the body of a loop, which may use what this one wrote."""
        return Writer(self.opset, self.names, self.constants, {})

    def body(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> GraphProto:
        """What was written, as a graph of float64 tensors."""
        double = helper.make_tensor_type_proto(TensorProto.DOUBLE, None)
        given, made = ([ValueInfoProto(name=v.name, type=double) for v in values] for values in (inputs, outputs))
        return helper.make_graph(self.nodes, next(self.names), given, made)


class Call:
    """A node that is rewritten: its inputs as values, and its attributes."""

    def __init__(self, node: NodeProto, write: Writer) -> None:
        self.op, self.outputs = node.op_type, list(node.output)
        if not defs.has(node.op_type, write.opset, node.domain):
            raise Unwritable(f"it is not in opset {write.opset}")
        usual = defs.get_schema(node.op_type, write.opset, node.domain).attributes
        self.inputs = [write.named(name) if name else None for name in node.input]
        self._given = {name: _content(each.default_value) for name, each in usual.items() if each.default_value.name}
        self._given |= {item.name: _content(item) for item in node.attribute}

    def __getitem__(self, place: int) -> Value:
        """An input that must be there."""
        value = self.input(place)
        if value is None:
            raise Unwritable(f"its input {place} is missing")
        return value

    def input(self, place: int) -> Value | None:
        """An input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, or what its operator takes where it is left out, or else ``default``."""
        return self._given.get(name, default)


def _content(attribute: AttributeProto) -> Any:
    """What an attribute holds; text as str."""
    found = helper.get_attribute_value(attribute)
    if isinstance(found, bytes):
        return found.decode()
    return [item.decode() if isinstance(item, bytes) else item for item in found] if isinstance(found, list) else found
