"""For the user's test-suite: ``assert_parity(torch_model, paddle_model, inputs)``, and the same as a pytest fixture."""

from __future__ import annotations

from typing import Any

from nlblocks.parity.compare import compare
from nlblocks.parity.rendering import LabReport


def assert_parity(left: Any, right: Any, inputs: Any, **options: Any) -> LabReport:
    """Fail with the report unless two models are the same program.

    Takes the options of :func:`nlblocks.parity.compare` and returns its report.
    """
    __tracebackhide__ = True
    report = compare(left, right, inputs, **options)
    if not report:
        raise AssertionError(str(report))
    return report
