"""An error in two digits, never smaller than it is."""

from __future__ import annotations

import math
from decimal import ROUND_UP, Decimal


def upwards(error: float) -> str:
    """``1.3e-07`` for 1.21e-7: rounded up."""
    text = f"{error:.1e}"
    if not math.isfinite(error) or float(text) >= error:
        return text
    exact = Decimal(error)
    return f"{float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), ROUND_UP)):.1e}"
