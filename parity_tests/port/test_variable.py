"""APIs that are called by a variable, or by a class that derives from them."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    "layer",
    [
        "kind = nn.Conv2D if np.ones(1) else None\nkind(3, 3, 3, stride=2, padding='SAME')",
        "kind = nn.BatchNorm2D if np.ones(1) else None\nkind(3, use_global_stats=True)",
        "class Own(nn.Dropout):\n    def __init__(self):\n        super().__init__(mode='downscale_in_infer')\nOwn()",
    ],
)
def test_what_torch_has_another_class_for_is_refused(layer: str) -> None:
    (refused,) = Snippet(case(layer=layer)).ported.refused
    assert refused.why.startswith("in torch it is ")
