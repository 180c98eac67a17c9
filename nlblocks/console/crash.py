"""The report of an error that is this library's own: a file that its user can send."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("nlblocks", "numpy", "click", "rich", "safetensors", "torch", "paddlepaddle", "paddlepaddle-gpu", "onnx")
"""Whose versions it says."""


def reported(error: BaseException) -> str:
    """Write the report into a new file among the temporary ones; what to do with it, in words."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="nlblocks-error-", suffix=".txt", encoding="utf-8", errors="backslashreplace", delete=False
        ) as file:
            file.write(text_of(error))
    except OSError as failed:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"raised in {last.filename}:{last.lineno}; its report cannot be written ({failed.strerror})"
    return f"please report it with the file {file.name}"


def text_of(error: BaseException) -> str:
    """The command, the versions and the traceback. Names and paths of the user's are in it, and no data."""
    lines = [
        f"command: {' '.join(map(repr, sys.argv))}",
        f"python: {sys.version}",
        f"platform: {platform.platform()}",
        f"encodings: file system {sys.getfilesystemencoding()}, stdout {getattr(sys.stdout, 'encoding', None)}",
        *(f"{name}: {found}" for name in PACKAGES if (found := _version(name))),
        *(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NLBLOCKS_")),
        "",
        "".join(traceback.format_exception(error)),
    ]
    return "\n".join(lines)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
