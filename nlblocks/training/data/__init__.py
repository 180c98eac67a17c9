"""Images and labels as arrays, and the batches that every framework sees: order and augmentation come from the seed."""

from nlblocks.training.data.batches import Batches
from nlblocks.training.data.sources import read_data

__all__ = ["Batches", "read_data"]
