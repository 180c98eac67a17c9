"""What each operation computes, in NumPy."""

from nlblocks.parity.formulas.dropout import dropout_draw
from nlblocks.parity.formulas.evaluate import POINTWISE, evaluate
from nlblocks.parity.formulas.formula import Unknown

__all__ = ["POINTWISE", "Unknown", "dropout_draw", "evaluate"]
