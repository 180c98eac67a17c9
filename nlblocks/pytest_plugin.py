"""The pytest fixture ``assert_parity``; pytest finds it through the entry point ``nlblocks``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(name="assert_parity")
def _assert_parity() -> Callable[..., Any]:
    """``assert_parity(torch_model, paddle_model, inputs)``: see :func:`nlblocks.testing.assert_parity`."""
    from nlblocks.testing import assert_parity

    return assert_parity
