"""Paddle source in; readable torch source, weights and proof out."""

from nlblocks.port.port import port
from nlblocks.port.report import PortReport
from nlblocks.port.text import WatchedText

__all__ = ["PortReport", "WatchedText", "port"]
