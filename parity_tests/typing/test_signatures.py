"""What users call says by name and type what it takes, and what comes back: nothing hides in ``**options``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import nlblocks
from nlblocks.parity import LabReport, compare
from nlblocks.testing import assert_parity
from nlblocks.weights.dialects.base import Dialect

FACES = (
    "nlblocks", "nlblocks.drawing", "nlblocks.exchange.exporting", "nlblocks.exchange.witness", "nlblocks.maps",
    "nlblocks.parity", "nlblocks.parity.capture", "nlblocks.port", "nlblocks.proof", "nlblocks.specs",
    "nlblocks.training.lockstep", "nlblocks.training.recipes", "nlblocks.training.runs",
)  # fmt: skip

# What returns something of any type, and why it must.
ANY = {
    "nlblocks.build": "the native module of a framework, which the core knows nothing of",
    "nlblocks.insert": "the same",
    "nlblocks.load": "the same; a model that is given comes back as its own type",
    "nlblocks.package": "a backend's package",
    "nlblocks.spec_from_dict": "a block, or a part of one; of a class that is given it is that",
    "nlblocks.specs.spec_from_dict": "the same",
}
# What takes keywords that are not its own.
FOREIGN = {"Dialect.spec": "the options of a class of somebody else's"}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function of a face, and the constructor and public methods of its reports and of dialects."""
    for face in FACES:
        module = importlib.import_module(face)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found) or (inspect.isclass(found) and not issubclass(found, Exception)):
                yield f"{face}.{name}", found
    for cls in (Dialect, LabReport, nlblocks.Run, *nlblocks.specs.block_types().values()):
        for name, found in inspect.getmembers(cls, callable):
            if not name.startswith("_") and getattr(found, "__module__", "").startswith("nlblocks"):
                yield f"{cls.__name__}.{name}", found
    yield "nlblocks.testing.assert_parity", assert_parity


FUNCTIONS = dict(functions())


def hidden(name: str, function: Callable[..., Any]) -> list[str]:
    """What a signature does not say."""
    signature = inspect.signature(function)
    named = [item for item in signature.parameters.values() if item.name not in ("self", "cls")]
    found = [
        str(item) for item in named if item.kind in (item.VAR_KEYWORD, item.VAR_POSITIONAL) and name not in FOREIGN
    ]
    found += [item.name for item in named if item.annotation is item.empty]
    if not inspect.isclass(function) and name not in ANY:
        found += ["returns"] if signature.return_annotation in ("Any", Any, inspect.Signature.empty) else []
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_and_results_are_named_and_typed(name: str) -> None:
    assert hidden(name, FUNCTIONS[name]) == []


def test_the_test_above_can_fail() -> None:
    def run(model: Any, seed=0, **options: Any) -> Any:  # type: ignore[no-untyped-def]
        return None

    assert hidden("run", run) == ["**options: 'Any'", "seed", "returns"]


def test_what_is_excused_is_there() -> None:
    assert set(ANY) | set(FOREIGN) <= set(FUNCTIONS)
    assert not [name for name in ANY if inspect.signature(FUNCTIONS[name]).return_annotation != "Any"]


def test_assert_parity_shows_the_arguments_of_compare() -> None:
    assert inspect.signature(assert_parity) == inspect.signature(compare)
    assert "AssertionError" in str(inspect.getdoc(assert_parity))
