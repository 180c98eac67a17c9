"""From a Paddle file's syntax tree to torch's: every call and name by the table, by what it means and what was seen."""

from nlblocks.port.rewrite import containers as containers  # its rules add themselves
from nlblocks.port.rewrite import tensor_names as tensor_names
from nlblocks.port.rewrite import tensors as tensors
from nlblocks.port.rewrite.file import Refused
from nlblocks.port.rewrite.write import Ported, ported

__all__ = ["Ported", "Refused", "ported"]
