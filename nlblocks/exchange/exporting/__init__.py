"""Blocks and models as ONNX files: written, checked and held against the native model before they get their name."""

from nlblocks.exchange.exporting.export import Exported, export
from nlblocks.exchange.exporting.metadata import load_spec
from nlblocks.exchange.exporting.sources import BlockSource

__all__ = ["BlockSource", "Exported", "export", "load_spec"]
