"""What an API of Paddle's is in torch where it is a value, and not called."""

from __future__ import annotations

from nlblocks.port.rewrite.file import File
from nlblocks.port.table import row_of
from nlblocks.port.table.row import Row

MODULES = {
    "paddle": "torch", "paddle.nn": "nn", "paddle.nn.functional": "F", "paddle.nn.initializer": "nn.init",
    "paddle.linalg": "torch.linalg", "paddle.fft": "torch.fft", "paddle.nn.layer.activation": "nn.modules.activation",
}  # fmt: skip
"""Paddle's modules where they are values themselves, as in ``getattr(F, name)``."""


def value_of(row: Row | None, file: File) -> str:
    """The name, imported or brought along; "" where there is none."""
    if row is None:
        return ""
    text = row.value
    if not text and row.torch is not None and not row.torch.startswith("{"):
        text = row.torch.partition("(")[0]
    return file.named(text) if text and "{" not in text else ""


def of_class(api: str, file: File) -> str:
    """What every class has, of one of Paddle's classes, such as ``nn.Linear.__init__``; "" for another API."""
    home, _, name = api.rpartition(".")
    held = value_of(row_of(home), file) if name == "forward" or name.startswith("__") else ""
    return f"{held}.{name}" if held else ""
