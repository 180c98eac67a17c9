"""What "the same" means, proven for the library's blocks (``verify``) and for the user's models (``compare``)."""

from typing import Any

__all__ = ["CAUSES", "Finding", "LabReport", "compare"]


def __getattr__(name: str) -> Any:
    """Loaded on first use, so that importing the core stays light."""
    if name == "compare":
        from nlblocks.parity.lab import compare

        return compare
    if name == "CAUSES":
        from nlblocks.parity.causes import CAUSES

        return CAUSES
    if name == "Finding":
        from nlblocks.parity.finding import Finding

        return Finding
    if name == "LabReport":
        from nlblocks.parity.lab_report import LabReport

        return LabReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
