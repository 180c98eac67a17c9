"""What never ran, guessed from what ran elsewhere."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

NET = """
class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.style = nn.Linear(5, 4)
        self.scale = self.create_parameter([4])
        self.sizes = [1, 2]

    def forward(self, x):
        assert self.scale.ndim == 1 and self.sizes.copy()
        return self.style(x) * self.scale

    def never(self, x):
        self.sizes.copy()
        return self.style(x).mean(0, keepdim=True) + self.scale.reshape([1, 4]).sum(axis=0)

Net()
"""


def test_what_self_holds_is_what_it_was_elsewhere_in_the_class() -> None:
    snippet = Snippet(case(layer=NET.strip(), x="f2,5"))
    snippet.check()
    text = snippet.ported.text
    assert "self.style(x).mean(0, keepdim=True) + self.scale.reshape(1, 4).sum(dim=0)" in text
    assert "self.sizes.copy()\n" in text
    assert not snippet.ported.refused
