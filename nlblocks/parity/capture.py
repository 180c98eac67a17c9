"""Captures, by the names that users import: run a model and keep all of it, read it back, compare two runs."""

from nlblocks.parity.capturing import Capture, capture, load_capture
from nlblocks.parity.compare_captures import compare_captures

__all__ = ["Capture", "capture", "compare_captures", "load_capture"]
