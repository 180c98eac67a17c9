"""Two ways to compute the same block, and how one is forced.

"direct" is the formula as the papers write it: it builds the attention map. "fast" is the same function by algebra,
without the map. Each backend says in its own ``kernels/paths.py`` what it measured and when a program is traced; a path
that is forced here, or by NLBLOCKS_PATH, goes before what costs less. A call that asks for the map takes the direct
path: the fast one has none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from nlblocks.errors import BackendError, known, meant, one_of

Path = Literal["direct", "fast"]
PATHS: tuple[Path, ...] = get_args(Path)
VARIABLE = "NLBLOCKS_PATH"

Formula = Literal["softmax", "product", "ramp", "lines", "gather", "descriptors", "folded"]
FORMULAS: dict[str, Formula] = {
    "embedded_gaussian": "softmax", "gaussian": "softmax", "dot_product": "product", "concatenation": "ramp"
}  # fmt: skip
"""The formula of each mode of NonLocal. "lines" is criss-cross attention, "gather" a sum over projected positions,
"descriptors" several such sums, of which every position then takes a mixture, "folded" a mean of what a convolution
gives, taken of its weights."""

_forced: str = os.environ.get(VARIABLE, "")


@contextmanager
def force(path: Path) -> Iterator[None]:
    """Make every block take one path while the context is open, in all threads."""
    global _forced
    if path not in PATHS:
        raise BackendError(f"force: path={path!r} {one_of(path, PATHS)}")
    before, _forced = _forced, path
    try:
        yield
    finally:
        _forced = before


def forced() -> Path | None:
    """The path that is forced, or None where the backend chooses."""
    if not _forced:
        return None
    for path in PATHS:
        if path == _forced:
            return path
    hint = meant(_forced, PATHS)
    raise BackendError(f"{VARIABLE}={_forced!r} is unknown; it must be one of {known(PATHS)}, or unset{hint}")


def cheaper(formula: Formula, queries: int, keys: int, widths: tuple[int, int], small: int) -> Path:
    """The path that is forced, else the one that costs less, for one map of ``queries`` × ``keys``.

    The map is between vectors of ``widths`` (affinity, values). A softmax or ramp map with fewer entries than ``small``
    costs less to build than to go around.
    """
    path = forced()
    if path is not None:
        return path
    affinity, values = widths
    if formula == "product":
        return "fast" if affinity * values * (queries + keys) < queries * keys * (affinity + values) else "direct"
    if formula == "descriptors":  # of queries positions: project, gather and mix, or gather, project and mix
        return "fast" if affinity * keys * (queries + values) < values * queries * (affinity + keys) else "direct"
    if formula in ("lines", "gather", "folded"):  # fewer copies, one vector projected instead of N, fewer weights
        return "fast"
    return "fast" if queries * keys >= small else "direct"
