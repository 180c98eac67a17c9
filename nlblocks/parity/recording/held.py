"""What a framework's kernels hold as float32 even in a float64 model: computed as it was given.

A constant that a kernel rounds is no difference between two models, however the other one spells the operation. So in
a float64 run a framework computes such an operation with the numbers of the call. It is an operation of the kernel's
own only where the two results are the same but for such a rounding: :meth:`Held.replaces` looks.
"""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import FLOAT32_EQUAL, HELD_WEIGHT, RATIO, TINY
from nlblocks.parity.recording.options import RunOptions
from nlblocks.parity.tracing import Trace

OFF = FLOAT32_EQUAL / (RATIO * HELD_WEIGHT)
"""What a constant is moved by in a perturbed run, in units of itself: 2^-24, the most that float32 rounds a number by.
As noise by HELD_WEIGHT it lets constants pass that are up to FLOAT32_EQUAL apart, and no others."""
KERNEL = 64 * OFF
"""How far a kernel's result may be from that with the numbers as they were given, relative to its largest value and for
each place that is read: a few roundings of a ratio, times a slope."""

LINE, CURVE = 20.0, 40.0
"""From the first on frameworks give x for softplus(x), which is off by 2e-9 there; from the second on it is x."""


class Held:
    """How one run computes what its framework's kernels hold as float32; the trace says of which kernels that is so."""

    def __init__(self, options: RunOptions, trace: Trace) -> None:
        self.active, self._perturbed, self._trace = options.dtype == "float64", options.perturbed, trace

    @staticmethod
    def rounds(*numbers: float) -> bool:
        """Whether float32 cannot hold all of these."""
        return any(float(np.float32(number)) != number for number in numbers)

    def number(self, value: float, *, lost: bool = False) -> float:
        """A constant as it was given; in a perturbed run, what float32 rounds is moved by as much as it may be off.

        So is one that is ``lost``: only what float32 made of it is known.
        """
        return value * (1.0 + OFF) if self._perturbed and (lost or self.rounds(value)) else value

    @staticmethod
    def softplus_line(threshold: float, largest: float) -> float:
        """From where on softplus is to give its input, where that is up to ``largest``: later than a framework does.

        A model that has a line from earlier on, or none, is another.
        """
        return CURVE if LINE <= threshold < min(largest, CURVE) else threshold

    def replaces(
        self, kernel: str, what: str, own: Array, exact: Array, *, places: int = 1, least: float = 1.0
    ) -> bool:
        """Whether what was computed with the numbers ``what`` stands for the kernel's ``own`` result.

        ``places`` are how many along an axis it reads between, by a ratio that is held; ``least`` is what the largest
        value counts as at least: 1 beside constants of that size, 0 where the result is as large as what goes in.
        """
        if own.shape != exact.shape or not np.isfinite(own).all() or not np.isfinite(exact).all():
            return False
        off = np.abs(own - exact).max(initial=0.0) / max(np.abs(exact).max(initial=0.0), least, TINY)
        if off > KERNEL * places:
            return False
        self.note(kernel, what, float(off))
        return True

    def note(self, kernel: str, what: str, off: float = 0.0) -> None:
        """Write down that a kernel holds ``what`` as float32, and how far off its results are by that."""
        self._trace.held[kernel] = what, max(off, self._trace.held.get(kernel, (what, 0.0))[1])
