"""The table: one row for each Paddle API, and what it becomes in torch. Data that is its own test.

A row is one call of :func:`api`, in the file of its family (layers, functional, math, manipulation, creation, methods,
initialisers, names, vision, ...): each is a module of this package with a tuple ``ROWS``, and is found by being there.

    api(
        "paddle.concat(x, axis=0, name=None)",       # Paddle's signature, with its defaults, under its usual name
        "torch.cat(tensors, dim=0)",                 # torch's signature, with ITS defaults
        {"x": "tensors", "axis": to("dim", "axes")}, # what becomes of EACH argument
        case("paddle.concat([x, x + 1], axis=-1)"),  # code that is ported and run in both frameworks
        also="paddle.tensor.concat",                 # further names, separated by spaces
    )

**The first text** is Paddle's own signature, copied from ``inspect.signature`` (the test compares them). An attribute
or a name that is not called has no brackets: "Tensor.T", "paddle.float32". Prefixes: "paddle...." by its public name,
"Tensor.x" for methods and attributes of tensors (without ``self``), "Layer.x" for methods of any layer, "Parameter.x"
for what differs on parameters, "Initializer.x". Give a function and its method one row, with ``also="Tensor.sum"``:
the first parameter is then the receiver; ``method="sum"`` writes x.sum(dim=1) for x.sum(axis=1), without it the
function is called on the receiver.

**The second text** is one of

- torch's signature, with torch's defaults: "nn.Conv2d(in_channels, ..., bias=True)". Arguments keep their order,
  layout and positional or keyword style. Of what a call does not give, what has the same default on both sides is
  left out, and what has another in torch is written: that is why both signatures need their true defaults. The part
  before the bracket may hold {self}, the receiver: "{self}.permute(*dims)". A parameter with a star takes a list's
  items.
- an expression with arguments in {braces}: "{x} * {y} + 1", "{self}.shape[0]", "{x}.permute({*perm})" ({*perm} is the
  list's items). Braces anywhere behind the first bracket make it an expression.
- None: refused, for the reason in ``notes``.

It may name ``torch``, ``nn``, ``F``, ``np``, ``math``, ``partial``, and helpers (helpers.py: small torch functions,
which the ported file then carries); what it names is imported. Write "torch.x", "nn.X", "F.x", never "torch.nn.X".

**Arguments.** One whose name torch's signature (or the braces) has is mapped to that. The rest needs a fate in the
dict:

- "dim": mapped to that torch parameter; ``to("dim", "axes")`` with a converter of nlblocks/port/rewrite/convert.py
  ("dtype", "shape", "axes", "pair", "padding", "one_minus", "items"); needed also where the name is the same;
- ``dropped("why")``: left out, whatever it is, for a reason that is true of every value;
- ``only("NCHW", None)``: left out where it has one of these values, which are what torch does; a literal other one is
  refused, and what is not literal is checked when the port runs (``expect(data_format, "NCHW")``);
- ``refused("why")``: any value but the default is refused;
- ``attr("weight")``, ``attr("bias", flag="bias")``: a ParamAttr.

There is no other way: an argument without a fate makes the row fail its test. ``name`` alone has one everywhere.

**Variants** are other targets for certain values, the first that holds; ``torch=None`` refuses:

    variants=(
        when("same_pad_conv(...)", padding="text"),
        when(None, ceil_mode=(True,), why="another extent"),
    )

A condition is a tuple of literal values, or a kind: "none", "text", "int", "bool", "number", "list", "tensor",
"tensors" (a list of them), "array", "linear weight", "given"; "any text" where one of several observed values is.
They hold for literals and for what was seen when the model ran. ``ndim`` stands for the rank of what a layer was
called with, or an initialiser filled.

``value="nn.Module"`` is what the name becomes where it is not called (a base class, isinstance, a default): without
it, the part before torch's bracket. ``rule="tensor_shape"`` names a function of nlblocks/port/rewrite/rules.py for
what no template says. ``notes`` are for the reader, and the reason of a refusal.

**Cases** are executable, one at least a row: :func:`case` and :class:`~nlblocks.port.table.row.Case`. Cover every
argument that has a fate, defaults and not; float64; gradients of all floating inputs and weights are compared unless
``grad=False``. A row that refuses (torch None) has none.

    python -m pytest parity_tests/port/test_table.py -k "paddle.concat"     # the cases of one row
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from nlblocks.port.table.row import Row
from nlblocks.port.table.synonyms import SAME_OBJECTS


@cache
def rows() -> tuple[Row, ...]:
    """All rows, file by file."""
    found: list[Row] = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found += getattr(module, "ROWS", ())
    return tuple(found)


@cache
def by_name() -> dict[str, Row]:
    """Rows by each of their names."""
    found = {name: row for row in rows() for name in row.names}
    others = {other: found[name] for name, names in SAME_OBJECTS.items() if name in found for other in names.split()}
    return others | found


FUNCTIONS = "paddle.nn.functional"
"""Where layers look up an activation that is given by its name."""

INNER = ("paddle.tensor", FUNCTIONS, "paddle.nn.initializer", "paddle.nn.layer", "paddle.nn.loss")
"""Packages whose modules hold what stands outside under its usual name: paddle.nn.layer.norm.LayerNorm."""

ANOTHER = ".Parameter"
"""What means another thing inside: the parameter of static graphs."""


def row_of(name: str) -> Row | None:
    """The row of an API, by any of its names, or by that of the module where it is defined."""
    known = by_name()
    for inner in INNER:
        if name not in known and name.startswith(f"{inner}.") and not name.endswith(ANOTHER):
            outer = inner if inner in (FUNCTIONS, "paddle.nn.initializer") else inner.rpartition(".")[0]
            return known.get(f"{outer}.{name.rpartition('.')[2]}")
    return known.get(name)
