"""Names that Paddle gives once in a process: several models of one project may share them."""

from __future__ import annotations

import pytest

paddle = pytest.importorskip("paddle")


def test_two_models_may_name_their_parameters_alike() -> None:
    from nlblocks_paddle.lab.porting import porting

    for _ in range(2):
        with porting.named_anew():
            paddle.nn.Linear(2, 2, weight_attr=paddle.ParamAttr(name="shared"))
    with porting.named_anew():
        paddle.nn.Linear(2, 2, weight_attr=paddle.ParamAttr(name="shared"))
        with pytest.raises(ValueError, match="have be been used"):
            paddle.nn.Linear(2, 2, weight_attr=paddle.ParamAttr(name="shared"))
