"""For the user's test-suite: ``assert_parity(torch_model, paddle_model, inputs)``, and the same as a pytest fixture."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from nlblocks.parity.compare import compare
from nlblocks.parity.rendering import LabReport

P = ParamSpec("P")
R = TypeVar("R")


def _with_arguments_of(model: Callable[P, R]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Makes a function show another's arguments: to type checkers, to ``help()`` and to ``inspect.signature``."""

    def shown(function: Callable[..., R]) -> Callable[P, R]:
        vars(function)["__signature__"] = inspect.signature(model)
        return function

    return shown


@_with_arguments_of(compare)
def assert_parity(*arguments: Any, **options: Any) -> LabReport:
    """Fail with the report unless two models are the same program.

    Takes the arguments of :func:`nlblocks.parity.compare`, returns its report, and raises AssertionError with the
    report's text where the models differ.
    """
    __tracebackhide__ = True
    report = compare(*arguments, **options)
    if not report:
        raise AssertionError(str(report))
    return report
