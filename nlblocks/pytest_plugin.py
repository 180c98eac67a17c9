"""The pytest fixture ``assert_parity``; pytest finds it through the entry point ``nlblocks``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nlblocks.parity import LabReport


@pytest.fixture(name="assert_parity")
def _assert_parity() -> Callable[..., LabReport]:
    """``assert_parity(torch_model, paddle_model, inputs)``: see :func:`nlblocks.testing.assert_parity`."""
    from nlblocks.testing import assert_parity

    return assert_parity
