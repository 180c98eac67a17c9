"""Methods that change their tensor: where torch only makes a new one, the name must be given to it."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    "code",
    [
        "y = x * 2\ny = y.reshape_([6, 20])\ny",
        "(x * 2).reshape_([6, 20])",
        "y = x * 2\ny = paddle.reshape_(y, [0, -1])\ny",
    ],
)
def test_same(code: str) -> None:
    Snippet(case(code)).check()


@pytest.mark.parametrize(
    "code", ["y = x * 2\ny.reshape_([6, 20])\ny", "y = x * 2\nz = paddle.reshape_(y, [6, 20])\ny + z"]
)
def test_a_tensor_that_is_reshaped_itself_is_refused(code: str) -> None:
    assert "itself is reshaped" in Snippet(case(code)).ported.refused[0].why


@pytest.mark.parametrize(
    "code",
    [
        "y = x * 2\nz = y\nz += x\ny * z",
        "y = [x * 2, x * 3]\nz = y[0]\nz -= x * 2\nz *= x + 1\ny[0] * z",
        "y = [x * 2]\nkept = y[0]\ny[0] /= 2 if x.ndim else 3\nkept * y[0]",
        "import types\ny = types.SimpleNamespace(z=x * 2)\nkept = y.z\ny.z **= 2\nkept * y.z",
        "total = 0\nfor n in range(3):\n    total += x\ntotal",
    ],
)
def test_what_paddle_makes_anew_is_not_changed(code: str) -> None:
    Snippet(case(code)).check()


def test_numbers_and_lists_are_changed_as_before() -> None:
    made = Snippet(case("n, some = 1, []\nn += 1\nsome += [x]\nsome[0] * n"))
    made.check()
    assert "n += 1\n    some += [x]\n" in made.ported.text


def test_what_never_ran_is_known_by_the_source() -> None:
    text = Snippet(case("y = x * 2\nif x.ndim == 1:\n    y += x\n    x.ndim\ny")).ported.text
    assert "y = y + x" in text


def test_what_a_loop_cuts_off_is_cut_off_for_all() -> None:
    made = Snippet(case("y = [x * 2, x * 3]\nfor part in y:\n    part.stop_gradient = True\ny[0] * x + y[1]"))
    assert "part.detach_()" in made.ported.text
    made.check()
    used = Snippet(case("y = []\nfor part in [x * 2]:\n    part.stop_gradient = True\n    y.append(part * x)\ny"))
    assert "part = part.detach()" in used.ported.text
    used.check()
