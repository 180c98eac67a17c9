"""Boxes stand apart, each above what hangs from it, and no arrow runs through a box, whatever the graph."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from nlblocks.drawing.layout import GAP, layout


def _graph(seed: int) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 14))
    sizes = [(float(w), float(h)) for w, h in zip(rng.uniform(20, 150, count), rng.uniform(15, 60, count), strict=True)]
    every = list(combinations(range(count), 2))
    kept = [edge for edge in every if rng.random() < 0.3]
    return sizes, kept or every[:1]


@pytest.mark.parametrize("seed", range(40))
def test_nothing_overlaps(seed: int) -> None:
    sizes, edges = _graph(seed)
    plan = layout(sizes, edges)
    frames = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(plan.boxes, sizes, strict=True)]
    for a, b in combinations(frames, 2):
        beside = a[2] + GAP <= b[0] + 1e-6 or b[2] + GAP <= a[0] + 1e-6
        assert beside or a[3] < b[1] or b[3] < a[1]
    for (source, target), way in plan.ways.items():
        assert frames[source][3] <= frames[target][1]
        for (x, y), (to_x, to_y) in pairwise(way):
            if x == to_x:
                assert not any(left < x < right and top < to_y and y < bottom for left, top, right, bottom in frames)
    assert min(frame[0] for frame in frames) >= -1e-6
    assert max(frame[2] for frame in frames) <= plan.width + 1e-6
    assert max(frame[3] for frame in frames) <= plan.height + 1e-6
