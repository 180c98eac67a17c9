"""Programs rewritten so that onnxruntime runs all of them in float64 on a CPU: one function for each operator."""

from nlblocks.exchange.programs.lowering import (  # noqa: F401  # each registers its operators
    attending,
    convolutions,
    normalising,
    pointwise,
    pools,
    recurrent,
    resizing,
    sampling,
)
from nlblocks.exchange.programs.lowering.lowered import lowered

__all__ = ["lowered"]
