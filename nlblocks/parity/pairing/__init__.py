"""Which parameter of one model is which of the other, and how weights move from one to the other."""

from nlblocks.parity.pairing.initialisers import InitialRow
from nlblocks.parity.pairing.pair import Pairing, pair
from nlblocks.parity.pairing.rename import Rename

__all__ = ["InitialRow", "Pairing", "Rename", "pair"]
