"""Checkpoint files: read anything safely, write what the frameworks' own loaders accept. NumPy and safetensors only.

from nlblocks.weights.files import open_checkpoint, write_checkpoint
checkpoint = open_checkpoint("model.pth", key="ema")
checkpoint["conv.weight"].numpy()
"""

from nlblocks.weights.files.checkpoint import Checkpoint, common_prefix, open_checkpoint
from nlblocks.weights.files.dtypes import DTYPES, FileDType
from nlblocks.weights.files.tensors import Made, Tensor, in_memory
from nlblocks.weights.files.writing import write_checkpoint

__all__ = [
    "DTYPES", "Checkpoint", "FileDType", "Made", "Tensor",
    "common_prefix", "in_memory", "open_checkpoint", "write_checkpoint",
]  # fmt: skip
