"""Paddle's layers look up an activation by its name: one that a package put there is given to torch's itself."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import paddle

from parity_tests.port.packages import Package

ACTS = """
    import paddle.nn.functional as F


    def swift(x):
        return x * F.sigmoid(1.7 * x)


    F.swift = swift
"""
NET = """
    from paddle import nn

    from art import acts


    def make(act):
        return nn.TransformerEncoderLayer(8, 2, 16, activation=act)


    def net():
        return nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, activation="swift"), {})
"""


@pytest.mark.parametrize(
    ("other", "said"),
    [('make("gelu")', "activation=act)"), ('make("swift")', "activation={'swift': swift}.get(act, act))")],
)
def test_an_activation_that_a_package_put_into_paddle_is_given_itself(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, other: str, said: str
) -> None:
    monkeypatch.setattr(paddle.nn.functional, "swift", None, raising=False)  # and away again behind the test
    package = Package(tmp_path, {"art/acts.py": ACTS, "art/net.py": NET.format(other)}, "art.net:net", "2,3,8")
    text = package.text("art.net")
    assert "from art_torch.acts import swift\n" in text
    assert "activation=swift)" in text
    assert said in text
    package.check()
