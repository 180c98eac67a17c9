"""ONNX's reference evaluator: every operator in NumPy, in the dtype of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.programs.evaluating import normalising, older, pointwise, sampling, windows
from nlblocks.exchange.programs.interface import Interface
from nlblocks.exchange.programs.modern import modern

OWN = (*normalising.OWN, *older.OWN, *pointwise.OWN, *sampling.OWN, *windows.OWN)
"""Operators that stand in for the evaluator's."""


class Evaluator:
    """A program that runs in NumPy: ``model`` is what runs. Raises InputError, in one line, for what it cannot run."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._interface = Interface(model)
        try:
            self.model = modern(model)
            self._program = ReferenceEvaluator(self.model, new_ops=list(OWN))
        except Exception as error:  # of any kind
            raise _refusal(error) from None
        _widen(self._program)

    def run(self, feeds: Mapping[str, Array], wanted: Sequence[str] | None = None) -> dict[str, Array]:
        """Tensors by name, the outputs unless some are named, of inputs by name."""
        names = self._interface.names(feeds, wanted)
        try:
            with np.errstate(all="ignore"):  # infinities and NaN are values
                return dict(zip(names, self._program.run(names, dict(feeds)), strict=True))
        except Exception as error:  # of any kind
            raise _refusal(error) from None

    @property
    def steps(self) -> Sequence[OpRun]:
        """The implementation of each node, in the order of the graph: ``run`` takes arrays and gives a tuple."""
        return tuple(self._program.rt_nodes_)


def _refusal(error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    cause = error.__cause__ or error  # it wraps what it catches in a line about types
    return InputError(f"onnx's reference evaluator: {type(cause).__name__}: {' '.join(str(cause).split())}")


def _widen(program: ReferenceEvaluator) -> None:
    """Make the numbers among the attributes of its operators Python's: it holds float32, and rounds what they meet."""
    for operator in program.rt_nodes_:
        for name, value in vars(operator).items():
            if isinstance(value, np.float32):
                setattr(operator, name, float(value))
            elif isinstance(value, list) and any(isinstance(item, np.float32) for item in value):
                setattr(operator, name, [float(item) for item in value])
            elif isinstance(value, ReferenceEvaluator):
                _widen(value)
