"""ONNX files, read with distrust and written whole."""

from nlblocks.exchange.files import notes
from nlblocks.exchange.files.reading import read
from nlblocks.exchange.files.writing import LIMIT, write

__all__ = ["LIMIT", "notes", "read", "write"]
