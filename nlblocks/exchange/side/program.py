"""A graph that runs node by node: each node a call that an observer may see, replace or hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import inliner

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.programs import Evaluator, written
from nlblocks.exchange.side import recurrent
from nlblocks.exchange.side.naming import scope_of
from nlblocks.exchange.side.operators import ARITHMETIC, ROWS, flat, read
from nlblocks.exchange.side.reading import At, Read
from nlblocks.exchange.side.tensors import captured, inputs_of, taken_by, tensors_of
from nlblocks.parity.recording import Observer

AS_INPUTS = {"min": 1, "max": 2}
"""Attributes that became inputs, and where: those of Clip."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a graph takes: ``shape`` has a text, or None, for an extent that may be any."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None

    def checked(self, array: Array) -> Array:
        """The array in this dtype, floating ones as they are. Raises ValueError for another shape."""
        shape = self.shape
        if shape is not None and (
            len(shape) != array.ndim
            or any(isinstance(n, int) and n != m for n, m in zip(shape, array.shape, strict=True))
        ):
            words = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"the file takes {self.name} of shape [{words}], received {list(array.shape)}")
        return array if array.dtype.kind == "f" else array.astype(self.dtype)


@dataclass(frozen=True, slots=True)
class Step:
    """A node: its implementation in the evaluator, what it takes and gives, and where it is in the model.

    The last ``captured`` of its inputs are what graphs inside it take from around them.
    """

    op: Any
    op_type: str
    opset: int
    inputs: tuple[str, ...]
    captured: int
    outputs: tuple[str, ...]
    scope: str
    leaf: bool
    fixed: bool


class Program:
    """A graph as a model: ``tensors`` are its parameters by name, in the file's own dtype."""

    training = False

    def __init__(self, proto: onnx.ModelProto, title: str = "") -> None:
        own = {value.type.tensor_type.elem_type for value in proto.graph.input}
        proto = inliner.inline_local_functions(Evaluator(proto).model)
        graph = proto.graph
        self.inputs = tuple(_input(value) for value in inputs_of(graph))
        found = tensors_of(graph)
        self.title = title
        self.tensors, self.constants = found.parameters, found.constants
        self.names, self.buffers, self.fixed = found.names, frozenset(found.buffers), frozenset(found.fixed)
        self.outputs = tuple(value.name for value in graph.output)
        self.dtype = self._dtype()
        self.narrow = self.dtype == "float32" or onnx.TensorProto.FLOAT in own
        self.steps = self._steps(proto, found.copies)
        self.observer: Observer | None = None

    def _dtype(self) -> str:
        """The dtype of most parameters; of a graph without any, of its first floating input."""
        names = [str(array.dtype) for array in self.tensors.values()]
        names = names or [value.dtype for value in self.inputs if value.dtype.startswith("float")]
        return max(names, key=names.count, default="float32")

    def train(self, mode: bool = True) -> None:
        """Nothing: a graph computes what it computes."""

    def eval(self) -> None:
        """Nothing: a graph is in evaluation."""

    def __call__(self, *arrays: Array) -> Any:
        return self.forward(*arrays)

    def forward(self, *arrays: Array) -> Any:
        """The outputs of the inputs, in their order: an array, or a tuple of several."""
        if len(arrays) != len(self.inputs):
            wanted = ", ".join(value.name for value in self.inputs)
            raise ValueError(f"the file takes {wanted or 'nothing'}, received {len(arrays)} inputs")
        run = Run(self, self.observer)
        for value, array in zip(self.inputs, arrays, strict=True):
            run.values[value.name] = value.checked(array)
        for step in self.steps:
            run.step(step)
        results = tuple(run.values[name] for name in self.outputs)
        return results[0] if len(results) == 1 else results

    def _steps(self, proto: onnx.ModelProto, copies: set[str]) -> list[Step]:
        steps, opsets = [], {opset.domain: opset.version for opset in proto.opset_import}
        for node, op in zip(proto.graph.node, Evaluator(proto).steps, strict=True):
            if node.op_type == "Constant" or node.output[0] in copies:
                continue
            inside = captured(node)
            taken = (*node.input, *inside)
            own = next((self.names[name] for name in taken if name in self.names), None)
            layer = "" if own is None else own.rpartition(".")[0]
            steps.append(
                Step(
                    op, node.op_type, opsets.get(node.domain, 0), taken, len(inside), tuple(node.output),
                    layer or scope_of(node), own is not None, set(node.output) <= self.fixed,
                )
            )  # fmt: skip
        return steps


class Run:
    """One run of a program: the values so far."""

    def __init__(self, program: Program, observer: Observer | None) -> None:
        self.observer = observer
        self.dtype = np.dtype(program.dtype if observer is None else observer.options.dtype)
        self.fixed, self.narrow = program.fixed, program.narrow
        self.values: dict[str, Any] = {"": None, **program.constants}
        self.values |= {name: program.tensors[called] for name, called in program.names.items()}

    def step(self, step: Step) -> None:
        """Run a node: out of the observer's sight, where no value of the model's goes into it."""
        arrays = [self.values[name] for name in step.inputs]
        if step.fixed or self.observer is None:
            made: Sequence[Array | None] = self._ran(step, arrays, {})
        else:
            self.observer.enter(step.scope, step.leaf)
            made = self._observed(step, arrays)
            self.observer.leave()
        self.values |= {name: value for name, value in zip(step.outputs, made, strict=False) if name}

    def _ran(self, step: Step, arrays: Sequence[Array | None], given: Mapping[str, Any]) -> tuple[Array, ...]:
        """What a node gives, with attributes other than its own where some are given."""
        op, own = step.op, dict[str, Any](given)
        if step.op_type == "Cast" and np.dtype(onnx.helper.tensor_dtype_to_np_dtype(op.to)).kind == "f":
            return (np.asarray(arrays[0], self.dtype),)
        if recurrent.is_split(step.inputs):
            x, _, *rest = arrays
            states, weights = [one for one in rest[:2] if one is not None], [one for one in rest[2:] if one is not None]
            ends, first = recurrent.ends_of(op), recurrent.resets_first(op)
            return tuple(recurrent.run(step.op_type, np.asarray(x), states, weights, ends, first))
        with np.errstate(all="ignore"):
            if op.need_context():
                around = {**self.values, **dict(zip(step.inputs, arrays, strict=True))}
                found = op.run(*arrays[: len(arrays) - step.captured], context=around)
            elif own:
                found = op._run(*arrays, **{name: own.get(name, getattr(op, name)) for name in op.attributes_names_})
            else:
                found = op.run(*arrays)
        return tuple(self._private(value) for value in found)

    def _private(self, value: Any) -> Array:
        """An array object of its own, that may be written to, in the run's dtype."""
        if not isinstance(value, np.ndarray | np.generic):
            return value
        array = np.asarray(value)
        if array.dtype.kind == "f" and array.dtype != self.dtype:
            return array.astype(self.dtype)
        return array.view() if array.flags.writeable else array.copy()

    def _observed(self, step: Step, arrays: list[Array | None]) -> Sequence[Array | None]:
        observer = self.observer
        assert observer is not None
        if recurrent.is_split(step.inputs):
            return self._recurrent(step, arrays, observer)
        at = At(step.op, step.opset, arrays, [name in self.fixed or not name for name in step.inputs])
        found = _taken(step, at, read(step.op_type, at))
        row = ROWS.get(step.op_type)
        attrs, numbers = dict(found.attrs), {} if row is None else row.numbers
        for name in numbers.keys() & attrs.keys():
            attrs[name] = self._number(attrs[name], step.op_type)
        places = flat(found.operands)
        args = {place: self._operand(step, place, arrays[place]) for place in places}

        def function(*taken: Any, **kept: Any) -> Any:
            whole, given = list(arrays), dict[str, Any]()
            flattened = [one for item in taken for one in (item if isinstance(item, list) else [item])]
            for place, value in zip(places, flattened, strict=True):
                whole[place] = self._array(value, arrays[place])
            for ours, theirs in numbers.items():
                if kept.get(ours) is None:
                    continue
                if theirs in step.op.attributes_names_:
                    given[theirs] = kept[ours]
                elif theirs in AS_INPUTS:
                    whole[AS_INPUTS[theirs]] = np.asarray(kept[ours], self.dtype)
            made = [value for name, value in zip(step.outputs, self._ran(step, whole, given), strict=False) if name]
            return made[0] if len(made) == 1 else made

        operands = [args[one] if isinstance(one, int) else [args[i] for i in one] for one in found.operands]
        result = observer(found.name or step.op_type, function, tuple(operands), attrs)
        made = iter(result if isinstance(result, list) else [result])
        return [next(made) if name else None for name in step.outputs]

    def _recurrent(self, step: Step, arrays: list[Array | None], observer: Observer) -> Sequence[Array]:
        """A network whose weights are by direction."""
        ends = recurrent.ends_of(step.op)
        states = [self._operand(step, place, arrays[place]) for place in (2, 3) if arrays[place] is not None]

        def function(x: Array, states: list[Array], weights: list[Array], ends: Any, first: bool) -> list[Array]:
            return recurrent.run(step.op_type, x, states, weights, ends, first)[: len(step.outputs)]

        taken = arrays[0], states, arrays[4:], ends, recurrent.resets_first(step.op)
        found: list[Array] = observer(step.op_type, function, taken, {})
        return found

    def _operand(self, step: Step, place: int, array: Array | None) -> Any:
        """An input as a call takes it: a number of the program as a number, what is made of shapes as a constant."""
        name = step.inputs[place]
        if array is None or name not in self.fixed:
            return array
        if array.size == 1 and step.op_type in ARITHMETIC and array.dtype.kind in "fiu":
            return self._number(array.item(), step.op_type) if self.narrow else array.item()
        if self.observer is not None and isinstance(array, np.ndarray):
            return self.observer("Constant", array.view, (), {})
        return array

    def _array(self, value: Any, own: Array | None) -> Array | None:
        """What a call was given in the place of an input."""
        if own is None or isinstance(value, np.ndarray):
            return value
        return np.asarray(value, self.dtype if own.dtype.kind == "f" else own.dtype).reshape(own.shape)

    def _number(self, value: Any, kernel: str) -> Any:
        """A number that the file holds as float32 as it was probably written; moved where the run is to show that."""
        if self.observer is None or not self.observer.held.active or not isinstance(value, float):
            return value
        found, held = written(value), self.observer.held
        if found is None or held.rounds(found):
            held.note(kernel, "its numbers")
        return held.number(value if found is None else found, lost=found is None)


def _taken(step: Step, at: At, found: Read) -> Read:
    """What is read of a node; of a choice between two graphs, what the chosen one takes."""
    if step.op_type != "If":
        return found
    name = "then_branch" if np.all(at.x) else "else_branch"
    used = taken_by(next(a.g for a in step.op.onnx_node.attribute if a.name == name))
    own = len(step.inputs) - step.captured
    return replace(found, operands=[i for i in flat(found.operands) if i < own or step.inputs[i] in used])


def _input(value: onnx.ValueInfoProto) -> Input:
    kind = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type":
        raise InputError(f"input {value.name} is no tensor; a graph that takes sequences or maps cannot be compared")
    shape = None
    if kind.HasField("shape"):
        shape = tuple(d.dim_value if d.dim_value > 0 else d.dim_param or None for d in kind.shape.dim)
    return Input(value.name, str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))), shape)
