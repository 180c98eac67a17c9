"""Paddle's programs, as far as weights need them: what is kept, by name, and which operator computes with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.files.containers.lod_tensors import CODES
from nlblocks.weights.files.containers.wire import Wire
from nlblocks.weights.files.limits import MAX_DEPTH, MAX_NODES
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped

LOD_TENSOR = 7
TURNED = frozenset({"trans_y", "transpose_y", "transpose_Y"})
"""What says that a product takes its second operand turned."""
BINDINGS = frozenset({"feed", "fetch", "data", "shadow_feed", "shadow_output", "full", "full_int_array"})
"""Operators that hand values in or out, or make a constant."""
_PIR = {
    "t_bool": "bool", "t_i8": "int8", "t_ui8": "uint8", "t_i16": "int16", "t_i32": "int32", "t_i64": "int64",
    "t_f16": "float16", "t_bf16": "bfloat16", "t_f32": "float32", "t_f64": "float64", "t_c64": "complex64",
    "t_c128": "complex128", "t_f8e4m3fn": "float8_e4m3fn", "t_f8e5m2": "float8_e5m2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """What a program says of one of its tensors; ``dtype`` is "" where it says something unknown."""

    dtype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Operator:
    """``inputs`` are the names of values by their slot: "Filter", or the place as a number. ``layer`` owns it."""

    kind: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: tuple[str, ...] = ()
    turned: bool = False
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """``kept`` by name, in the program's order. ``inputs`` and ``outputs`` say what goes in and comes out."""

    kept: dict[str, Kept]
    operators: list[Operator]
    inputs: list[str] = field(default_factory=list)

    def lines(self, names: Mapping[str, str]) -> Iterator[str]:
        """The program in a few lines: what goes in, and a table of its operators with the weights that each uses."""
        for value in self.inputs:
            yield f"in: {shown(value)}"
        computing = [operator for operator in self.operators if operator.kind not in BINDINGS]
        counts = Counter(operator.kind for operator in computing)
        yield f"program of {len(computing)} operators:"
        uses: dict[str, list[str]] = {}
        for operator in computing:
            held = [names.get(name, name) for slot in operator.inputs.values() for name in slot if name in self.kept]
            uses.setdefault(operator.kind, []).extend(held)
        width = max((len(shown(kind)) for kind in counts), default=0)
        for kind, count in counts.most_common():
            used = ", ".join(shown(name) for name in uses[kind][:4])
            more = f" and {len(uses[kind]) - 4} more" if len(uses[kind]) > 4 else ""
            yield f"  {shown(kind):{width}}  {count:4}  {used}{more}".rstrip()


def read_protobuf(file: Mapped) -> Program:
    """A .pdmodel, or __model__: a ProgramDesc."""
    wire = Wire(str(file.path))
    kept: dict[str, Kept] = {}
    operators: list[Operator] = []
    inputs: list[str] = []
    for block in wire.messages(file.bytes, 1):
        for variable in wire.messages(block, 3):
            _variable(wire, variable, kept, str(file.path))
        operators += [_operator(wire, operator) for operator in wire.messages(block, 4)]
    for operator in operators:
        if operator.kind == "feed":
            inputs += operator.outputs
    if not operators:
        raise InputError(f"{file.path}: no program of Paddle's: it has no operators; it is damaged or something else")
    return Program(kept, operators, inputs)


def _variable(wire: Wire, data: memoryview, kept: dict[str, Kept], where: str) -> None:
    typed = next(wire.messages(data, 2), memoryview(b""))
    if not wire.number(data, 3) or wire.number(typed, 1, -1) != LOD_TENSOR:
        return
    name = wire.text(data, 1)
    described = next((tensor for lod in wire.messages(typed, 3) for tensor in wire.messages(lod, 1)), memoryview(b""))
    if not name or name in kept:
        raise InputError(f"{where}: the program keeps two tensors called {shown(name)}; it is damaged")
    kept[name] = Kept(CODES.get(wire.number(described, 1), ""), tuple(wire.numbers(described, 2)))


def _operator(wire: Wire, data: memoryview) -> Operator:
    slots: tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]] = ({}, {})
    kind, turned = "", False
    for number, value in wire.fields(data):
        if isinstance(value, int):
            continue
        if number in (1, 2):
            names = tuple(str(name, "utf-8", "replace") for name in wire.messages(value, 2))
            slots[number - 1][wire.text(value, 1)] = names
        elif number == 3:
            kind = str(value, "utf-8", "replace")
        elif number == 4:
            turned |= wire.text(value, 1) in TURNED and wire.number(value, 10) != 0
    return Operator(kind, slots[0], tuple(name for names in slots[1].values() for name in names), turned)


def read_json(data: Mapping[str, Any], where: str) -> Program:
    """A program in PIR's JSON: nested regions of blocks of operators, whose parameters are operators too."""
    kept: dict[str, Kept] = {}
    operators: list[Operator] = []
    inputs: list[str] = []
    called: dict[int, str] = {}
    for row in _rows(data.get("program"), where):
        kind = row["#"]
        if kind in ("p", "0.parameter"):
            name = next((value for value in _list(row.get("A")) if isinstance(value, str)), "")
            if not name or name in kept:
                raise InputError(f"{where}: the program keeps two tensors called {shown(name)}; it is damaged")
            produced = row.get("O")
            kept[name] = _kept(produced)
            called[_id(produced)] = name
            continue
        attributes = {item["N"]: item.get("AT") for item in _list(row.get("A")) if _named(item)}
        values = [_id(value) for value in _list(row.get("I"))]
        inside = {str(place): (called.get(value, f"%{value}"),) for place, value in enumerate(values)}
        turned = any(_value(attributes.get(name)) is True for name in TURNED)
        layer = str(_value(attributes.get("struct_name")))
        operators.append(Operator(kind.rpartition(".")[2], inside, (), turned, layer))
        if operators[-1].kind == "data":
            inputs.append(str(_value(attributes.get("name"))))
    if not operators:
        raise InputError(f"{where}: no program of Paddle's: it has no operators; it is damaged or something else")
    return Program(kept, operators, inputs)


def _rows(program: Any, where: str) -> Iterator[dict[str, Any]]:
    """The operators of all regions, in order, without recursion."""
    stack: list[tuple[Any, int]] = [(program, 0)]
    for _ in range(MAX_NODES):
        if not stack:
            return
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise InputError(f"{where}: its regions are nested more than {MAX_DEPTH} deep; the file is refused")
        found = value if isinstance(value, dict) else {}
        if "ops" not in found and "blocks" not in found and isinstance(found.get("#"), str):
            yield found
        below = [item for part in ("regions", "blocks", "ops") for item in _list(found.get(part))]
        stack.extend((item, depth + 1) for item in reversed(below))
    raise InputError(f"{where}: the program has more than {MAX_NODES} parts; the file is refused")


def _kept(value: Any) -> Kept:
    """The dtype and the shape of what a parameter's row says that it produces."""
    typed = value.get("TT") if isinstance(value, dict) else None
    described = _list(typed.get("D")) if isinstance(typed, dict) else []
    code = described[0].get("#") if described and isinstance(described[0], dict) else ""
    shape = _list(described[1]) if len(described) > 1 else []
    name = code.rpartition(".")[2] if isinstance(code, str) else ""
    return Kept(_PIR.get(name, ""), tuple(n if isinstance(n, int) else -1 for n in shape))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _id(value: Any) -> int:
    found = value.get("%") if isinstance(value, dict) else None
    return found if isinstance(found, int) else 0


def _named(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("N"), str)


def _value(value: Any) -> Any:
    found = value.get("D") if isinstance(value, dict) else None
    return found if isinstance(found, str | bool) else ""
