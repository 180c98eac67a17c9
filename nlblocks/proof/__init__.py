"""The library's own blocks: every backend against every other and the reference.

``verify`` proves one spec and returns its ``Report``; ``all_agree`` judges several; ``sample`` makes the random weights
and inputs that a proof runs on.
"""

from nlblocks.proof import sample
from nlblocks.proof.report import Report, all_agree
from nlblocks.proof.verify import verify

__all__ = ["Report", "all_agree", "sample", "verify"]
