"""ONNX files as programs: read and checked, made float64, and run by two who share no code."""

from nlblocks.exchange.programs.doubled import doubled
from nlblocks.exchange.programs.evaluator import Evaluator
from nlblocks.exchange.programs.files import read

__all__ = ["Evaluator", "doubled", "read"]
