"""What "the same" means for the user's models: ``compare`` pairs, runs, judges, localises and explains.

``compare`` is bound here at import: as a submodule alone, the name would be the module compare.py.
"""

from nlblocks.parity.compare import compare
from nlblocks.parity.findings import CAUSES, Finding
from nlblocks.parity.rendering import LabReport

__all__ = ["CAUSES", "Finding", "LabReport", "compare"]
