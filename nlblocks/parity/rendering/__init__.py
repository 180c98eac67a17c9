"""A report as people read it: terminal text, HTML, pictures."""

from nlblocks.parity.rendering import elements
from nlblocks.parity.rendering.html import lab_cards
from nlblocks.parity.rendering.report import LabReport

__all__ = ["LabReport", "elements", "lab_cards"]
