"""What every test shares: which backends are under test, and how a missing one is treated."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import entry_points, version

import pytest

from nlblocks.backend import installed, rows

# One thread: rounding is then repeatable, and small tensors are faster; set before a framework is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what tests start is to hear Ctrl-C
pytest_plugins = (
    ()
    if any(point.value == "nlblocks.pytest_plugin" for point in entry_points(group="pytest11"))
    else ("nlblocks.pytest_plugin",)
)
REQUIRED = tuple(name for name in os.environ.get("NLBLOCKS_REQUIRE_BACKENDS", "").split(",") if name)


def pytest_report_header() -> str:
    found = [
        f"{row.framework} {version(row.distribution)}" for row in rows().values() if row.framework and row.installed
    ]
    return f"backends: {', '.join(found)}; required: {', '.join(REQUIRED) or 'none'}"


def pytest_configure(config: pytest.Config) -> None:
    missing = [name for name in REQUIRED if name not in installed()]
    if missing:
        raise pytest.UsageError(f"NLBLOCKS_REQUIRE_BACKENDS names {', '.join(missing)}, which is not installed")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The same random weights whichever tests ran before, in whichever process."""
    for framework, seed in (("torch", "manual_seed"), ("paddle", "seed")):
        if framework in sys.modules:
            getattr(sys.modules[framework], seed)(0)


@pytest.fixture(scope="session")
def require() -> Callable[..., None]:
    """``require("torch", "paddle")``: skip, counted and named, where a backend is missing and not required."""

    def check(*names: str) -> None:
        missing = [name for name in names if name not in installed()]
        if missing:
            pytest.skip(f"backend {', '.join(missing)} is not installed")

    return check
