"""What a model does, as data: its operations, their tensors and the graph that they make."""

from nlblocks.parity.tracing import vocabulary
from nlblocks.parity.tracing.graph import TraceGraph
from nlblocks.parity.tracing.trace import Op, Trace

__all__ = ["Op", "Trace", "TraceGraph", "vocabulary"]
