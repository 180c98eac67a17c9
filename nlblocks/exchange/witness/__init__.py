"""ONNX as a third witness: every spec exported by each framework, and run by two who share no code with either."""

from nlblocks.exchange.witness.witness import Hearing, hear

__all__ = ["Hearing", "hear"]
