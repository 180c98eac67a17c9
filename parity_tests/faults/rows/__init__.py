"""The cases, a file per kind of mistake, and the correct pairs."""

from parity_tests.faults.rows.correct import CORRECT
from parity_tests.faults.rows.defaults import DEFAULTS
from parity_tests.faults.rows.layers import LAYERS
from parity_tests.faults.rows.layout import LAYOUT
from parity_tests.faults.rows.training import TRAINING
from parity_tests.faults.rows.wiring import WIRING

FAULTS = (*LAYOUT, *DEFAULTS, *TRAINING, *LAYERS, *WIRING)

__all__ = ["CORRECT", "FAULTS"]
