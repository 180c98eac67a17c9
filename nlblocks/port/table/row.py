"""One row of the table: what one Paddle API becomes, argument by argument, and the cases that prove it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

REQUIRED = "<required>"
"""In place of a default: the argument has none."""


@dataclass(frozen=True, slots=True)
class To:
    """The argument becomes the torch parameter ``name``, its value converted by the converter of that name."""

    name: str
    convert: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The argument changes nothing that a port could show, for a reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Only:
    """Torch does what Paddle does for these values alone; others are refused, where the code is reached if need be."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Whatever value is given but the default is refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Attr:
    """A ParamAttr: how the parameter ``name`` of the layer starts.

    ``flag`` is the torch parameter that says whether there is one at all: False in Paddle means False there. Where it
    ``may_lack`` the parameter, False means that it is None. With neither, False is refused.
    """

    name: str
    flag: str = ""
    may_lack: bool = False


Fate = To | Dropped | Only | Refused | Attr

Fates = Mapping[str, Fate | str]
"""What happens to arguments, by their names."""

EVERYWHERE: dict[str, Fate] = {"name": Dropped("a label of static graphs")}
"""What happens to these arguments where a row says nothing else."""


def to(name: str, convert: str = "") -> To:
    """Mapped: the torch parameter's name, and the converter of the value (nlblocks/port/rewrite/convert.py)."""
    return To(name, convert)


def dropped(reason: str) -> Dropped:
    """Left out of the port, for a reason that holds for every value."""
    return Dropped(reason)


def only(*values: Any) -> Only:
    """Left out where it is one of these values, which are what torch does; any other is refused."""
    return Only(values)


def refused(reason: str) -> Refused:
    """No value but the default can be ported, for a reason."""
    return Refused(reason)


def attr(name: str, flag: str = "", *, may_lack: bool = False) -> Attr:
    """A ParamAttr of the layer's parameter ``name``; ``flag`` is torch's parameter for whether there is one.

    ``may_lack``: where it is False, torch's layer is built with the parameter, which is then set to None.
    """
    return Attr(name, flag, may_lack)


Check = Literal["values", "distribution", "shape"]


@dataclass(frozen=True, slots=True)
class Case:
    """Paddle code that is ported and run in both frameworks on the same inputs: results and gradients must be equal.

    ``code`` is an expression, or lines whose last one is an expression, over ``paddle``, ``nn``, ``F``, ``np`` and
    ``inputs``: name → kind and shape, "f2,3" normal float64, "p2,3" positive, "u2,3" within (0, 1), "i2,3:10" integers
    in [0, 10), "b2,3" booleans. ``layer`` is an expression that builds a layer, called ``layer`` in ``code``: the port
    gets its weights. ``grad=False`` where there is no gradient to compare. ``check="distribution"``: random results, of
    which mean, deviation and bounds are compared; "shape": only shape and dtype. ``held``: Paddle computes with a
    constant in float32 there, so that float64 results agree to float32's precision; say which constant in the notes.
    """

    code: str
    inputs: Mapping[str, str] = field(default_factory=lambda: {"x": "f2,3,4,5"})
    layer: str = ""
    grad: bool = True
    check: Check = "values"
    held: bool = False


def case(
    code: str = "layer(x)", layer: str = "", *, grad: bool = True, check: Check = "values", held: bool = False,
    **inputs: str,
) -> Case:  # fmt: skip
    """A case; the inputs by name, {"x": "f2,3,4,5"} if none is given."""
    return Case(code, inputs or {"x": "f2,3,4,5"}, layer, grad, check, held)


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters in order with their defaults as text: REQUIRED where there is none, "*" names in ``variadic``."""

    head: str
    parameters: Mapping[str, str]
    variadic: str = ""
    keyword_only: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> Signature:
        """Read "head(a, b=1, *rest, c=2)"; a head alone, such as an attribute's, has no parameters."""
        head, bracket, rest = text.partition("(")
        if not bracket:
            return cls(head, {})
        arguments = ast.parse(f"def f({rest}: pass").body[0].args  # type: ignore[attr-defined]
        named = [*arguments.posonlyargs, *arguments.args]
        defaults = [REQUIRED] * (len(named) - len(arguments.defaults)) + [ast.unparse(d) for d in arguments.defaults]
        found = dict(zip([a.arg for a in named], defaults, strict=True))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            found[argument.arg] = REQUIRED if default is None else ast.unparse(default)
        variadic = arguments.vararg.arg if arguments.vararg else ""
        return cls(head, found, variadic, frozenset(a.arg for a in arguments.kwonlyargs))


PLACEHOLDER = re.compile(r"\{(\*?)(\w+)\}")


@dataclass(frozen=True, slots=True)
class Target:
    """What is written: a call of ``head`` with torch's own signature, or an expression with {placeholders}.

    A head may hold {self}, the receiver. In an expression {x} is the argument, and {*x} its items, spliced in where
    the argument is a literal list.
    """

    text: str

    @property
    def signature(self) -> Signature | None:
        """The signature of the call; None where it is an expression, such as {x}.flatten().mean()."""
        bracket = self.text.find("(")
        if bracket < 0 or not self.text.endswith(")") or self.placeholders - {"self"}:
            return None
        try:
            return Signature.of(self.text)
        except SyntaxError:
            return None

    @property
    def placeholders(self) -> set[str]:
        return {name for _, name in PLACEHOLDER.findall(self.text)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another target where arguments have certain values: the first whose ``when`` holds is taken.

    ``when`` gives, by argument, a kind (see nlblocks/port/rewrite/kinds.py: "text", "given", "none", "tensor", "list",
    "int", ...) or a tuple of literal values. ``torch`` None refuses, with ``why``.
    """

    when: Mapping[str, str | tuple[Any, ...]]
    torch: str | None
    args: Mapping[str, Fate | str] = field(default_factory=dict)
    why: str = ""


def when(
    torch: str | None, args: Mapping[str, Fate | str] | None = None, *, why: str = "", **kinds: str | tuple[Any, ...]
) -> Variant:
    """A variant of a row: ``when("F.pad(...)", padding="text")``; ``when(None, why=..., mode=("area",))`` refuses."""
    return Variant(when=kinds, torch=torch, args=args or {}, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One Paddle API under all its names, and what it becomes."""

    paddle: str
    torch: str | None
    args: Mapping[str, Fate | str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    method: str = ""
    variants: tuple[Variant, ...] = ()
    cases: tuple[Case, ...] = ()
    notes: str = ""
    value: str = ""
    rule: str = ""

    @property
    def signature(self) -> Signature:
        return Signature.of(self.paddle)

    @property
    def names(self) -> tuple[str, ...]:
        return self.signature.head, *self.also

    def fate(self, name: str, variant: Variant | None = None) -> Fate | None:
        """What happens to an argument; None where the row does not say, and so does not stand."""
        found = (variant.args.get(name) if variant else None) or self.args.get(name)
        if (
            variant is not None
            and variant.torch
            and name not in variant.args
            and not isinstance(found, To | str | Attr)
        ):
            found = To(name) if name in _parameters(Target(variant.torch)) else found  # the variant has a place for it
        if isinstance(found, str):
            return To(found)
        if found is not None:
            return found
        torch = variant.torch if variant else self.torch
        if torch is not None and name in _parameters(Target(torch)):
            return To(name)
        return EVERYWHERE.get(name)


def _parameters(target: Target) -> set[str]:
    signature = target.signature
    return set(signature.parameters) | {signature.variadic} if signature else target.placeholders


def api(
    paddle: str, torch: str | None, args: Mapping[str, Fate | str] | None = None, *cases: Case, also: str = "",
    method: str = "", variants: tuple[Variant, ...] = (), notes: str = "", value: str = "", rule: str = "",
) -> Row:  # fmt: skip
    """A row; see the package's docstring for what goes where."""
    return Row(
        paddle=paddle, torch=torch, args=args or {}, also=tuple(also.split()), method=method, variants=variants,
        cases=cases, notes=notes, value=value, rule=rule,
    )  # fmt: skip
