"""Blocks and models as ONNX files: written, checked and held against the native model before they get their name."""

from nlblocks.exchange.exporting.export import export
from nlblocks.exchange.exporting.sources import BlockSource
from nlblocks.exchange.exporting.stored import load_spec, stored

__all__ = ["BlockSource", "export", "load_spec", "stored"]
