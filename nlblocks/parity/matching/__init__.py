"""Which tensor of one run is which of the other."""

from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.matching.by_digest import ByDigest
from nlblocks.parity.matching.draws import Draws
from nlblocks.parity.matching.dropout import dropout_partners

__all__ = ["Alignment", "ByDigest", "Draws", "dropout_partners"]
