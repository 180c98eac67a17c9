"""Paddle layers as ONNX programs."""

from __future__ import annotations

import atexit
import contextlib
import copy
import json
import re
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

import onnx
import paddle
from onnx import TensorProto
from paddle import Tensor, nn
from paddle.jit.dy2static.parameter_recorder import _global_inplace_map, _global_parameter_recorder
from paddle.pir import Value  # type: ignore[attr-defined]  # that of static programs
from paddle.static import InputSpec

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.programs import doubled

INSTALL = "pip install --no-deps paddle2onnx"
"""Without its dependencies: it asks for an onnx of 2023, and works with today's."""
OPSETS = range(7, 22)
"""The versions of the operators that the exporter writes; each gave every block of the catalogue right."""
OPSET = 17
"""The version of the operators unless another is asked for; the exporter goes further where an operator needs it."""
SAID = 200
"""Characters that are kept of an error."""
FORMER = {
    "add": "elementwise_add", "subtract": "elementwise_sub", "multiply": "elementwise_mul", "divide": "elementwise_div",
    "maximum": "elementwise_max", "minimum": "elementwise_min", "remainder": "elementwise_mod",
    "floor_divide": "elementwise_floordiv", "sum": "reduce_sum", "mean": "reduce_mean", "max": "reduce_max",
    "min": "reduce_min", "prod": "reduce_prod", "any": "reduce_any", "all": "reduce_all", "argmax": "arg_max",
    "argmin": "arg_min", "add_n": "sum", "matmul": "matmul_v2", "topk": "top_k_v2", "expand": "expand_v2",
    "flatten": "flatten_contiguous_range", "unsqueeze": "unsqueeze2", "arange": "range", "nonzero": "where_index",
    "numel": "size", "grid_sample": "grid_sampler", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish",
}  # fmt: skip
"""What Paddle 2 called an operator, where paddle2onnx still does."""
BESIDE = ("__div__", "__truediv__", "__rdiv__", "__rtruediv__", "__rpow__", "__pow__")
"""Operators of a static program's values with a number that scale does not make, or by a factor that was rounded."""
DONE = "nlblocks: done"
CHILD = f"""
import json, sys, paddle2onnx
for line in sys.stdin:
    folder, opset, further = json.loads(line)
    paddle2onnx.export(
        f"{{folder}}/model.json", f"{{folder}}/model.pdiparams", f"{{folder}}/model.onnx",
        opset_version=opset, auto_upgrade_opset=further, optimize_tool="none",
    )
    print("\\n{DONE}", flush=True)
"""
"""What the process runs that exports: a folder, an opset and whether it may go further, a line each."""
SIGN = re.compile(r"\[Paddle2ONNX\]|\[ERROR\]")
"""What marks a line that the exporter says."""
DOUBLE, SINGLE = "0.a_f64", "0.a_f32"
"""How a saved program marks an attribute of a dtype."""
FILLS = "1.full"
"""How the operators begin whose double attribute the exporter reads: what makes a constant."""
FURTHER = re.compile(r"set the opset_version to (\d+)")
"""How it says that an operator needs a newer opset."""
WITHOUT = frozenset(["data", "feed", "fetch", "if", "while", "print"])
"""Operators of a program that the exporter needs no rule for."""


def exported(
    module: nn.Layer, inputs: Sequence[Array], *, names: Sequence[str], outputs: Sequence[str],
    opset: int | None = None, dynamic: Sequence[Mapping[int, str]] = (), attention: bool = False,
) -> onnx.ModelProto:  # fmt: skip
    """A layer in its own dtype, in eval mode, as a program: ``names`` of its inputs and of its ``outputs``.

    ``dynamic`` names the axes of each input that may have any extent; with ``attention`` the block's maps are outputs
    too. In float64 it is exact, whatever numbers are in it: see :func:`_exact_numbers` and :func:`_widened`. Weights
    have the names of the state dict. Raises InputError for what cannot be exported, and without paddle2onnx.
    """
    who = type(module).__name__
    if find_spec("paddle2onnx") is None:
        raise InputError(
            f"{who}: a Paddle model becomes an ONNX file by paddle2onnx, which is not installed: {INSTALL}"
        )
    if opset is not None and opset not in OPSETS:
        raise InputError(f"{who}: paddle2onnx writes opsets {OPSETS[0]} to {OPSETS[-1]}, not {opset}")
    axes = list(dynamic) or [{}] * len(inputs)
    floating = filter(Tensor.is_floating_point, chain(module.parameters(), module.buffers()))
    dtype = next((str(tensor.dtype).removeprefix("paddle.") for tensor in floating), "")
    wanted = [
        InputSpec([None if axis in open_ else n for axis, n in enumerate(x.shape)], _dtype(x, dtype), name)
        for x, name, open_ in zip(inputs, names, axes, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        _save(module, Path(folder), wanted, attention)
        model = _converted(who, Path(folder), opset)
    if len(model.graph.output) != len(outputs):
        raise InputError(f"{who} gives {len(model.graph.output)} tensors, and {len(outputs)} outputs are named")
    made = {name for node in model.graph.node for name in node.output}
    lost = [name for value, name in zip(model.graph.output, outputs, strict=True) if value.name not in made]
    if lost:
        raise InputError(f"{who}: paddle2onnx loses {', '.join(lost)}: an input that is given back as it came")
    given = {held.name for held in (*model.graph.input, *model.graph.initializer)}
    without = sorted({name for node in model.graph.node for name in node.input} - made - given - {""})
    if without:  # it leaves an operator out without a word, such as rnn without gates
        raise InputError(f"{who}: paddle2onnx writes nothing for {', '.join(without)[:SAID]}")
    if any(spec.dtype == paddle.float64 for spec in wanted):
        model = _widened(model)
    _named(model, module, outputs, axes)
    return model


def cast(module: nn.Layer, dtype: str) -> nn.Layer:
    """A copy of a layer in another dtype."""
    copied: nn.Layer = copy.deepcopy(module)
    copied.to(dtype=getattr(paddle, dtype))
    return copied


class _Flat(nn.Layer):
    """A layer whose outputs are a list of tensors, a block's maps among them if asked for."""

    def __init__(self, layer: nn.Layer, attention: bool) -> None:
        super().__init__()
        self.layer, self.options = layer, {"return_attention": True} if attention else {}

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        return _tensors(self.layer(*inputs, **self.options))


@paddle.jit.not_to_static
def _tensors(given: Any) -> list[Tensor]:
    """The tensors in what a layer gives, in order."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return list(chain.from_iterable(_tensors(part) for part in given))
    return [] if given is None else [given]


def _save(module: nn.Layer, folder: Path, inputs: list[InputSpec], attention: bool) -> None:
    """Write the layer's static program into a folder."""
    modes = {part: part.training for part in module.sublayers(include_self=True)}
    why = ""
    try:
        module.eval()
        flat = _Flat(module, attention)
        flat.eval()
        with warnings.catch_warnings(), _exact_numbers():
            warnings.simplefilter("ignore")
            paddle.jit.save(flat, str(folder / "model"), input_spec=[inputs])
    except InputError:
        raise
    except Exception as error:  # whatever the layer's own code raises, or Paddle on reading it
        why = _told(error)
        _forget()
    finally:
        for part, mode in modes.items():
            part.training = mode
    if why:
        raise InputError(f"{type(module).__name__}: paddle.jit.save cannot make a static program of it: {why}")


def _forget() -> None:
    """Drop what a trace that failed leaves in Paddle's records: they go by the addresses of programs, used again."""
    for record in (_global_parameter_recorder, _global_inplace_map):
        record.params_dict.clear()
    _global_parameter_recorder.tensor2value.clear()


@contextlib.contextmanager
def _exact_numbers() -> Iterator[None]:
    """Within, a Python number beside a tensor of a static program is a tensor of its dtype.

    Paddle makes sums, differences, products and quotients with a number by its operator scale, which holds the number
    as float32 in float64 too, and which the exporter casts through float32 and loses where it is all of a program. A
    number divided by a tensor of open axes becomes an operator that the exporter has no rule for.
    """
    native = {name: getattr(Value, name) for name in BESIDE}
    scale = paddle.scale

    def scaled(
        x: Any, factor: Any = 1.0, bias: float = 0.0, bias_after_scale: bool = True, act: str | None = None,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        if not x.is_floating_point() or act is not None or not isinstance(factor, int | float):
            return scale(x, factor, bias, bias_after_scale, act, name)
        if not bias_after_scale:
            bias *= factor
        product = x if factor == 1 and bias else paddle.multiply(x, _number(factor, x))
        return paddle.add(product, _number(bias, x)) if bias else product

    def beside(name: str) -> Any:
        def applied(x: Any, other: Any) -> Any:
            plain = isinstance(other, int | float) and x.is_floating_point()
            return native[name](x, _number(other, x) if plain else other)

        return applied

    try:
        paddle.scale = scaled  # type: ignore[assignment]  # of values alone
        for name in native:
            setattr(Value, name, beside(name))
        yield
    finally:
        paddle.scale = scale
        for name, method in native.items():
            setattr(Value, name, method)


def _number(value: float, like: Any) -> Any:
    return paddle.full([], float(value), like.dtype)


class _Converter:
    """paddle2onnx in a process of its own, for all exports: on an operator that it lacks it aborts the interpreter."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()
        atexit.register(self.end)

    def convert(self, folder: Path, opset: int | None) -> str:
        """Write folder/model.onnx of a saved program; what was said last where the process died of it, else ""."""
        with self._turn:
            if self._child is None:
                self._child = subprocess.Popen(
                    [sys.executable, "-c", CHILD], stdin=PIPE, stdout=PIPE, stderr=STDOUT, text=True, errors="replace"
                )
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            done, said = False, []
            try:
                with contextlib.suppress(BrokenPipeError):  # it died: what it said of that is read below
                    self._child.stdin.write(json.dumps([str(folder), opset or OPSET, opset is None]) + "\n")
                    self._child.stdin.flush()
                for line in self._child.stdout:
                    done = line.strip() == DONE
                    if done:
                        return ""
                    said.append(line)
            finally:
                if not done:  # it died, or somebody stopped waiting: what it says next is of no other export
                    self.end()
            return _complaint(said)

    def end(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


_converter = _Converter()


def _converted(who: str, folder: Path, opset: int | None) -> onnx.ModelProto:
    """The saved program in ONNX."""
    program = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(_narrowed(program)), encoding="utf-8")
    why = _converter.convert(folder, opset)
    if why:
        without = _lacking(program)
        further = FURTHER.search(why)
        if without:
            why = f"it has no {', '.join(without)}"
        elif further:
            why = f"it needs opset {further[1]}; {opset} is asked for"
        raise InputError(f"{who}: paddle2onnx cannot export it: {why}")
    return onnx.load_model(folder / "model.onnx")


def _complaint(said: Sequence[str]) -> str:
    """What the exporter said last before it gave up."""
    told = [re.sub(r".*\[Paddle2ONNX\]|.*\[ERROR\]", "", line).strip() for line in said if SIGN.search(line)]
    return next((line for line in reversed(told) if line and "is aborted" not in line), "it ended without a word")[
        :SAID
    ]


def _narrowed(node: Any) -> Any:
    """A saved program with the double attributes of its operators as float32, as the format has them.

    The exporter reads float32 alone, and of a double makes whatever lies in memory: of a slope, an eps, a scale.
    """
    if isinstance(node, list):
        return [_narrowed(part) for part in node]
    if not isinstance(node, dict) or node.get("#", "").startswith(FILLS):
        return node
    if node.get("#") == DOUBLE:
        return {**node, "#": SINGLE}
    return {key: _narrowed(part) for key, part in node.items()}


def _lacking(program: Any) -> list[str]:
    """The operators of a saved program that the exporter has no rule for: as it aborts it says that there are some."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from paddle2onnx.paddle2onnx_cpp2py_export import get_all_supported_operators_pir
    known = {*get_all_supported_operators_pir(), *WITHOUT}
    names = {name.removesuffix("_") for name in _operators(program)}
    return sorted(name for name in names if not {name, f"{name}_", FORMER.get(name)} & known)


def _operators(node: Any) -> Iterator[str]:
    """The operators of a program and of its branches and loops; Paddle's dialect is number 1 in its files."""
    parts = node if isinstance(node, list) else []
    if isinstance(node, dict):
        yield from (op["#"][2:] for op in node.get("ops", []) if op["#"].startswith("1."))
        parts = list(node.values())
    for part in parts:
        yield from _operators(part)


def _widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float64 layer's program without the float32 that the exporter puts around means, maxima and pools.

    A cast that the layer itself asks for stays, and with it all of the program: which float32 is whose is not known.
    """
    own = [node for node in model.graph.node if node.op_type == "Cast" and ".pd_op.cast." in node.output[0]]
    narrow = any(a.name == "to" and a.i == TensorProto.FLOAT for node in own for a in node.attribute)
    return model if narrow else doubled(model)


def _named(model: onnx.ModelProto, module: nn.Layer, outputs: Sequence[str], axes: Sequence[Mapping[int, str]]) -> None:
    """Name a program's outputs, its open axes, and its weights: the exporter leaves them as Constant nodes."""
    graph = model.graph
    taken = {value.name for value in graph.input} | set(outputs)
    names = {value.name: name for value, name in zip(graph.output, outputs, strict=True)}
    names |= {tensor.name: name for name, tensor in module.state_dict().items() if name not in taken and tensor.name}
    held = [node for node in graph.node if node.op_type == "Constant" and node.output[0] in names]
    for node in held:
        graph.initializer.append(node.attribute[0].t)
        graph.initializer[-1].name = names[node.output[0]]
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in graph.output:
        value.name = names[value.name]
    opened = {}
    for value, open_ in zip(graph.input, axes, strict=True):
        for axis, name in open_.items():
            dim = value.type.tensor_type.shape.dim[axis]
            opened[dim.dim_param] = name
            dim.dim_param = name
    for value in (*graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in opened:
                dim.dim_param = opened[dim.dim_param]


def _dtype(x: Array, floating: str) -> Any:
    return floating if floating and x.dtype.kind == "f" else x.dtype.name


def _told(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:SAID]
