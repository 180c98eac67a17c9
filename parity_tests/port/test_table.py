"""The table is its own test: each row's cases, ported by the translator, give the same in both frameworks."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import numpy as np
import paddle
import torch

from nlblocks.port.rewrite.rules import RULES
from nlblocks.port.table import row_of, rows
from nlblocks.port.table.row import REQUIRED, Case, Row, Signature, Target, To
from parity_tests.port.snippets import Snippet

CASES = [pytest.param(row, case, id=f"{row.names[0]}-{n}") for row in rows() for n, case in enumerate(row.cases)]


@pytest.mark.parametrize(("row", "case"), CASES)
def test_case(row: Row, case: Case) -> None:
    Snippet(case).check()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.names[0]) for row in rows()])
def test_row_is_whole(row: Row) -> None:
    """Every argument has a fate, every row with a target a case, and Paddle's signature is Paddle's own."""
    for variant in (None, *row.variants):
        text = row.torch if variant is None else variant.torch
        for name in row.signature.parameters if text is not None else ():
            fate = row.fate(name, variant)
            assert fate is not None, f"no fate for {name!r}"
            if isinstance(fate, To) and not row.rule:
                assert fate.name in _written(text), f"{name!r} is mapped to {fate.name!r}, which {text} has not"
        signature = Target(text).signature if text else None
    assert not row.rule or row.rule in RULES, f"there is no rule {row.rule!r}"
    assert row.torch is None or row.cases or any(v.torch for v in row.variants if row.cases), "no case"
    assert signature is None or signature.head
    if row.torch is None:
        assert row.notes, "a refusal needs its reason in notes"


def _written(text: str) -> set[str]:
    target = Target(text)
    signature = target.signature
    return target.placeholders | ({*signature.parameters, signature.variadic} if signature else set())


def test_names_are_in_one_row() -> None:
    names = [name for row in rows() for name in row.names]
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)


def test_what_is_defined_inside_is_what_stands_outside() -> None:
    """A name of an inner module finds the row of the outer name: both are one thing."""
    for inner, outer in ((paddle.tensor, paddle), (paddle.nn.layer, paddle.nn)):
        for module in [inner, *(m for m in vars(inner).values() if inspect.ismodule(m))]:
            for name in {n for n in vars(module) if hasattr(outer, n)} - {"paddle", "nn", "F"}:
                found = row_of(f"{module.__name__}.{name}")
                value = getattr(module, name)
                if found is not None and callable(value) and getattr(value, "__module__", "").startswith("paddle"):
                    same = getattr(outer, name).__name__.strip("_")  # Paddle wraps the outer one, and marks it so
                    assert value.__name__.strip("_") == same, f"{module.__name__}.{name}"


ROWS = [pytest.param(row, id=row.names[0]) for row in rows()]


def _paddle_parameters(name: str) -> dict[str, inspect.Parameter] | None:
    root, *path = name.split(".")
    found: Any = {"paddle": paddle, "Tensor": paddle.Tensor, "Parameter": paddle.Tensor, "Layer": paddle.nn.Layer}.get(
        root
    )
    try:
        for part in path:
            found = getattr(found, part)
        parameters = inspect.signature(found.__init__ if inspect.isclass(found) else found).parameters
    except (AttributeError, TypeError, ValueError):
        return None
    named = list(parameters.items())
    receiver = inspect.isclass(found) or root in ("Tensor", "Parameter", "Layer")
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        return None
    return dict(named[1:] if receiver else named)


def _tells(row: Row) -> bool:
    """Whether Paddle tells the signature of a row's API, and the row says one."""
    told = _paddle_parameters(row.signature.head) is not None
    return told and (row.torch is not None or bool(row.signature.parameters))


@pytest.mark.parametrize("row", [pytest.param(row, id=row.names[0]) for row in rows() if _tells(row)])
def test_signature_is_paddles(row: Row) -> None:
    """Parameters are Paddle's own, in its order and with its defaults; keyword-only ones may be missing: unknown."""
    own = _paddle_parameters(row.signature.head) or {}
    said = row.signature.parameters
    strange = [n for n in said if n not in own and n != row.signature.variadic]
    assert not strange, f"Paddle has no {strange}"
    known = {n: p for n, p in own.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)}
    lacking = [n for n in known if n not in said and n != "name"]
    assert not lacking, f"Paddle also has {lacking}"
    order = [n for n in said if n in known]
    assert order == [n for n in known if n in order], f"Paddle's order is {list(known)}"
    for name, default in said.items():
        if name in own:
            theirs = own[name].default
            assert (theirs is inspect.Parameter.empty) == (default == REQUIRED), f"{name} has the default {theirs!r}"
            assert default == REQUIRED or _plain(ast.literal_eval(default)) == _plain(theirs), f"{name}={theirs!r}"


def _plain(value: Any) -> Any:
    """A tuple as a list, and a list of one and the same as that one."""
    if not isinstance(value, list | tuple):
        return value
    return value[0] if value and all(item == value[0] for item in value) else list(value)


def _targets(row: Row) -> Iterator[Signature]:
    for text in (row.torch, *(v.torch for v in row.variants)):
        signature = Target(text).signature if text else None
        if signature is not None and signature.parameters and "{" not in signature.head:
            yield signature


@pytest.mark.parametrize("row", ROWS)
def test_defaults_are_torchs(row: Row) -> None:
    """A parameter that is left out where it has torch's default has that default in torch."""
    for signature in _targets(row):
        for name, theirs in _torch_defaults(signature):
            said = signature.parameters[name]
            if said == REQUIRED:  # always written
                continue
            default = ast.literal_eval(said)
            assert any(
                _plain(default) == _plain(one) or (_is_empty(one) and default in (None, 0, ())) for one in theirs
            ), f"{signature.head}: {name}={theirs!r}"


def _is_empty(default: Any) -> bool:
    """Whether torch's own default is a list of nothing or of zeros: its way to say None or 0 for all axes."""
    return isinstance(default, list) and not any(default)


def _torch_defaults(signature: Signature) -> Iterator[tuple[str, list[Any]]]:
    """The defaults that a parameter has, by its name, in one of torch's overloads or more."""
    root, *path = signature.head.split(".")
    found: Any = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np}.get(root)
    if found is None:
        return
    for part in path:
        found = getattr(found, part)
    try:
        parameters = inspect.signature(found).parameters
    except ValueError:
        known: dict[str, list[Any]] = {}
        overloads = torch._C._jit_get_schemas_for_operator(f"aten::{'_'.join(path)}")
        for schema in overloads:
            for argument in schema.arguments:
                known.setdefault(argument.name, []).append(
                    argument.default_value if argument.has_default_value() else REQUIRED
                )
        if not known:
            return
        orders = [[a.name.replace("self", "input") for a in o.arguments if not a.kwarg_only] for o in overloads]
        named = [n for n in signature.parameters if n not in signature.keyword_only]
        fits = any(order[: len(named)] == named for order in orders)
        assert fits or signature.variadic, f"{signature.head} takes {orders} by position"
        known = {n: found for n, found in known.items() if len(found) == len(overloads)}  # some overload does without
        known["input"] = known.pop("self", [REQUIRED])
    else:
        if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            return
        known = {n: [REQUIRED if p.default is p.empty else p.default] for n, p in parameters.items()}
        named = [n for n in signature.parameters if n not in signature.keyword_only]
        fits = named == list(parameters)[: len(named)] or named[1:] == list(parameters)[1 : len(named)]
        assert fits or signature.variadic, f"{signature.head} takes {list(parameters)} by position"
        for name in signature.parameters:
            assert name in known, f"{signature.head} has no {name!r}, only {list(known)}"
    yield from ((name, known[name]) for name in signature.parameters if name in known)


@pytest.mark.parametrize("row", ROWS)
def test_every_mapped_argument_is_in_a_case(row: Row) -> None:
    """What becomes an argument of torch's is given by some case."""
    if not row.cases:
        return
    given = {name for case in row.cases for text in (case.code, case.layer) if text for name in _given(row, text)}
    mapped = {n for n in row.signature.parameters for v in (None, *row.variants) if isinstance(row.fate(n, v), To)}
    assert mapped <= given | {row.signature.variadic}, f"no case gives {sorted(mapped - given)}"


def _given(row: Row, text: str) -> Iterator[str]:
    """The parameters that calls of a row's API give in some code."""
    called = {name.rpartition(".")[2] for name in row.names}
    positional = [n for n in row.signature.parameters if n not in row.signature.keyword_only]
    for node in ast.walk(ast.parse(text)):
        function = node.func if isinstance(node, ast.Call) else None
        name = getattr(function, "attr", getattr(function, "id", ""))
        if not isinstance(node, ast.Call) or name not in called:
            continue
        root = ast.unparse(function.value) if isinstance(function, ast.Attribute) else "nn"
        method = not root.startswith(("paddle", "nn", "F")) and row.paddle.startswith("paddle.")
        yield from positional[: len(node.args) + method]
        yield from (keyword.arg for keyword in node.keywords if keyword.arg)
