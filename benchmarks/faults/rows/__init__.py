"""The cases, a file per kind of mistake, and the correct pairs; apart from them the held-out ones."""

from benchmarks.faults.rows.correct import CORRECT
from benchmarks.faults.rows.defaults import DEFAULTS
from benchmarks.faults.rows.held_fresh import FRESH, FRESH_CORRECT
from benchmarks.faults.rows.held_image import HELD_IMAGE
from benchmarks.faults.rows.held_sequence import HELD_CORRECT, HELD_SEQUENCE
from benchmarks.faults.rows.held_vision import HELD_VISION
from benchmarks.faults.rows.layers import LAYERS
from benchmarks.faults.rows.layout import LAYOUT
from benchmarks.faults.rows.training import TRAINING
from benchmarks.faults.rows.wiring import WIRING

FAULTS = (*LAYOUT, *DEFAULTS, *TRAINING, *LAYERS, *WIRING)
HELD_FAULTS = (*HELD_VISION, *HELD_IMAGE, *HELD_SEQUENCE)
SETS = {"tuned": (FAULTS, CORRECT), "heldout": (HELD_FAULTS, HELD_CORRECT), "fresh": (FRESH, FRESH_CORRECT)}

__all__ = ["CORRECT", "FAULTS", "FRESH", "FRESH_CORRECT", "HELD_CORRECT", "HELD_FAULTS", "SETS"]
