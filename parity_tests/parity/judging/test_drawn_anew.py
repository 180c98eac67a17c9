"""What one draw of random numbers hides, another shows: training passes are judged by two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nlblocks import parity
from nlblocks.parity.capturing import capture
from nlblocks.parity.compare_captures import compare_captures
from nlblocks.parity.formulas import dropout_draw

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")
SHAPE = (1, 4, 3, 3)
FRAMEWORKS: dict[str, Any] = {"torch": (torch.nn.Module, torch), "paddle": (paddle.nn.Layer, paddle)}
MOVED: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "rolled": (lambda of, x: of.roll(x, 1, 2), (0, 0, 2, 2)),
    "flipped": (lambda of, x: of.flip(x, [3]), (0, 0, 1, 0)),
    "turned": (lambda of, x: x.transpose(2, 3) if of is torch else x.transpose([0, 1, 3, 2]), (0, 0, 2, 1)),
    "channels rolled": (lambda of, x: of.roll(x, 1, 1), (0, 1, 1, 2)),
}
"""What moves the one element that is not zero, and where to; the mean over all of them is the same."""
PLACE = (0, 0, 1, 2)


def model(framework: str, moved: str = "") -> Any:
    """A ReLU, elements moved or not, a dropout, the mean of all elements, and a layer."""
    base, of = FRAMEWORKS[framework]

    class Model(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.last = of.nn.Dropout(0.5), of.nn.Linear(1, 3)

        def forward(self, x: Any) -> Any:
            x = of.nn.functional.relu(x)
            x = MOVED[moved][0](of, x) if moved else x
            return self.last(self.drop(x).mean().reshape([1, 1]))

    return Model()


def seed_that_hides(place: tuple[int, ...]) -> int:
    """A seed whose mask treats both places alike, where the mask of the next one does not."""

    def alike(seed: int) -> bool:
        kept = dropout_draw((*SHAPE, 0), seed).reshape(SHAPE) >= 0.5
        return bool(kept[PLACE] == kept[place])

    return next(seed for seed in range(1000) if alike(seed) and not alike(seed + 1))


def one_element() -> Any:
    x = np.zeros(SHAPE)
    x[PLACE] = 1.0
    return x


@pytest.mark.parametrize(
    "frameworks", [("torch", "torch"), ("paddle", "paddle"), ("torch", "paddle"), ("paddle", "torch")]
)
@pytest.mark.parametrize("moved", MOVED)
@pytest.mark.parametrize("spoiled", [0, 1])
def test_what_the_first_mask_hides_is_found(frameworks: tuple[str, str], moved: str, spoiled: int) -> None:
    models = [model(name, moved if side == spoiled else "") for side, name in enumerate(frameworks)]
    report = parity.compare(*models, one_element(), seed=seed_that_hides(MOVED[moved][1]))
    assert report.verdict == "different"
    assert any("with other random numbers" in finding.explanation for finding in report.faults)


def test_what_agrees_with_other_random_numbers_is_no_news() -> None:
    report = parity.compare(model("torch"), model("paddle"), one_element())
    assert report, str(report)
    rows = [(c.phase, c.group, c.name) for c in report.comparisons]
    assert len(rows) == len(set(rows))
    assert not any("random" in finding.explanation for finding in report.findings)


def test_what_was_drawn_once_is_judged_by_that() -> None:
    left = capture(model("torch"), one_element())
    assert compare_captures(left, capture(model("paddle"), like=left))
