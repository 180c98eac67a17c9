"""Which API a place of the source means: by its names where these say it, else by what was seen there."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from nlblocks.port.observe import Place, Site
from nlblocks.port.rewrite.argument import Refusal, code, is_text
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.rewrite.guess import ELSEWHERE, Guess
from nlblocks.port.rewrite.own_gradients import FUNCTION, OwnGradients
from nlblocks.port.rewrite.values import value_of
from nlblocks.port.table import row_of

TENSORS = frozenset({"Tensor", "Parameter", "LinearWeight"})
Found = tuple[str | tuple[str, ...], Any, Any]
"""An API, the receiver where it is a method, and the expression that is called where it stays as it is.

Several APIs where a variable held several: "" stands for what is called as before.
"""


class Meaning:
    """Asked about places of one file."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.names = file.module.names
        self.guess = Guess(file.module, file.program, file.seen)
        self.own_gradients = OwnGradients(file.module, file.program)

    def is_name(self, site: Site) -> bool:
        """Whether a dotted name means one thing as a whole: an API, or something that a ported module holds.

        What is looked up on a module's variable is no such thing: it is an attribute of what the variable holds.
        """
        dotted = self.names.get(site)
        if dotted is None:
            return False
        module, _, rest = self.file.program.split(dotted)
        name, dot, _ = rest.partition(".")
        return bool(self.api(site)) or (module is not None and not (dot and name in module.variables))

    def api(self, site: Site) -> str:
        """The Paddle API that a name means; "" for none. A name that the module itself gave it is none."""
        dotted = self.names.get(site)
        if dotted is None:
            return ""
        if dotted.startswith("?"):
            dotted = self.file.program.origin(dotted, self.file.module)
        found = dotted
        if not self._is_api(found):
            module, _, rest = self.file.program.split(dotted)
            if module is None or not rest or module is self.file.module:
                return ""
            found = self.file.program.origin(dotted)
            if rest.partition(".")[0] in module.aliases:
                return ""
        return found if self._is_api(found) and ".__dict__" not in found else ""

    def _is_api(self, dotted: str) -> bool:
        """Whether a name is Paddle's, and its source is none of those that are ported."""
        return _is_paddle(dotted) and self.file.program.split(dotted)[0] is None

    def put(self, api: str, depth: int) -> tuple[str, str] | None:
        """The module and the name of what a package put in an API's place.

        Paddle's own is still there at the top of the module that does it: it is kept for later.
        """
        home, _, name = self.file.record.put.get(api, "").partition(":")
        return (home, name) if home and (depth or home != self.file.module.name) else None

    def alias(self, site: Site) -> str:
        """The Paddle API that a name of some ported module was given to."""
        dotted = self.names.get(site, "")
        found = self.file.program.origin(dotted, self.file.module) if dotted else ""
        return found if self._is_api(found) else ""

    def receiver(self, place: Place | None, attribute: str, site: Site, *, called: bool = False) -> str:
        """What an attribute is looked up on, as a prefix of the table's rows: "Tensor", "Layer", ...; "" for none.

        Raises Refusal for a call that never ran, and could be a tensor's method or something else's.
        """
        made = self.guess.made(site)
        if made and row_of(f"{made}.{attribute}") is not None:
            return made
        function = self.own_gradients.kind(site, attribute)
        if function:
            return function if row_of(f"{function}.{attribute}") is not None else ""
        if place is None or not place.receiver.kinds:
            return self._guessed(attribute, site, called)
        kinds = place.receiver.kinds
        if kinds <= TENSORS:
            if attribute in OF_PARAMETERS and kinds <= TENSORS - {"Tensor"}:
                return "Parameter"
            return "Tensor"
        if all(kind.startswith("Layer:") for kind in kinds):
            own = attribute.startswith("_") and attribute not in ANY_LAYERS and "Layer:paddle.nn.Layer" in kinds
            return "" if own else "Layer"
        if all(kind.startswith("Initializer:") for kind in kinds):
            return "Initializer"
        return ""

    def alone(self, site: Site, attribute: str) -> bool:
        """Whether an attribute of what an API gives is told by the names alone: torch has no such object."""
        made = self.guess.made(site)
        row = row_of(f"{made}.{attribute}") if made else None
        return row is not None and "{self}" not in (row.torch or "")

    def _guessed(self, attribute: str, site: Site, called: bool) -> str:
        row = row_of(f"Tensor.{attribute}")
        guess = self.guess.receiver(site)
        if guess == "Layer":
            return (
                "Layer"
                if row_of(f"Layer.{attribute}") is not None and (attribute[0] != "_" or attribute in ANY_LAYERS)
                else ""
            )
        if attribute in LAYERS_ALONE and guess == "":
            return "Layer"
        if row is None or guess in ("other", "Initializer"):
            return ""
        if guess == "Tensor" or attribute not in ELSEWHERE:
            return "Tensor"
        if called:
            raise Refusal("this never ran, and nothing tells whether it is a tensor's or another object's method")
        return "Tensor" if attribute == "shape" else ""

    def call(self, original: cst.Call, updated: cst.Call, transform: Walk) -> Found | None:
        """The API of a call; None where it is none of Paddle's."""
        site = transform.site(original.func)
        api = self.api(site)
        place = transform.place(original)
        if api and self.put(api, transform.depth) is None:
            return self._of_class(api) or (api, None, None)
        if api:
            return None
        function = original.func
        if isinstance(function, cst.Attribute) and self.own_gradients.kind(site, function.attr.value) == FUNCTION:
            return f"{FUNCTION}.apply", getattr(updated.func, "value", None), None
        if isinstance(function, cst.Attribute) and not self.is_name(site):
            found = self._method(original, updated, transform, place)
            if found is not None:
                return found
        alias = self.alias(site)
        if alias and row_of(alias) is not None:
            return alias, None, updated.func
        if self._fills(site, place):
            return "Initializer.__call__", updated.func, None
        return self._seen(place, updated.func) or self._built(site, place, updated.func)

    def _of_class(self, api: str) -> Found | None:
        """A layer's forward, called by its class with the layer given: ``nn.Embedding.forward(self, x)``."""
        kind, _, method = api.rpartition(".")
        held = value_of(row_of(kind), self.file) if method == "forward" and row_of(api) is None else ""
        return ("Layer.forward", cst.parse_expression(held), None) if held else None

    def _built(self, site: Site, place: Place | None, function: cst.BaseExpression) -> Found | None:
        """The call of a class of the packages' own that has no __init__, and takes what its base does."""
        called = {self.names.get(site, "")} if place is None else {c.replace(":", ".") for c in place.callees}
        apis = sorted({self._maker(name) or "" for name in called})
        if not any(apis):
            return None
        return (apis[0] if len(apis) == 1 else tuple(apis)), None, function

    def _maker(self, dotted: str) -> str | None:
        """Whose __init__ a class has: one of Paddle's layers', another's (""), or as far as is known none's (None)."""
        program = self.file.program
        found = program.origin(dotted, self.file.module)
        if self._is_api(found):
            row = row_of(found) if found != "paddle.nn.Layer" else None
            return found if row is not None and (row.value or row.torch or "").startswith("nn.") else ""
        module, _, name = program.split(found)
        node = (
            next((n for n in module.tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
            if module
            else None
        )
        if module is None or node is None:
            return None if found == "?object" else ""
        if any(isinstance(inner, ast.FunctionDef) and inner.name in ("__init__", "__new__") for inner in node.body):
            return ""
        for base in node.bases:
            maker = self._maker(module.names.get(module.sites.of(base), ""))
            if maker is not None:
                return maker
        return None

    def _fills(self, site: Site, place: Place | None) -> bool:
        """Whether one of Paddle's own initialisers is called on a parameter."""
        if place is None or not place.callees:
            return self.guess.called(site) == "Initializer"
        return all(c.startswith("Initializer:paddle.") and c != OWN_INITIALIZER for c in place.callees)

    def _method(self, original: cst.Call, updated: cst.Call, transform: Walk, place: Place | None) -> Found | None:
        function = original.func
        assert isinstance(function, cst.Attribute)
        assert isinstance(updated.func, cst.Attribute)
        name = function.attr.value
        base = self._base(place, name, transform.site(function))
        if base:
            return base, None, updated.func
        if _is_of_text(name, original, transform.place(function)):
            return None
        kind = self.receiver(transform.place(function), name, transform.site(function), called=True)
        if not kind:
            return None
        put = self.file.record.put.get(f"{kind}.{name}")
        if put and (place is None or not place.callees):
            raise Refusal(f"this never ran, and {put.replace(':', '.')} was put in its place")
        if self._is_ported(place) or (kind == "Layer" and row_of(f"Layer.{name}") is None):
            return None
        if kind == "Layer" and place is None and code(function.value) == "self":
            return f"Layer.{name}", updated.func.value, None
        if (
            kind == "Tensor"
            and place is not None
            and place.callees
            and not any(
                "Tensor" in c or "Parameter" in c or "LinearWeight" in c or c.startswith("paddle")
                for c in place.callees
            )
        ):
            return None
        row = row_of(f"{kind}.{name}")
        if kind == "Tensor" and row is not None and "(" not in row.paddle and not row.rule:
            raise Refusal("the table knows it as an attribute, and here it is called")
        return f"{kind}.{name}", updated.func.value, None

    def _base(self, place: Place | None, name: str, site: Site) -> str:
        """The API whose own __init__ a subclass calls: what was seen, or where it never ran its only base."""
        if name != "__init__":
            return ""
        if place is None:
            api = self.guess.base(site)
            return "Layer.__init__" if api == "paddle.nn.Layer" else api if self._is_api(api) and row_of(api) else ""
        if len(place.callees) != 1:
            return ""
        (callee,) = place.callees
        if not callee.startswith("Layer:paddle.") or not callee.endswith(".__init__"):
            return ""
        api = callee.removeprefix("Layer:").removesuffix(".__init__")
        return "Layer.__init__" if api == "paddle.nn.Layer" else api

    def _is_ported(self, place: Place | None) -> bool:
        """Whether what was called is a definition of the ported modules."""
        return place is not None and any(
            callee.partition(":")[0] in self.file.program.modules for callee in place.callees if ":" in callee
        )

    def _seen(self, place: Place | None, function: cst.BaseExpression) -> Found | None:
        """A callee in a variable: what was seen in it."""
        if place is None or not any(map(_is_paddle, place.callees)):
            return None
        apis = sorted({callee if _is_paddle(callee) else "" for callee in place.callees})
        return (apis[0] if len(apis) == 1 else tuple(apis)), None, function


LAYERS_ALONE = frozenset(
    ["add_sublayer", "sublayers", "named_sublayers", "add_parameter", "create_parameter", "set_state_dict", "set_dict"]
)
"""Methods that nothing but a layer has."""
ANY_LAYERS = frozenset({"_sub_layers", "_dtype", "_full_name"})
"""Private attributes that nn.Layer itself sets."""
OF_PARAMETERS = frozenset({"trainable"})
OWN_INITIALIZER = "Initializer:paddle.nn.initializer.Initializer"
"""What is called where a class of the user's derives from it."""


def _is_of_text(name: str, call: cst.Call, place: Place | None) -> bool:
    """Whether a method that never ran is one of text's: it is given text alone, or nothing, as no tensor's split is."""
    return place is None and name == "split" and all(is_text(arg.value) for arg in call.args)


def _is_paddle(name: str) -> bool:
    return (name == "paddle" or name.startswith("paddle.")) and ":" not in name
