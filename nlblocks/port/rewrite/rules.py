"""What a template cannot say: one function a rule, named in the table's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import STARTLESS, UNKNOWN, Argument, Refusal, code, expression, item_text
from nlblocks.port.rewrite.around import LOOSE
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.extents import are_asked, are_reckoned_with
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.rewrite.layout import commas, keyword
from nlblocks.port.rewrite.starts import applied, is_start, is_zero, plainly

Rule = Callable[[Call, Any, Walk], Written]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@rule
def start(call: Call, original: Any, transform: Walk) -> Written:
    """An initialiser: a function of the parameter, torch's with its settings."""
    written = call.written()
    call.file.use("partial")
    node = written.node
    assert isinstance(node, cst.Call)
    if code(node.func) == "partial":
        return written
    filled = transform.parent(original)
    if any(arg.star == "*" for arg in node.args) and not (isinstance(filled, cst.Call) and filled.func is original):
        raise Refusal("arguments passed on by *, and the parameter not yet known, which comes before them")
    if not node.args:
        return Written(node.func, written.checks, dropped=written.dropped)
    first = cst.Arg(node.func, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
    written.node = node.with_changes(func=cst.Name("partial"), args=[first, *node.args])
    return written


@rule
def fill(call: Call, original: Any, transform: Walk) -> Written:
    """A parameter that an initialiser fills: torch's function itself where it stands in the call.

    Of a linear weight only given values stand otherwise in torch: a distribution does not care, and takes its fans from
    [out, in] as Paddle's does from [in, out].
    """
    bound, _ = call._bound()
    values = call.place is not None and any("Assign" in callee for callee in call.place.callees)
    parameter = f"{bound['param'].text}.t()" if values and bound["param"].fits("linear weight") else bound["param"].text
    written = call.written()
    if call.receiver is not None:
        text, *_ = applied(call.receiver, parameter)
        written.node = expression(text)
    return written


@rule
def param_attr(call: Call, original: Any, transform: Walk) -> Written:
    """A ParamAttr is its initialiser, a function of the parameter, or None."""
    bound, rest = call._bound()
    if rest:
        raise Refusal("arguments passed on by a star")
    written = Written(cst.Name("None"))
    trainable = bound.pop("trainable", None)
    for name, argument in bound.items():
        fate = call.row.fate(name)
        if name != "initializer" and fate is not None:
            call._apply(name, argument, fate, written, call._target("None"))
    given = bound.get("initializer")
    if given is not None:
        written.node = given.node
    if trainable is None or trainable.value is True:
        return written
    fill = code(written.node)
    told = "" if trainable.value is False else f"trainable={code(plainly(trainable.node))}"
    fixed = call.file.helper("fixed")
    written.node = expression(f"{fixed}({', '.join(text for text in (fill if fill != 'None' else '', told) if text)})")
    return written


@rule
def tensor_shape(call: Call, original: Any, transform: Walk) -> Written:
    """x.shape, a tuple in torch: a list where it is changed, joined to a list, or compared with one."""
    assert call.receiver is not None
    plain = expression(f"{_text(call.receiver)}.shape")
    if _is_read_only(original, transform):
        return Written(plain)
    return Written(expression(f"list({code(plain)})"))


def _text(node: Any) -> str:
    return f"({code(node)})" if isinstance(node, LOOSE) and not node.lpar else code(node)


def _is_read_only(original: Any, transform: Walk) -> bool:
    """Whether a tuple does as well as a list in the place of an expression."""
    parent = transform.parent(original)
    if isinstance(parent, cst.Subscript) and parent.value is original:
        whole = any(isinstance(e.slice, cst.Slice) for e in parent.slice)
        holder = transform.parent(parent)
        changed = isinstance(holder, cst.AssignTarget | cst.Del) or getattr(holder, "target", None) is parent
        return _is_read_only(parent, transform) if whole else not changed
    if isinstance(parent, cst.Assign):
        return all(
            isinstance(t.target, cst.Tuple | cst.List) or _is_only_read(t.target, transform) for t in parent.targets
        )
    if isinstance(parent, cst.Arg):
        function = transform.parent(parent)
        return not isinstance(function, cst.Call) or not _asks(parent, function, transform)
    if isinstance(parent, cst.ComparisonTarget | cst.Comparison):
        compared: Any = parent if isinstance(parent, cst.Comparison) else transform.parent(parent)
        sides = [compared.left, *(c.comparator for c in compared.comparisons)]
        return all(code(side).endswith(".shape") or code(side).rpartition("[")[0].endswith(".shape") for side in sides)
    return isinstance(parent, cst.StarredElement | cst.CompFor | cst.For | cst.FormattedStringExpression)


def _asks(arg: cst.Arg, call: cst.Call, transform: Walk) -> bool:
    """Whether a call may ask what kind of sequence it is given, or keeps it."""
    if code(call.func) == "isinstance" or (isinstance(call.func, cst.Attribute) and call.func.attr.value in KEEPING):
        return True
    return are_asked(arg, call, transform, transform.file)


KEEPING = frozenset({"append", "insert", "setdefault"})
"""Methods that put what they are given where others find it."""


def _is_only_read(target: cst.BaseExpression, transform: Walk) -> bool:
    """Whether a tuple does as well as a list in a local name, wherever its function reads it."""
    scope: Any = target
    while not isinstance(scope, cst.FunctionDef | cst.Module):
        scope = transform.parent(scope)
    if not isinstance(target, cst.Name) or isinstance(scope, cst.Module):
        return False
    for use in matchers.findall(scope, matchers.Name(target.value)):
        parent = transform.parent(use)
        names_another = (isinstance(parent, cst.Attribute) and parent.attr is use) or getattr(
            parent, "keyword", 0
        ) is use
        if names_another or isinstance(parent, cst.AssignTarget):
            continue
        if not isinstance(parent, cst.Subscript) or parent.value is not use or not _is_read_only(use, transform):
            return False  # also where it goes elsewhere: who knows what is done there
    return True


@rule
def create_parameter(call: Call, original: Any, transform: Walk) -> Written:
    """A parameter of a given shape: zeros for a bias, else what the initialiser or Paddle's own start makes of it."""
    written = call.written()
    written.starts = {}
    bound, _ = call._bound()
    attr, default = (bound.get(name) for name in ("attr", "default_initializer"))
    fill = attr.node if attr is not None and is_start(attr.node) else None
    if fill is None and default is not None and default.value is not None:
        fill = default.node
    loose = attr if attr is not None and _is_loose(attr) else None
    if loose is None and fill is not None and is_zero(fill, call.file):
        return written
    bias = bound["is_bias"].value if "is_bias" in bound else False
    if bias is UNKNOWN:
        raise Refusal("is_bias is not literal")
    if fill is None and bias and loose is None:
        return written
    if fill is None:
        given = bound["shape"].node
        several = isinstance(given, cst.List | cst.Tuple) and len(given.elements) > 1
        start = "nn.init.zeros_" if bias else "nn.init.xavier_uniform_" if several else "xavier_uniform"
        fill = expression(call.file.named(start))
    if loose is not None:  # what it holds comes before
        fill = expression(f"{_text(loose.node)} or {code(fill)}")
    written.starts = {"": fill}
    return written


def _is_loose(attr: Argument) -> bool:
    """Whether a ParamAttr in a variable may hold an initialiser: of what only says whether there is one, no."""
    return attr.value is UNKNOWN and not is_start(attr.node) and not (attr.kinds and attr.kinds <= STARTLESS)


@rule
def applied_function(call: Call, original: Any, transform: Walk) -> Written:
    """A function with a gradient of its own: torch gives none to tensors that stand in a list."""
    seen = call.place.arguments.values() if call.place is not None else ()
    if any("[" in kind and "Tensor" in kind for one in seen for kind in one.kinds):
        raise Refusal("a list of tensors is given, whose items torch gives no gradient")
    return call.written()


@rule
def reshape(call: Call, original: Any, transform: Walk) -> Written:
    """An extent of 0 copies the input's: literal ones are written out, a list that held one is looked through."""
    bound, _ = call._bound()
    shape = bound["shape"]
    receiver = call.receiver if call.receiver is not None else bound["x"].node
    if call.api.endswith("_"):
        _only_assigned_back(receiver, original, transform)
    if isinstance(shape.node, cst.List | cst.Tuple):
        elements = shape.node.elements
        zeros = [index for index, element in enumerate(elements) if code(element.value) == "0"]
        unpacked = [index for index, element in enumerate(elements) if isinstance(element, cst.StarredElement)]
        if zeros and (matchers.findall(receiver, matchers.Call()) or any(index < zeros[-1] for index in unpacked)):
            return _reshaped_once(call, receiver, shape.node, _ranks(call, original, transform), zeros)
        if zeros:
            texts = list(map(item_text, elements))
            for index in zeros:
                texts[index] = f"{_text(receiver)}.shape[{index}]"
            call.node = call.node.with_changes(
                args=[a.with_changes(value=expression(f"[{', '.join(texts)}]")) if a.value is shape.node else a
                      for a in call.node.args]
            )  # fmt: skip
    elif shape.values is not None and any(isinstance(v, list | tuple) and 0 in v for v in shape.values):
        return Written(expression(f"{call.file.helper('reshape')}({code(receiver)}, {shape.text})"))
    return call.written()


def _reshaped_once(call: Call, receiver: Any, shape: Any, ranks: set[int], zeros: list[int]) -> Written:
    """A receiver that is written once, for a call in it may draw numbers or change buffers."""
    extents = [code(element.value) for element in shape.elements]
    if extents == [*("0" for _ in zeros), "-1"] and ranks and min(ranks) > len(zeros):
        return Written(expression(f"{_text(receiver)}.flatten({len(zeros)})"))
    leading = zeros == [*range(len(zeros))] and not any("*" in extent[:1] for extent in map(item_text, shape.elements))
    if leading and ranks == {len(zeros) + 1} and len(extents) > len(zeros) + 1:
        return Written(expression(f"{_text(receiver)}.unflatten({len(zeros)}, ({', '.join(extents[len(zeros) :])}))"))
    return Written(expression(f"{call.file.helper('reshape')}({code(receiver)}, {code(shape)})"))


def _ranks(call: Call, original: Any, transform: Walk) -> set[int]:
    """The ranks that what is reshaped had."""
    if call.receiver is None:
        seen = call._bound()[0]["x"].seen
        return seen.ranks if seen is not None else set()
    place = transform.place(original.func)
    return place.receiver.ranks if place is not None else set()


def _only_assigned_back(receiver: cst.BaseExpression, original: Any, transform: Walk) -> None:
    """Torch reshapes no tensor in place: a new one does where its name is given to it. Raises Refusal elsewhere."""
    parent = transform.parent(original)
    back = isinstance(parent, cst.Assign) and [code(t.target) for t in parent.targets] == [code(receiver)]
    if isinstance(receiver, cst.Name | cst.Attribute | cst.Subscript) and not back:
        raise Refusal(f"{code(receiver)} itself is reshaped, which torch does not do to a tensor")


@rule
def pool(call: Call, original: Any, transform: Walk) -> Written:
    """With ceil_mode torch leaves out a window that begins behind the input: never where padding + stride <= kernel."""
    bound, _ = call._bound()
    ceil = bound.get("ceil_mode")
    by_name = "padding" in bound and bound["padding"].fits("any text")
    if ceil is not None and ceil.value is not False and not by_name:
        sizes = {name: bound[name].values if name in bound else None for name in ("kernel_size", "stride", "padding")}
        kernels = sizes["kernel_size"]
        strides = sizes["stride"] or (kernels if "stride" not in bound else None)
        paddings = sizes["padding"] or ([0] if "padding" not in bound else None)
        if kernels is None or strides is None or paddings is None:
            raise Refusal("ceil_mode, and whether its last window begins inside the input is not known")
        largest = max(map(_largest, paddings)) + max(_largest(k if s is None else s) for s in strides for k in kernels)
        if largest > min(map(_smallest, kernels)) and ceil.values != [False]:
            raise Refusal("ceil_mode: torch leaves out a last window that begins behind the input")
    return call.written()


def _largest(value: Any) -> int:
    return max(value) if isinstance(value, list | tuple) else value


def _smallest(value: Any) -> int:
    return min(value) if isinstance(value, list | tuple) else value


@rule
def affine(call: Call, original: Any, transform: Walk) -> Written:
    """InstanceNorm has a scale and a bias in Paddle unless told otherwise, and none in torch."""
    written = call.written()
    if isinstance(written.node, cst.Call) and call._variant(call._bound()[0]) is None and call.adds_defaults:
        args = [*written.node.args, keyword(None, "affine", cst.Name("True"))]
        written.node = written.node.with_changes(args=commas(args, written.node.args))
    return written


@rule
def shape_tensor(call: Call, original: Any, transform: Walk) -> Written:
    """paddle.shape(x) is a tensor of extents: numbers where they are taken one by one or as sizes, else a tensor."""
    bound, _ = call._bound()
    plain = f"{_text(bound['input'].node)}.shape"
    parent = transform.parent(original)
    if isinstance(parent, cst.Arg):
        function = transform.parent(parent)
        if isinstance(function, cst.Call) and are_reckoned_with(parent, function, transform, call.file):
            return Written(expression(f"{call.file.use('torch')}.tensor({plain})"))
    return Written(expression(plain))


@rule
def truth(call: Call, original: Any, transform: Walk) -> Written:
    """A truth value for an object or None: where nothing else is asked of it."""
    node, parent = original, transform.parent(original)
    while isinstance(parent, cst.BooleanOperation | cst.UnaryOperation):
        node, parent = parent, transform.parent(parent)
    asked = isinstance(parent, cst.If | cst.While | cst.IfExp | cst.Assert) and parent.test is node
    if not asked and not isinstance(node, cst.UnaryOperation):
        raise Refusal("torch has its truth alone, and here the object is used")
    return call.written()
