"""The command line on any console: what it prints where little can be printed, and how it ends."""

from nlblocks.console.endings import ending
from nlblocks.console.streams import prepare

__all__ = ["ending", "prepare"]
