"""Rules of tensors' functions: how many parts, which axes, tuples where Paddle gives lists."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.again import is_repeatable
from nlblocks.port.rewrite.argument import UNKNOWN, Argument, Refusal, code, expression, items_of, literal
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.extents import are_asked
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.rewrite.rules import _is_read_only, _text, rule


def _tensor(argument: Argument) -> str:
    """The text of a tensor: a linear layer's weight is [out, in] in torch."""
    return f"{_text(argument.node)}.t()" if argument.fits("linear weight") else _text(argument.node)


@rule
def meshgrid(call: Call, original: Any, transform: Walk) -> Written:
    """Paddle's grid is torch's with indexing="ij", which torch wants to be told."""
    for arg in call.node.args:
        if arg.keyword is not None and (code(arg.keyword) != "indexing" or code(arg.value).strip("\"'") != "ij"):
            raise Refusal(f"meshgrid with {code(arg).strip()}")
    parts = [arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in call.node.args if arg.keyword is None]
    inside = ", ".join(code(arg).strip() for arg in parts)
    grid = expression(f'{call.file.use("torch")}.meshgrid({inside}, indexing="ij")')
    return _as_list(Written(grid), original, transform)


def _as_list(written: Written, original: Any, transform: Walk) -> Written:
    """Paddle gives a list, torch a tuple, which does where it is only taken apart."""
    if not _is_read_only(original, transform):
        written.node = expression(f"list({code(written.node)})")
    return written


@rule
def parts(call: Call, original: Any, transform: Walk) -> Written:
    """A list of parts, or a tuple where it is only taken apart."""
    return _as_list(call.written(), original, transform)


@rule
def transpose(call: Call, original: Any, transform: Walk) -> Written:
    """A list of all axes is torch's permute; two axes, which Paddle takes too, are torch's transpose."""
    parts = [arg for arg in call.node.args if arg.keyword is None]
    named = {code(arg.keyword): arg.value for arg in call.node.args if arg.keyword is not None}
    x = call.receiver or named.get("x") or named.get("input") or (parts.pop(0).value if parts else None)
    first, second = (named.get(f"dim{n}") or named.get(f"axis{n}") for n in (0, 1))
    axes = [axis for axis in (first, second) if axis is not None] or [arg.value for arg in parts]
    if x is None or len(axes) != 2 or any(arg.star for arg in call.node.args):
        return call.written()
    return Written(expression(f"{_text(x)}.transpose({code(axes[0])}, {code(axes[1])})"))


@rule
def reversed_axes(call: Call, original: Any, transform: Walk) -> Written:
    """x.T has all axes turned round: literal ones where the rank is known, and x is not to be written twice."""
    place = transform.place(original)
    ranks = place.receiver.ranks if place is not None else set()
    assert call.receiver is not None
    if len(ranks) != 1 or is_repeatable(call.receiver):
        return call.written()
    axes = ", ".join(str(axis) for axis in reversed(range(*ranks)))
    return Written(expression(f"{_text(call.receiver)}.permute({axes})"))


@rule
def size(call: Call, original: Any, transform: Walk) -> Written:
    """x.size counts the items; called, it is torch's: the extents, or one of them."""
    if not isinstance(original, cst.Call):
        return call.written()
    assert call.receiver is not None
    plain = f"{_text(call.receiver)}.shape"
    if call.node.args:
        return Written(expression(f"{plain}[{code(call.node.args[0].value)}]"))
    return Written(expression(plain if _is_read_only(original, transform) else f"list({plain})"))


@rule
def where(call: Call, original: Any, transform: Walk) -> Written:
    """With a condition alone the places where it holds, as parts; else one tensor."""
    bound, _ = call._bound()
    return parts(call, original, transform) if "x" not in bound else call.written()


@rule
def along_axis(call: Call, original: Any, transform: Walk) -> Written:
    """Given an axis before the index, or by torch's word dim, Paddle's gather and scatter are torch's own."""
    parts = [arg for arg in call.node.args if arg.keyword is None]
    at = 0 if call.receiver is not None else 1
    seen = call.place.arguments.get(str(at)) if call.place is not None else None
    torchs = any(arg.keyword is not None and arg.keyword.value == "dim" for arg in call.node.args)
    if not torchs and not (len(parts) > at and Argument(parts[at].value, seen).fits("int")):
        return call.written()
    name = call.api.rpartition(".")[2]
    head = f"{_text(call.receiver)}.{name}" if call.receiver is not None else call.file.named(f"torch.{name}")
    return Written(call.node.with_changes(func=expression(head)))


@rule
def numel(call: Call, original: Any, transform: Walk) -> Written:
    """Paddle counts as a tensor, torch as a number, which does where it is reckoned with."""
    written = call.written()
    parent = transform.parent(original)
    while isinstance(parent, cst.GeneratorExp) or _is_called(parent, transform, "sum"):
        parent = transform.parent(parent if isinstance(parent, cst.GeneratorExp) else transform.parent(parent))
    plain = isinstance(
        parent, cst.BinaryOperation | cst.ComparisonTarget | cst.Comparison | cst.FormattedStringExpression
    ) or _is_called(parent, transform, "int", "float", "range", "print")
    if not plain:
        written.node = expression(f"{call.file.use('torch')}.tensor({code(written.node)})")
    return written


def _is_called(argument: Any, transform: Walk, *names: str) -> bool:
    """Whether something is an argument of a function of one of these names."""
    function = transform.parent(argument) if isinstance(argument, cst.Arg) else None
    return isinstance(function, cst.Call) and code(function.func) in names


@rule
def split(call: Call, original: Any, transform: Walk) -> Written:
    """A number of equal parts is torch's chunk; of sizes one may be -1: written out, or found by a helper."""
    bound, _ = call._bound()
    sizes, x = bound["num_or_sections"], bound["x"]
    axis = bound.get("axis", Argument(expression("0")))
    elements = items_of(sizes.node)
    texts = [code(element.value) for element in elements]
    once = is_repeatable(x.node) and all(map(is_repeatable, elements))
    if "-1" in texts and once:
        others = "".join(f" - {_text(e.value)}" for e, text in zip(elements, texts, strict=True) if text != "-1")
        rest = f"{_tensor(x)}.shape[{axis.text}]{others}"
        whole = expression(f"[{', '.join(rest if text == '-1' else text for text in texts)}]")
        args = [arg.with_changes(value=whole) if arg.value is sizes.node else arg for arg in call.node.args]
        call.node = call.node.with_changes(args=args)
    elif "-1" in texts or not (elements or sizes.fits("int") or _without(sizes, -1)):
        text = f"{call.file.helper('split')}({_tensor(x)}, {sizes.text}, {axis.text})"
        return _as_list(Written(expression(text)), original, transform)
    return _as_list(call.written(), original, transform)


def _without(argument: Argument, item: int) -> bool:
    """Whether all that an argument was are lists without an item."""
    values = argument.values
    return values is not None and all(isinstance(v, list | tuple) and item not in v for v in values)


@rule
def unsqueeze(call: Call, original: Any, transform: Walk) -> Written:
    """Axes in a list are added one after another, in the list's order."""
    bound, _ = call._bound()
    x, axis = bound["x"], bound["axis"]
    if items_of(axis.node):
        chain = "".join(f".unsqueeze({code(element.value)})" for element in items_of(axis.node))
        return Written(expression(f"{_tensor(x)}{chain}"))
    if axis.value is UNKNOWN and not axis.fits("int"):
        return Written(expression(f"{call.file.helper('unsqueeze')}({_tensor(x)}, {axis.text})"))
    return call.written()


@rule
def slice_(call: Call, original: Any, transform: Walk) -> Written:
    """A slice along given axes is an index, where the axes are literal; else a helper's."""
    bound, _ = call._bound()
    x = next(iter(bound.values()))
    axes = bound["axes"].value
    given = [bound[name] for name in ("starts", "ends", "strides") if name in bound]
    lists = [items for a in given if (items := items_of(a.node))]
    literal = isinstance(axes, list | tuple) and all(isinstance(axis, int) and axis >= 0 for axis in axes)
    if not literal or len(lists) < len(given) or any(len(items) != len(axes) for items in lists):
        inside = ", ".join([_tensor(x), *(argument.text for argument in [bound["axes"], *given])])
        return Written(expression(f"{call.file.helper('sliced')}({inside})"))
    index = [":"] * (max(axes) + 1)
    for axis, *limits in zip(axes, *lists, strict=True):
        index[axis] = ":".join(code(limit.value) for limit in limits)
    return Written(expression(f"{_tensor(x)}[{', '.join(index)}]"))


@rule
def pad(call: Call, original: Any, transform: Walk) -> Written:
    """Paddle counts the axes from the first where every one is padded with a constant, else from the last, as torch."""
    bound, _ = call._bound()
    x, sizes = bound["x"], bound["pad"]
    mode = bound["mode"].value if "mode" in bound else "constant"
    left = bound["pad_from_left_axis"].value if "pad_from_left_axis" in bound else True
    if mode not in ("constant", UNKNOWN) or left is False:
        return call.written()
    elements = items_of(sizes.node)
    lengths = {len(elements)} if elements else {len(v) for v in sizes.values or [] if isinstance(v, list | tuple)}
    ranks = set(x.seen.ranks) if x.seen is not None else set()
    some = bool(lengths and ranks) and not any(2 * rank in lengths for rank in ranks)
    if sizes.fits("tensor") or (some and "data_format" in bound and bound["data_format"].fits(CHANNELS_LAST)):
        return _some_axes(call, sizes, bound.get("data_format"))
    if some:
        return call.written()
    if elements and ranks == {len(elements) // 2}:
        texts = [code(element.value) for element in elements]
        texts = [text for first in range(len(texts) - 2, -1, -2) for text in texts[first : first + 2]]
        whole = expression(f"[{', '.join(texts)}]")
        args = [arg.with_changes(value=whole) if arg.value is sizes.node else arg for arg in call.node.args]
        call.node = call.node.with_changes(args=args)
        return call.written()
    call.written()  # every argument has its fate
    value = f", {bound['value'].text}" if "value" in bound else ""
    if mode is UNKNOWN:
        raise Refusal("the mode and the rank of what is padded are not known")
    return Written(expression(f"{call.file.helper('pad')}({_tensor(x)}, {sizes.text}{value})"))


CHANNELS_LAST = ("NLC", "NHWC", "NDHWC")


def _some_axes(call: Call, sizes: Argument, data_format: Argument | None) -> Written:
    """Padding that leaves out batch and channels: torch takes numbers, and counts channels that come last."""
    texts = [code(element.value) for element in items_of(sizes.node) or ()]
    listed = f"{_text(sizes.node)}.tolist()" if sizes.fits("tensor") else _text(sizes.node)
    if data_format is not None and data_format.fits(CHANNELS_LAST):
        listed = f"[{', '.join(['0', '0', *(texts or [f'*{listed}'])])}]"
        kept = [arg for arg in call.node.args if arg.value is not data_format.node]
        call.node = call.node.with_changes(args=kept)
    args = [a.with_changes(value=expression(listed)) if a.value is sizes.node else a for a in call.node.args]
    call.node = call.node.with_changes(args=args)
    return call.written()


@rule
def default_dtype(call: Call, original: Any, transform: Walk) -> Written:
    """Paddle's default dtype is its name: where it is compared with others, torch's is named."""
    written = call.written()
    parent = transform.parent(original)
    if isinstance(parent, cst.Arg):
        function = transform.parent(parent)
        named = isinstance(function, cst.Call) and are_asked(parent, function, transform, transform.file)
    elif isinstance(parent, cst.Assign):
        compared = (node for node in ast.walk(transform.file.module.tree) if isinstance(node, ast.Compare))
        sides = {ast.unparse(side) for node in compared for side in (node.left, *node.comparators)}
        named = any(code(target.target) in sides for target in parent.targets)
    else:
        named = isinstance(parent, cst.Comparison | cst.ComparisonTarget | cst.FormattedStringExpression)
    if named:
        written.node = expression(f'str({code(written.node)}).removeprefix("torch.")')
    return written


@rule
def set_value(call: Call, original: Any, transform: Walk) -> Written:
    """Values written into a tensor; a multiple of its own is torch's mul_."""
    bound, _ = call._bound()
    value, receiver = bound["value"].node, call.receiver
    if receiver is None or not isinstance(value, cst.BinaryOperation) or not isinstance(value.operator, cst.Multiply):
        return call.written()
    if code(value.left) != code(receiver):
        return call.written()
    own = code(original.func.value) if _is_number(value.right, original, transform) else _text(receiver)
    return Written(expression(f"{own}.data.mul_({code(value.right)})"))


def _is_number(node: cst.BaseExpression, original: Any, transform: Walk) -> bool:
    """Whether an expression is a number: a literal, or a parameter whose default is one."""
    if isinstance(literal(node), int | float):
        return True
    function = original
    while not isinstance(function, cst.FunctionDef | cst.Module):
        function = transform.parent(function)
    if isinstance(function, cst.Module):
        return False
    parameters = [*function.params.params, *function.params.kwonly_params]
    defaults = {code(p.name): literal(p.default) for p in parameters if p.default is not None}
    return isinstance(defaults.get(code(node)), int | float)
