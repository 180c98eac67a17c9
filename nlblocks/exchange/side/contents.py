"""What is in an ONNX file: its program in a few lines, and its weights by name, whether or not it can be run here."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import inliner

from nlblocks.errors import file_path
from nlblocks.exchange.files import notes, read
from nlblocks.exchange.side.tensors import inputs_of, tensors_of
from nlblocks.weights.files import DTYPES, Checkpoint, Tensor, in_memory
from nlblocks.weights.files.contents import UNSAID

BRIEF = 60
"""Characters that are shown of an entry of the metadata."""


def contents(path: str | os.PathLike[str]) -> Checkpoint:
    """The parameters of a file, in torch's layouts: linear ones [out, in]. Its lines say what the program is.

    They have the names of the file, or of the layer that uses them where an exporter made one up; what products use is
    said to be linear. Raises InputError for what is no ONNX file.
    """
    target = file_path(path)
    model = read(target)
    graph = inliner.inline_local_functions(model).graph
    found = tensors_of(graph)
    linear = {found.names[name]: turned for name, turned in _products(graph) if name in found.names}
    arrays = {name: array.T if linear.get(name) else array for name, array in found.parameters.items()}
    tensors: dict[str, Tensor] = {
        name: in_memory(np.array(array, order="C"), DTYPES[array.dtype.name]) for name, array in arrays.items()
    }
    spec = notes.of(model).get("spec")
    said = {"said": dict.fromkeys(linear, "linear")} if linear else {}
    return Checkpoint(target, "ONNX", UNSAID, "", tensors, spec=spec, record=said, lines=tuple(_lines(model)))


def _lines(model: onnx.ModelProto) -> Iterator[str]:
    opsets = ", ".join(f"{opset.domain or 'ai.onnx'} {opset.version}" for opset in model.opset_import)
    by = f"{model.producer_name} {model.producer_version}".strip() or "an unnamed exporter"
    yield f"written by {by}; IR {model.ir_version}, opset {opsets}"
    for what, values in (("in", inputs_of(model.graph)), ("out", model.graph.output)):
        yield from (f"{what}: {_value(value)}" for value in values)
    counts = Counter(node.op_type for node in model.graph.node if node.op_type != "Constant")
    yield f"{sum(counts.values())} nodes: {', '.join(f'{n} {name}' for name, n in counts.most_common()) or 'none'}"
    for entry in model.metadata_props:
        text = " ".join(entry.value[: 2 * BRIEF].split())[:BRIEF]
        yield f"metadata: {entry.key} = {text}{'…' if len(entry.value) > len(text) else ''}"


def _value(value: onnx.ValueInfoProto) -> str:
    kind = value.type.tensor_type
    shape = ", ".join(_extent(d) for d in kind.shape.dim)
    dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
    return f"{value.name} {dtype} [{shape}]"


def _extent(dim: onnx.TensorShapeProto.Dimension) -> str:
    """A number, a name, or "any"; some exporters write -1 and ? for that."""
    if dim.dim_value > 0:
        return str(dim.dim_value)
    return dim.dim_param if dim.dim_param.strip("?-1") else "any"


def _products(graph: onnx.GraphProto) -> Iterator[tuple[str, bool]]:
    """What products multiply by, and whether they use it as [in, out]."""
    for node in graph.node:
        if node.op_type in ("Gemm", "MatMul"):
            yield node.input[1], not any(a.name == "transB" and a.i for a in node.attribute)
