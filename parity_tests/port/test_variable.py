"""APIs that are called by a variable, or by a class that derives from them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.packages import Package
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


@pytest.mark.filterwarnings("ignore:When training, we now always track")
@pytest.mark.parametrize("name", ["Own", "Owner"])
@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("AvgPool2D", "3, 1, 1", "(3, 1, 1, count_include_pad=False)"),
        ("BatchNorm2D", "3, momentum=0.7, epsilon=1e-5", "(3, momentum=0.3, eps=1e-5)"),
        ("Conv2D", "3, 3, 1, bias_attr=False", "(3, 3, 1, bias=False)"),
    ],
)
def test_a_class_without_an_init_takes_its_bases_arguments(
    name: str, kind: str, given: str, said: str, tmp_path: Path
) -> None:
    text = f"""from paddle import nn


class Mixed:
    pass


class Own(Mixed, nn.{kind}):
    pass


class Owner(Own):
    def forward(self, x):
        return super().forward(x) * 2


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.part = {name}({given})

    def forward(self, x):
        return self.part(x)
"""
    made = Package(tmp_path, {"own.py": text}, "own:Net", "2,3,5,5")
    assert f"self.part = {name}{said}" in made.text("own")
    made.check()
