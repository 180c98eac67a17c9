"""onnxruntime on a CPU: the program as its users run it, or all of it in float64."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Any, Literal

import onnx

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.files import LIMIT, write
from nlblocks.exchange.programs.doubled import doubled
from nlblocks.exchange.programs.interface import Interface
from nlblocks.exchange.programs.lowering import lowered

QUIET = 4
"""onnxruntime's level of messages: fatal ones alone."""
LACKING = re.compile(r"Could not find an implementation for (\w+)\(\d+\) node with name '(.*?)'")
"""What it says of an operator that it has not in some dtype."""


class Runtime:
    """A program that runs in onnxruntime, without its optimisations.

    ``dtype``: "float32" runs the program as it is, "float64" the same with every float32 made float64, and what has
    no float64 kernel rewritten. Raises InputError, in one line, for what onnxruntime cannot run.
    """

    def __init__(self, model: onnx.ModelProto, dtype: Literal["float64", "float32"]) -> None:
        exact = doubled(model) if dtype == "float64" else model
        self._interface = Interface(exact)
        self._program = lowered(exact) if dtype == "float64" else model
        self._sessions: dict[frozenset[str], Any] = {}
        self._session(frozenset())

    def run(self, feeds: Mapping[str, Array], wanted: Sequence[str] | None = None) -> dict[str, Array]:
        """Tensors by name, the outputs unless some are named, of inputs by name."""
        names = self._interface.names(feeds, wanted)
        made = [name for name in names if name not in feeds]
        session = self._session(frozenset(made) - frozenset(self._interface.outputs))
        try:
            found = dict(zip(made, session.run(made, dict(feeds)), strict=True)) if made else {}
            return {name: feeds[name] if name in feeds else found[name] for name in names}
        except Exception as error:  # it has classes of its own
            raise InputError(f"onnxruntime: {_line(error)}") from None

    def _session(self, more: frozenset[str]) -> Any:
        """The program with some of its tensors as outputs too."""
        if more not in self._sessions:
            model = onnx.ModelProto()
            model.CopyFrom(self._program)
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(more))
            self._sessions[more] = _started(model)
        return self._sessions[more]


def _started(model: onnx.ModelProto) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError('onnxruntime is not installed; pip install "nlblocks[onnx]"') from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    told = {"providers": ["CPUExecutionProvider"], "enable_fallback": 0}  # a second try would say so on the terminal
    try:
        if model.ByteSize() <= LIMIT:
            return onnxruntime.InferenceSession(model.SerializeToString(), options, **told)
        with TemporaryDirectory() as folder:  # what protobuf cannot hold goes through files
            write(model, f"{folder}/model.onnx")
            return onnxruntime.InferenceSession(f"{folder}/model.onnx", options, **told)
    except Exception as error:  # it has classes of its own
        raise InputError(f"onnxruntime: {_line(error)}") from None


def _line(error: Exception) -> str:
    """What onnxruntime says, in one line."""
    text = " ".join(str(error).split())
    lacking = LACKING.search(text)
    if lacking:
        operator, node = lacking.groups()
        return f"operator {operator} of node {node!r} has no kernel for its dtype; the reference evaluator runs it"
    return text
