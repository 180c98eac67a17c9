"""An ONNX file as one side of a comparison: its graph run node by node, each node an operation of the lab's."""

from nlblocks.exchange.side.contents import contents
from nlblocks.exchange.side.model import OnnxModel

__all__ = ["OnnxModel", "contents"]
