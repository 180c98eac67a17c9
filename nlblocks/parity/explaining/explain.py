"""Why two computations part: hypotheses, each tried in float64, until one makes the two sides meet."""

from __future__ import annotations

from nlblocks.parity.explaining.elimination import Inventory
from nlblocks.parity.explaining.graph_edits import Structure
from nlblocks.parity.explaining.hypothesis import HELPS, Explanation
from nlblocks.parity.explaining.one_operation import Details


class Explainer(Details, Structure, Inventory):
    """All hypotheses, the plainest first."""

    def explain(self) -> Explanation | None:
        """The first hypothesis that holds."""
        for hypothesis in (
            self._attributes,
            self._layout,
            self._operands,
            self._weights,
            self._masks,
            self._kinds,
            self._order,
            self._padding,
            self._missing,
            self._moved,
            self._selected,
            self._factor,
            self._replaced,
            self._inventory,
            self._doubtful,
        ):
            self.tries = 0
            for found in hypothesis():
                if found.before is None or found.after is None or found.after <= HELPS * found.before:
                    return found
        return None
