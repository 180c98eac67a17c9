"""The stubs are made from the specs' fields, are not stale, and say what a block's class says when it runs."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import nlblocks
from nlblocks import specs, stubs
from nlblocks.specs.base import spec_type
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.blocks import Require

KINDS = nlblocks.kinds()


def test_the_stubs_are_not_stale() -> None:
    for path, text in stubs.stubs().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run: make docs"


def test_a_stub_names_every_public_name() -> None:
    front = stubs.front()
    for name in [*nlblocks.__all__, "parity"]:
        assert f" as {name}\n" in front
    assert front.partition("__all__ = [\n")[2].partition("]")[0] == "".join(f'    "{n}",\n' for n in nlblocks.__all__)


@pytest.mark.parametrize(
    ("forward", "calls"),
    [
        ("(self, x: Tensor) -> Tensor", ["(self, x: Tensor) -> Tensor"]),
        (
            "(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]",
            [
                "(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor",
                "(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]",
                "(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]",
            ],
        ),
        ("(self, x)", []),
    ],
)
def test_a_call_is_what_forward_says(
    forward: str, calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "a_backend"
    package.mkdir()
    (package / "__init__.py").touch()
    code = f"from torch import Tensor, nn\n\nclass NonLocal:\n    def forward{forward}:\n        pass\n"
    (package / "non_local.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = stubs.backend("a_backend")
    assert [line.strip() for line in text.splitlines() if "__call__" in line] == [
        f"def __call__{c}: ..." for c in calls
    ]
    assert ("from torch import Tensor\n" in text) == bool(calls)
    assert "class NonLocal(_NonLocal):" in text
    assert "CBAM" not in text


@pytest.mark.parametrize("backend", ["torch", "paddle", "reference"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_blocks_signature_is_its_specs_fields(kind: str, backend: str, require: Require) -> None:
    require(backend)
    spec = spec_type(kind)
    block = getattr(nlblocks.package(backend), spec.__name__)
    for callable_, leading in ((block, ["spec"]), (block.__init__, ["self", "spec"])):
        shown = inspect.signature(callable_).parameters
        assert list(shown) == [*leading, *(item.name for item in fields(spec)), "seed"]
        assert "Annotated" not in str(shown)
    for item in fields(spec):
        default = item.default if item.default_factory is MISSING else item.default_factory()
        assert shown[item.name].default == (inspect.Parameter.empty if default is MISSING else default)


@pytest.mark.parametrize("backend", ["torch", "paddle", "reference"])
def test_a_users_subclass_keeps_its_own_signature(backend: str, require: Require) -> None:
    require(backend)
    base: Any = nlblocks.package(backend).NonLocal

    class Narrow(base):  # type: ignore[misc]
        def __init__(self, width: int) -> None:
            super().__init__(in_channels=width)

    class Same(base):  # type: ignore[misc]
        pass

    assert list(inspect.signature(Narrow).parameters) == ["width"]
    assert Narrow(4).spec == Same(in_channels=4).spec
    assert inspect.signature(Same) == inspect.signature(base)


def test_a_specs_signature_has_plain_types() -> None:
    shown = inspect.signature(specs.NonLocal).parameters
    assert shown["inter_channels"].annotation == int | None
    assert shown["norm"].default == specs.BatchNorm()


def test_every_value_that_the_catalogue_shows_is_of_the_type_that_a_field_has() -> None:
    for spec in EXAMPLES:
        hints = get_type_hints(type(spec))
        for item in fields(spec):
            value = getattr(spec, item.name)
            assert _fits(value, hints[item.name]), f"{type(spec).__name__}.{item.name}={value!r}"


def _fits(value: Any, annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        first, *rest = arguments
        of_each = [first] * len(value) if rest == [...] else arguments
        return isinstance(value, tuple) and len(value) == len(of_each) and all(map(_fits, value, of_each))
    if arguments:
        return any(_fits(value, argument) for argument in arguments)
    return isinstance(value, annotation)


def test_a_word_that_no_type_has_is_refused_when_it_runs_too() -> None:
    example = next(spec for spec in EXAMPLES if isinstance(spec, specs.NonLocal))
    with pytest.raises(nlblocks.InputError, match="mode='gausian' must be one of 'embedded_gaussian'"):
        replace(example, mode="gausian")  # type: ignore[arg-type]
