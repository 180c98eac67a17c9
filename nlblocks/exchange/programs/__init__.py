"""ONNX programs, made float64, and run by two who share no code."""

from nlblocks.exchange.programs.doubled import doubled
from nlblocks.exchange.programs.evaluating import Evaluator
from nlblocks.exchange.programs.numbers import written
from nlblocks.exchange.programs.runtime import Runtime

__all__ = ["Evaluator", "Runtime", "doubled", "written"]
