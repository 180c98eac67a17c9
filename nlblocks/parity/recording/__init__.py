"""How a framework's run becomes a trace: what a tracer is, and what it is asked to record."""

from nlblocks.parity.recording.framework import Recurrent
from nlblocks.parity.recording.held import Held
from nlblocks.parity.recording.observer import Observer
from nlblocks.parity.recording.tracer import Tracer

__all__ = ["Held", "Observer", "Recurrent", "Tracer"]
