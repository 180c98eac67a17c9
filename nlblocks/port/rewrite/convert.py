"""How the value of an argument is written in torch: one function a converter, named in the table's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import UNKNOWN, Argument, Refusal, expression, item_text, items_of, literal
from nlblocks.port.rewrite.file import File
from nlblocks.port.table import FUNCTIONS

Converter = Callable[[Argument, File], cst.BaseExpression]
CONVERTERS: dict[str, Converter] = {}

DTYPES = {
    "float16": "float16", "bfloat16": "bfloat16", "float32": "float32", "float64": "float64", "int8": "int8",
    "int16": "int16", "int32": "int32", "int64": "int64", "uint8": "uint8", "byte": "int8", "bool": "bool",
    "complex64": "complex64", "complex128": "complex128", "int": "int64", "long": "int64", "half": "float16",
    "float": "float64", "double": "float64", "uint16": "bfloat16",
}  # fmt: skip


def converter(function: Converter) -> Converter:
    CONVERTERS[function.__name__] = function
    return function


@converter
def dtype(argument: Argument, file: File) -> cst.BaseExpression:
    """A dtype by name: torch.float32 for "float32"."""
    value = argument.value
    if isinstance(value, str):
        if value.removeprefix("paddle.") not in DTYPES:
            raise Refusal(f"torch has no dtype {value!r}")
        return expression(f"{file.use('torch')}.{DTYPES[value.removeprefix('paddle.')]}")
    if value is None or argument.text.startswith(f"{file.use('torch')}."):
        return argument.node
    if argument.kinds and "str" not in argument.kinds:
        return argument.node
    if not argument.kinds and argument.text.endswith(".dtype") and argument.text != "self.dtype":
        return argument.node  # a tensor's, which torch refuses where it is an array's
    return expression(f"{file.helper('torch_dtype')}({argument.text})")


@converter
def one_minus(argument: Argument, file: File) -> cst.BaseExpression:
    """The complement: Paddle's momentum weighs the old statistics, torch's the new."""
    value = argument.value
    if isinstance(value, int | float):
        return expression(repr(round(1 - value, 12)))
    return expression(f"1 - {_operand(argument)}")


@converter
def correction(argument: Argument, file: File) -> cst.BaseExpression:
    """The degrees of freedom that "unbiased" takes off."""
    value = argument.value
    if value is UNKNOWN:
        return expression(f"int({argument.text})")
    return expression("0" if value is False else "1")


@converter
def approximate(argument: Argument, file: File) -> cst.BaseExpression:
    """Which GELU: torch names it."""
    value = argument.value
    if value is UNKNOWN:
        return expression(f'"tanh" if {argument.text} else "none"')
    return expression('"tanh"' if value else '"none"')


@converter
def detached(argument: Argument, file: File) -> cst.BaseExpression:
    """A tensor that Paddle gives no gradient."""
    return argument.node if argument.text.endswith(".detach()") else expression(f"{_operand(argument)}.detach()")


@converter
def real(argument: Argument, file: File) -> cst.BaseExpression:
    """A whole number as one with a point, where torch takes the dtype from it."""
    value = argument.value
    return expression(f"float({argument.text})" if value is UNKNOWN else repr(float(value)))


@converter
def as_tensor(argument: Argument, file: File) -> cst.BaseExpression:
    """A tensor, of what may be an array or a list."""
    if argument.fits("tensor"):
        return argument.node
    return expression(f"{file.use('torch')}.as_tensor({argument.text})")


@converter
def tensor(argument: Argument, file: File) -> cst.BaseExpression:
    """A tensor of a list, where torch takes no list."""
    return expression(f"{file.use('torch')}.tensor({argument.text})")


def _operand(argument: Argument) -> str:
    node = argument.node
    plain = isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.Integer | cst.Float) or node.lpar
    return argument.text if plain else f"({argument.text})"


@converter
def items(argument: Argument, file: File) -> cst.BaseExpression:
    """A tuple for a list: where torch takes a tuple alone."""
    node = argument.node
    if isinstance(node, cst.List):
        return _tuple(node)
    return node


def _tuple(node: cst.List) -> cst.BaseExpression:
    inside = ", ".join(item_text(item) for item in node.elements)
    return expression(f"({inside},)" if len(node.elements) == 1 else f"({inside})")


@converter
def pair(argument: Argument, file: File) -> cst.BaseExpression:
    """A number, or a list of numbers as a tuple; a list of one number is that number."""
    node = argument.node
    if len(items_of(node)) == 1:
        return items_of(node)[0].value
    return items(argument, file)


@converter
def padding(argument: Argument, file: File) -> cst.BaseExpression:
    """The padding of a convolution or pooling: numbers; text is a variant's. Twice as many numbers are pairs of equals.

    [a, a, b, b] is (a, b). Unequal sides are refused: a variant of the row may have them.
    """
    value = argument.value
    if value is not UNKNOWN and isinstance(value, list | tuple):
        if value and all(isinstance(v, list | tuple) for v in value):
            if any(v[0] != v[1] for v in value):
                raise Refusal(f"padding {value} differs between two sides")
            inner = [v[0] for v in value][-max(len(value) - 2, 1) :]
            return expression(repr(tuple(inner)))
        if len(value) in (4, 6):
            pairs = list(zip(value[::2], value[1::2], strict=True))
            if any(a != b for a, b in pairs):
                raise Refusal(f"padding {value} differs between two sides")
            return expression(repr(tuple(a for a, _ in pairs)))
    return pair(argument, file)


@converter
def axes(argument: Argument, file: File) -> cst.BaseExpression:
    """An axis or axes: a list of one is that one."""
    return pair(argument, file)


@converter
def several(argument: Argument, file: File) -> cst.BaseExpression:
    """Axes: one alone as a tuple of one."""
    if argument.fits("int"):
        return expression(f"({argument.text},)")
    return items(argument, file)


@converter
def shape(argument: Argument, file: File) -> cst.BaseExpression:
    """Extents: a literal list as a tuple."""
    return items(argument, file)


@converter
def number(argument: Argument, file: File) -> cst.BaseExpression:
    """The value itself."""
    return argument.node


@converter
def negated(argument: Argument, file: File) -> cst.BaseExpression:
    """The opposite truth value."""
    value = argument.value
    return expression(repr(not value)) if isinstance(value, bool) else expression(f"not {_operand(argument)}")


@converter
def listed(argument: Argument, file: File) -> cst.BaseExpression:
    """Extents, where torch takes no number alone."""
    if isinstance(argument.value, int) or argument.fits("int"):
        return expression(f"({argument.text},)")
    return items(argument, file)


def same_literal(node: cst.CSTNode, text: str) -> bool:
    """Whether an expression is the literal of a text, such as a signature's default."""
    value: Any = literal(node)
    if value is UNKNOWN:
        return cst.Module([]).code_for_node(node).strip() == text
    other = literal(expression(text))
    numbers = isinstance(value, int | float) and isinstance(other, int | float)
    alike = type(other) is type(value) or (numbers and bool not in (type(value), type(other)))
    return other is not UNKNOWN and alike and other == value


@converter
def activation(argument: Argument, file: File) -> cst.BaseExpression:
    """The name of an activation; what a package put into Paddle under such a name is given itself."""
    put = {name: file.record.put.get(f"{FUNCTIONS}.{name}", "") for name in argument.values or ()}
    known = {
        name: file.bring(*where.split(":")) for name, where in put.items() if where.partition(":")[2].isidentifier()
    }
    if not known:
        return argument.node
    if argument.value is not UNKNOWN:
        return expression(known[argument.value])
    texts = ", ".join(f"{name!r}: {own}" for name, own in known.items())
    return expression(f"{{{texts}}}.get({argument.text}, {argument.text})")


@converter
def lower(argument: Argument, file: File) -> cst.BaseExpression:
    """A word in small letters."""
    return expression(repr(argument.value.lower()))


@converter
def bidirectional(argument: Argument, file: File) -> cst.BaseExpression:
    """Whether a recurrent layer runs both ways."""
    value = argument.value
    if value is UNKNOWN:
        return expression(f'{_operand(argument)} != "forward"')
    return expression(repr(value in ("bidirect", "bidirectional")))
