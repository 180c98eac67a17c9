"""What never ran is known by its annotation, by isinstance, or by methods that tensors alone have; else refused."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port import WatchedText
from parity_tests.port.snippets import HEAD


def ported(function: str) -> tuple[str, list[str]]:
    watched = WatchedText(f"{HEAD}{function}\n\n\ndone = 1\n")
    watched.run(["done"])
    made = watched.port()
    return made.text, [why for _, why in made.refused]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("def f(x: paddle.Tensor):\n    return x.transpose([1, 0])", "return x.permute(1, 0)"),
        ("def f(x):\n    x = x.transpose([1, 0])\n    return x.multiply(x)", "x = x.permute(1, 0)"),
        ("def f(a):\n    if isinstance(a, nn.Conv2D):\n        w = a.weight.transpose([1, 0, 2, 3])\n        return w",
         "w = a.weight.permute(1, 0, 2, 3)"),
        ("import os\n\ndef f(name):\n    return name.split(os.sep)", "return name.split(os.sep)"),
        ("def f(name: str):\n    return name.split('.')", "return name.split('.')"),
    ],
)  # fmt: skip
def test_known(function: str, told: str) -> None:
    text, refused = ported(function)
    assert told in text
    assert not refused


@pytest.mark.parametrize(
    "function",
    ["def f(x):\n    return x.transpose([1, 0])", "def f(x):\n    if isinstance(x, list):\n        return x.split(2)"],
)
def test_refused(function: str) -> None:
    assert "this never ran" in ported(function)[1][0]


def test_a_choice_between_a_bias_and_none_is_its_condition() -> None:
    text, _ = ported("def f(a):\n    return nn.Linear(2, 2, bias_attr=None if a > 1 else False)")
    assert "nn.Linear(2, 2, bias=a > 1)" in text
    text, _ = ported("def f(a):\n    return nn.Linear(2, 2, bias_attr=False if a > 1 else None)")
    assert "nn.Linear(2, 2, bias=not (a > 1))" in text
