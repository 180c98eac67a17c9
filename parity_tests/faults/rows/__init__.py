"""The cases, a file per kind of mistake, and the correct pairs; apart from them the held-out ones."""

from parity_tests.faults.rows.correct import CORRECT
from parity_tests.faults.rows.defaults import DEFAULTS
from parity_tests.faults.rows.held_fresh import FRESH, FRESH_CORRECT
from parity_tests.faults.rows.held_image import HELD_IMAGE
from parity_tests.faults.rows.held_sequence import HELD_CORRECT, HELD_SEQUENCE
from parity_tests.faults.rows.held_vision import HELD_VISION
from parity_tests.faults.rows.layers import LAYERS
from parity_tests.faults.rows.layout import LAYOUT
from parity_tests.faults.rows.training import TRAINING
from parity_tests.faults.rows.wiring import WIRING

FAULTS = (*LAYOUT, *DEFAULTS, *TRAINING, *LAYERS, *WIRING)
HELD_FAULTS = (*HELD_VISION, *HELD_IMAGE, *HELD_SEQUENCE)
SETS = {"tuned": (FAULTS, CORRECT), "heldout": (HELD_FAULTS, HELD_CORRECT), "fresh": (FRESH, FRESH_CORRECT)}

__all__ = ["CORRECT", "FAULTS", "FRESH", "FRESH_CORRECT", "HELD_CORRECT", "HELD_FAULTS", "SETS"]
