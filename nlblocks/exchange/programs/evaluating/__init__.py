"""ONNX's reference evaluator, with right operators where its own are wrong or round to float32."""

from nlblocks.exchange.programs.evaluating.evaluator import Evaluator

__all__ = ["Evaluator"]
