"""Programs rewritten so that onnxruntime runs all of them in float64 on a CPU: one function for each operator."""

from nlblocks.exchange.programs.lowering import convolutions, pointwise, pools
from nlblocks.exchange.programs.lowering.lowered import lowered

__all__ = ["convolutions", "lowered", "pointwise", "pools"]
