"""What a spec is: Param, Init, Spec, BlockSpec, and the registry of kinds.

A spec says what a block *is*: its parameters, their shapes and initialisation, and the shapes it maps.
It imports no framework and computes no tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import lru_cache
from types import UnionType
from typing import Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from nlblocks.errors import InputError, known, meant, one_of
from nlblocks.specs.inputs import Each, parts
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.signature import spell_spec

SCHEMA = 1
Shape = tuple[int, ...]
Layout = Literal["conv", "linear", "vector", "variance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """Initialisation as data, drawn by :mod:`nlblocks.init`.

    ``constant`` fills with ``value``. ``uniform`` draws from U(-b, b) and ``normal`` from N(0, b²), where
    b = ``gain`` / √fan: fan is the parameter's fan-in ("in"), its fan-out ("out"), their mean ("mean"), or 1 (None).
    ``direction`` draws vectors of length 1 along the first axis, no direction more often than another.
    ``cosines`` fills [C, H, W] with the two-dimensional cosine basis: channel c has the frequency (u, v) of
    ``frequencies`` at ⌊c · len / C⌋, and at (h, w) b(h, u, H) · b(w, v, W), where b(t, u, T) is
    cos(π u (t + ½) / T) / √T, times √2 unless u is 0.
    """

    kind: Literal["constant", "uniform", "normal", "direction", "cosines"]
    fan: Literal["in", "out", "mean"] | None = None
    gain: float = 1.0
    value: float = 0.0
    frequencies: tuple[tuple[int, int], ...] = ()

    @classmethod
    def constant(cls, value: float) -> Init:
        return cls(kind="constant", value=value)

    @classmethod
    def uniform(cls, gain: float, fan: Literal["in", "out", "mean"] | None = None) -> Init:
        return cls(kind="uniform", gain=gain, fan=fan)

    @classmethod
    def normal(cls, gain: float, fan: Literal["in", "out", "mean"] | None = None) -> Init:
        return cls(kind="normal", gain=gain, fan=fan)

    @classmethod
    def direction(cls) -> Init:
        return cls(kind="direction")

    @classmethod
    def cosines(cls, frequencies: tuple[tuple[int, int], ...]) -> Init:
        return cls(kind="cosines", frequencies=frequencies)


@dataclass(frozen=True, slots=True)
class Param:
    """One tensor of a block's state, parameter or buffer, in the canonical layout.

    ``layout`` says what the axes mean: "conv" is [out, in/groups, *kernel], "linear" is [out, in], "vector" has
    one entry per channel, and "variance" is a vector of variances, which must be positive. ``still`` says that no
    gradient reaches a parameter, or that training leaves a buffer as it is.
    """

    name: str
    shape: Shape
    init: Init
    trainable: bool = True
    layout: Layout = "vector"
    still: bool = False

    def prefixed(self, prefix: str) -> Param:
        return replace(self, name=f"{prefix}.{self.name}")

    @property
    def fans(self) -> tuple[int, int]:
        """(fan-in, fan-out) of a conv or linear weight."""
        if self.layout not in ("conv", "linear"):
            raise InputError(f"Param {self.name!r}: a {self.layout} has no fan; give the init a gain and no fan")
        field = math.prod(self.shape[2:])
        return self.shape[1] * field, self.shape[0] * field


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A frozen, validated value that round-trips through JSON under its ``kind``."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Raise InputError in one line that names the field, its value and what would do."""

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON-ready data: ``kind``, ``schema`` and every field."""
        data: dict[str, Any] = {"kind": self.kind, "schema": SCHEMA}
        for field in fields(self):
            data[field.name] = _encode(getattr(self, field.name))
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a spec from :meth:`to_dict`; strict about kind, schema and keys."""
        return spec_from_dict(data, cls)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """``cls(**options)`` with unknown and missing options named in one line."""
        names = [field.name for field in fields(cls)]
        unknown = [name for name in options if name not in names]
        if unknown:
            hint = "".join(dict.fromkeys(meant(name, names) for name in unknown))
            raise InputError(f"{cls.__name__}: unknown option {known(unknown)}; it knows {known(names)}{hint}")
        required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
        missing = [name for name in required if name not in options]
        if missing:
            raise InputError(f"{cls.__name__}: option {known(missing)} is missing; give it a value")
        return cls(**options)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSpec(Spec):
    """A block: what it holds and how it maps shapes. Subclasses document the formula and its source.

    ``inputs`` names what it takes. Of a block that takes several, a ``shape`` is a tuple of a shape for each of them
    (:mod:`nlblocks.specs.inputs`).
    """

    cites: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ("x",)

    def params(self) -> tuple[Param, ...]:
        """Every parameter and buffer, in definition order."""
        raise NotImplementedError(f"{type(self).__name__}.params")

    def check_input(self, shape: Shape) -> None:
        """Raise InputError if an input of this shape cannot be processed. A negative extent is unknown, and passes."""
        raise NotImplementedError(f"{type(self).__name__}.check_input")

    @property
    def channel_axis(self) -> int:
        """Which axis of an input holds its channels: 1, or the last where a block takes tokens or images so."""
        return 1

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Each:
        """The shape of an input of these extents, its channels where the block has them; or of each of several."""
        return (batch, channels, *spatial) if self.channel_axis == 1 else (batch, *spatial, channels)

    def fixed(self, shape: Each) -> dict[str, Any]:
        """The fields that an input of this shape fixes, with what they are then: its channels, its extents.

        Of several inputs it is the first that does.
        """
        shape = parts(shape)[0]
        axis = min(self.channel_axis, len(shape) - 1)
        spatial = tuple(extent for place, extent in enumerate(shape) if place not in (0, axis))
        values = {"in_channels": shape[axis], "map_size": spatial, "positions": math.prod(spatial)}
        given = (item.name for item in fields(self) if getattr(self, item.name) is not None)
        return {name: values[name] for name in given if name in values}

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the output for an input of this shape; residual blocks keep it."""
        self.check_input(shape)
        return tuple(shape)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Name and shape of each attention map; empty where the block has none. A single map is "attention"."""
        self.check_input(shape)
        return {}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        """What the entries of each map of :meth:`attention_shapes` mean, by the same names."""
        self.check_input(shape)
        return {}

    def letters(self, shape: Shape) -> dict[str, int]:
        """The extent behind each letter of the docstring, for an input of this shape: what a drawing calls extents."""
        self.check_input(shape)
        return letters_of(shape)

    def macs(self, shape: Shape) -> int:
        """Multiply-accumulate operations of the direct form for an input of this shape, batch included."""
        raise NotImplementedError(f"{type(self).__name__}.macs")

    def example_shape(self) -> Shape:
        """A small input shape with unequal extents, used where the user gives none."""
        raise NotImplementedError(f"{type(self).__name__}.example_shape")

    @property
    def takes_maximum(self) -> bool:
        """Whether a maximum is taken, so that equal values must be verified as well."""
        return False

    def deterministic(self) -> Self:
        """The same spec with every random part (dropout) off: the one that can be compared in train mode."""
        return self


def letters_of(shape: Shape) -> dict[str, int]:
    """The letters of an image [B, C, *S]: B, C, those of S, and N, the number of its positions."""
    spatial = dict(zip("THW"[2 - len(shape) :], shape[2:], strict=True)) if len(shape) > 3 else {}
    return {"B": shape[0], "C": shape[1], **spatial, "N": math.prod(shape[2:])}


_REGISTRY: dict[str, type[Spec]] = {}
S = TypeVar("S", bound=type[Spec])
T = TypeVar("T", bound=Spec)


def register(cls: S) -> S:
    """Class decorator: make a spec known by its ``kind``."""
    if not cls.kind:
        raise InputError(f"{cls.__name__}: kind is empty; give the spec a kind")
    if cls.kind in _REGISTRY:
        raise InputError(f"{cls.__name__}: kind={cls.kind!r} is taken by {_REGISTRY[cls.kind].__name__}")
    if issubclass(
        cls, BlockSpec
    ):  # asked for whenever a state is loaded or compared; those of a frozen spec never change
        cls.params = lru_cache(maxsize=256)(cls.params)  # type: ignore[method-assign]
    spell_spec(cls)
    _REGISTRY[cls.kind] = cls
    return cls


def kinds(of: type[Spec] = BlockSpec) -> list[str]:
    """The kinds of block, or of another sort of spec, sorted."""
    return sorted(kind for kind, cls in _REGISTRY.items() if issubclass(cls, of))


def kinds_that_fit(annotation: Any) -> list[str]:
    """The kinds of spec that a field takes, by its annotation: "batch_norm" for ``BatchNorm | None``."""
    classes = [item for item in (annotation, *get_args(annotation)) if isinstance(item, type)]
    return [kind for cls in classes if issubclass(cls, Spec) for kind in kinds(cls)]


def is_text(annotation: Any) -> bool:
    """Whether a field of this annotation holds text: any, or one of some words."""
    if get_origin(annotation) is Literal:
        return all(isinstance(value, str) for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return all(map(is_text, get_args(annotation)))
    return annotation is str


def spec_type(kind: str) -> type[BlockSpec]:
    """The spec class of a block kind, or of a class's name."""
    cls = _registered(kind)
    if cls is None or not issubclass(cls, BlockSpec):
        raise InputError(f"kind={kind!r} is not a block; it {one_of(kind, kinds())}")
    return cls


def _registered(kind: Any) -> type[Spec] | None:
    """The spec class of a kind, as files call it, or of the name that the class has in Python: people type both."""
    by_name = {cls.__name__: cls for cls in _REGISTRY.values()}
    return _REGISTRY.get(kind, by_name.get(kind)) if isinstance(kind, str) else None


def block_types() -> dict[str, type[BlockSpec]]:
    """The spec classes of all blocks, by class name."""
    return {cls.__name__: cls for cls in map(spec_type, kinds())}


@overload
def spec_from_dict(data: Mapping[str, Any], of: None = None) -> Any: ...
@overload
def spec_from_dict(data: Mapping[str, Any], of: type[T]) -> T: ...
def spec_from_dict(data: Mapping[str, Any], of: type[Spec] | None = None) -> Any:
    """The spec that :meth:`Spec.to_dict` wrote: a block, or a part of one such as its BatchNorm, or one of ``of``."""
    return _spec_of(data, kinds(of or BlockSpec), strict=of is not None)


def _spec_of(data: Any, wanted: Sequence[str], *, strict: bool, where: str = "") -> Any:
    """The spec in a mapping; an error names the ``wanted`` kinds, of which it is one where ``strict``."""
    given = data.get("kind") if isinstance(data, Mapping) else None
    must = f"it {one_of(given, wanted) if len(wanted) > 1 else f'must be {known(wanted)}'}"
    if not isinstance(data, Mapping):
        raise InputError(f"{where}a spec must be a mapping with a 'kind', received {type(data).__name__}")
    if "kind" not in data:
        raise InputError(f"{where}a spec needs a 'kind': {must}; received the keys {known(data)}")
    cls = _registered(given)
    if cls is None or (strict and cls.kind not in wanted):
        problem = "is unknown" if cls is None else "is another spec"
        raise InputError(f"{where}kind={given!r} {problem}; {must}")
    schema = data.get("schema", SCHEMA)
    if type(schema) is not int or schema != SCHEMA:
        raise InputError(f"{cls.__name__}: schema={schema!r} cannot be read; this version reads {SCHEMA}")
    options = {name: _decode(value, cls, name) for name, value in data.items() if name not in ("kind", "schema")}
    return cls.from_options(options)


def resolve_spec(cls: type[BlockSpec], spec: BlockSpec | None, options: Mapping[str, Any]) -> Any:
    """The spec of a module built as ``Block(spec)`` or as ``Block(**options)``."""
    if spec is None:
        return cls.from_options(options)
    if options:
        raise InputError(f"{cls.__name__}: give a spec or options, not both; received a spec and {known(options)}")
    if not isinstance(spec, cls):
        name, first = cls.__name__, fields(cls)[0].name
        named = f"; fields have names, as in {name}({first}={spec})" if isinstance(spec, int) else ""
        raise InputError(f"{name}: spec must be a {name} spec, received {type(spec).__name__}{named}")
    return spec


def options_text(spec: Spec) -> str:
    """The fields that are not at their defaults, as ``name=value, ...``."""
    parts = []
    for item in fields(spec):
        value = getattr(spec, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if value != default:
            text = describe(value) if isinstance(value, Spec) else value if isinstance(value, str) else repr(value)
            parts.append(f"{item.name}={text}")
    return ", ".join(parts)


def describe(spec: Spec) -> str:
    """The spec in one short line: its class and the fields that are not at their defaults."""
    return f"{type(spec).__name__}({options_text(spec)})"


def _encode(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(value: Any, cls: type[Spec], name: str) -> Any:
    """What a field of a class holds, from what its JSON says."""
    if isinstance(value, Mapping):
        fitting = kinds_that_fit(get_type_hints(cls).get(name))
        return _spec_of(value, fitting, strict=True, where=f"{cls.__name__}: {name}: ") if fitting else value
    if isinstance(value, list | tuple):
        return tuple(_decode(item, cls, name) for item in value)
    return value
