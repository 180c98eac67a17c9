"""Whether an ONNX program computes what a native model does, by the project's rules."""

from nlblocks.exchange.judging.constants import exact_eps
from nlblocks.exchange.judging.judge import witnesses
from nlblocks.exchange.judging.native import NativeBlock, NativeModel

__all__ = ["NativeBlock", "NativeModel", "exact_eps", "witnesses"]
