"""Which axes of a model can be dynamic, where not all can be together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlblocks.exchange.exporting import export

paddle = pytest.importorskip("paddle")
pytest.importorskip("paddle2onnx")


@paddle.jit.not_to_static  # as all that is in Paddle itself, its ShuffleNet too: an extent that is open is -1
def exchanged(x: Any) -> Any:
    """Channels in two groups, exchanged."""
    b, c, h, w = x.shape
    return x.reshape([b, 2, c // 2, h, w]).transpose([0, 2, 1, 3, 4]).reshape([b, c, h, w])


class Shuffled(paddle.nn.Layer):  # type: ignore[misc]  # Paddle's layers are untyped here
    """A reshape that can be left one extent to find."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = paddle.nn.Conv2D(4, 4, 1)

    def forward(self, x: Any) -> Any:
        return exchanged(self.conv(x))


def test_an_axis_is_dynamic_beside_those_that_already_are(tmp_path: Path) -> None:
    """Each alone can be: together they leave a reshape more than one extent to find."""
    found = export(Shuffled(), tmp_path / "a.onnx", inputs=(1, 4, 6, 5), dynamic=True)
    assert found.shapes["x"] == ("batch", 4, 6, 5)
    assert [note.split(":")[0] for note in found.notes] == ["height stays as it is", "width stays as it is"]
