"""Runs as files: recorded where the framework is, compared where none is."""

from nlblocks.parity.capturing.capture import capture
from nlblocks.parity.capturing.file import Capture, load_capture

__all__ = ["Capture", "capture", "load_capture"]
