"""An ONNX file as a model of the lab's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnx

from nlblocks.exchange.files import notes, read
from nlblocks.exchange.side.program import Program
from nlblocks.exchange.side.tracing import OnnxTracer


class OnnxModel(Program):
    """An ONNX file, or a ModelProto, as ``parity.compare`` and ``capture`` take models.

    It has no training: forward in evaluation is all that can be compared. Raises InputError for a file that is none,
    and for a graph with operators that nothing here runs.
    """

    lab_tracer: Any = OnnxTracer()

    def __init__(self, source: str | os.PathLike[str] | onnx.ModelProto) -> None:
        if isinstance(source, onnx.ModelProto):
            model = source
            super().__init__(source)
        else:
            model = read(source)
            super().__init__(model, Path(source).name)
        maps = notes.of(model).get("maps", ())  # a block gives its maps only where they are asked for
        self.outputs = tuple(name for name in self.outputs if name not in maps)
