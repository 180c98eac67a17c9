"""One call of a Paddle API as torch: arguments bound to the row's signature, each by its fate, and written out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import libcst as cst

from nlblocks.port.observe import Place
from nlblocks.port.rewrite.again import bound, is_used_up, named_once
from nlblocks.port.rewrite.argument import STARTLESS, UNKNOWN, Argument, Refusal, code, expression, item_text, literal
from nlblocks.port.rewrite.convert import CONVERTERS, same_literal
from nlblocks.port.rewrite.file import IMPORTS, File
from nlblocks.port.rewrite.layout import commas, keyword, quoted, spliced
from nlblocks.port.rewrite.passed_on import by_keyword, check_places, settings, with_default
from nlblocks.port.rewrite.spelling import in_own_words
from nlblocks.port.rewrite.starts import atom, is_start, is_there, outcomes, turned
from nlblocks.port.table.helpers import HELPERS
from nlblocks.port.table.row import (
    PLACEHOLDER,
    REQUIRED,
    Attr,
    Dropped,
    Fate,
    Only,
    Refused,
    Row,
    Signature,
    Target,
    To,
    Variant,
)

POSITIONAL = frozenset({"input", "tensors", "tensor", "other", "condition", "data"})
"""Torch parameters that nobody writes by keyword where they come first."""


FEW = 3
"""Of more values than these, such as the layouts of all ranks, a check lets through those that were seen."""


@dataclass
class Written:
    """What a call becomes: the expression, checks to make before, the starts of parameters and those to take away.

    ``after`` are statements that follow the one it stands in.
    """

    node: cst.BaseExpression
    checks: list[str] = field(default_factory=list)
    starts: dict[str, cst.BaseExpression] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass
class Call:
    """A call of ``row``'s API named ``api``. ``receiver`` is what a method is called on.

    ``function`` is kept as the called expression where it is given: a class in a variable, a subclass's super().
    """

    row: Row
    api: str
    node: cst.Call
    file: File
    place: Place | None
    receiver: cst.BaseExpression | None = None
    function: cst.BaseExpression | None = None

    def __post_init__(self) -> None:
        """Put the call in Paddle's own words."""
        self.node, self.place = in_own_words(self.row, self._by_place, self.node, self.place)

    def written(self) -> Written:
        """Raises Refusal."""
        if self.row.torch is None and not self.row.variants:
            raise Refusal(self.row.notes)
        bound, rest = self._bound()
        variant = self._variant(bound)
        text = variant.torch if variant else self.row.torch
        if text is None:
            raise Refusal((variant.why if variant else "") or self.row.notes or "torch has nothing that does the same")
        target = self._target(text)
        found = Written(self.node)
        rest = [other for arg in rest if (other := self._passed_on(arg, bound, variant, found)) is not None]
        outputs: list[tuple[str, Argument]] = []
        for name, default in self.row.signature.parameters.items():
            if name not in bound and (default == REQUIRED or name == self._receiver_name):
                continue
            argument = bound.get(name) or Argument(expression(default), given=False)
            fate = self.row.fate(name, variant)
            asked = any("linear weight" in str(other.when.get(name)) for other in self.row.variants)
            if not asked and argument.fits("linear weight") and self.row.rule not in ("start", "fill"):
                argument = replace(argument, node=expression(f"{argument.text}.t()"))  # torch's is [out, in]
            outputs += self._apply(name, argument, fate, found, target)
        found.node = self._call(target, outputs, rest) if target.signature else self._expression(target, outputs, rest)
        return found

    @property
    def adds_defaults(self) -> bool:
        """Whether defaults of Paddle's are written: not where arguments were given beforehand, with those defaults."""
        told = self.place.beforehand if self.place is not None else set()
        if len(told) == 2:
            raise Refusal("arguments were given beforehand to some of what is called here, and not to all")
        return told != {True}

    @property
    def _receiver_name(self) -> str:
        """The parameter that the receiver of a method is; "" where the row is a method's itself."""
        is_method = self.api.startswith("Tensor.") and not self.row.paddle.startswith("Tensor.")
        return next(iter(self.row.signature.parameters), "") if is_method else ""

    @property
    def _by_place(self) -> list[str]:
        """The parameters that a call may give by position."""
        signature = self.row.signature
        return [n for n in signature.parameters if n not in signature.keyword_only and n != self._receiver_name]

    def _bound(self) -> tuple[dict[str, Argument], list[cst.Arg]]:
        """The arguments by parameter, and those that the signature takes with a star."""
        signature, names = self.row.signature, self._by_place
        bound: dict[str, Argument] = {}
        rest: list[cst.Arg] = []
        seen = self.place.arguments if self.place is not None else {}
        for index, arg in enumerate(self.node.args):
            if arg.keyword is not None:
                key = name = arg.keyword.value
                if name not in signature.parameters:
                    raise Refusal(f"the table does not know the argument {name!r}")
            elif arg.star:
                rest.append(arg)
                continue
            elif index < len(names):
                key, name = str(index), names[index]
            elif signature.variadic:
                rest.append(arg)
                continue
            else:
                raise Refusal(f"more arguments than the table knows: {index + 1}")
            bound[name] = Argument(arg.value, seen.get(key), original=arg)
            label = name == "name" and isinstance(self.row.fate(name), Dropped)
            if label and not any(bound[name].fits(kind) for kind in ("text", "none", "bool")):
                raise Refusal(f"{bound[name].text} is no name: the table does not know the call in this form")
        if self._receiver_name and self.receiver is not None:
            bound[self._receiver_name] = Argument(self.receiver)
        return bound, rest

    def _passed_on(
        self, arg: cst.Arg, bound: Mapping[str, Argument], variant: Variant | None, found: Written
    ) -> cst.Arg | None:
        """An argument with a star in torch's words; None where it is to hold nothing."""
        if not arg.star or (arg.star == "*" and self.row.signature.variadic):
            return arg
        index = next(index for index, other in enumerate(self.node.args) if other is arg)
        names = [name for name in self.row.signature.parameters if name != self._receiver_name]
        fates = {name: self.row.fate(name, variant) for name in self.row.signature.parameters}
        torch = Target((variant.torch if variant else self.row.torch) or "").signature
        fills = self.row.rule == "start"  # a function of the parameter, which is torch's first
        if torch is None or (self.place is None and arg.star == "*" and not fills):
            raise Refusal(f"arguments passed on by {arg.star}")
        seen = set(self.place.arguments) if self.place is not None else set()
        if arg.star == "*":
            count = sum(name.isdigit() for name in seen)
            there = dict(list(torch.parameters.items())[len(fates) - len(names) + index + fills :])
            check_places(names[index:count], fates, list(there))
            given = {name: self.row.signature.parameters[name] for name in names[index:]}
            return settings(arg, given, fates, there, self.file, found.checks) if fills else arg
        others = {name: text for name, text in self.row.signature.parameters.items() if name not in bound}
        return by_keyword(arg, others, fates, self.row, seen, self.file)

    def _variant(self, bound: dict[str, Argument]) -> Variant | None:
        defaults = self.row.signature.parameters
        starred = any(arg.star == "**" for arg in self.node.args)

        def argument(name: str) -> Argument:
            if name == "ndim":
                return Argument(
                    expression(repr(sorted(self.place.ranks)[0]))
                    if self.place and self.place.ranks
                    else expression("ndim")
                )
            if name not in bound and starred and self.place is not None and name in self.place.arguments:
                found = Argument(expression(name), self.place.arguments[name])
                default = literal(expression(defaults[name].replace(REQUIRED, "...")))
                return replace(found, given=not found.fits((default,)))
            return bound.get(name) or Argument(
                expression(defaults.get(name, "None").replace(REQUIRED, "None")), given=False
            )

        for variant in self.row.variants:
            if all(argument(name).fits(wanted) for name, wanted in variant.when.items()):
                return variant
        return None

    def _target(self, text: str) -> Target:
        """The target, its names imported; a method's head where the row gives one."""
        if self.api.startswith("Tensor.") and self.row.method:
            signature = Target(text).signature
            if signature is not None and signature.head.startswith("torch."):
                method = self.row.method if text == self.row.torch else signature.head.removeprefix("torch.")
                first = next(iter(signature.parameters))
                inside = text[len(signature.head) + 1 :].removeprefix(first).removeprefix(", ").lstrip()
                text = f"{{self}}.{method}({inside}"
        elif text.startswith("{self}.") and self.receiver is None and self.function is None:
            text = text.replace("{self}", "{" + next(iter(self.row.signature.parameters)) + "}")
        return Target(text)

    def _apply(
        self, name: str, argument: Argument, fate: Fate | None, found: Written, target: Target
    ) -> list[tuple[str, Argument]]:
        match fate:
            case To(torch, convert):
                node = CONVERTERS[convert](argument, self.file) if convert else argument.node
                return [(torch, replace(argument, node=node))]
            case Dropped(reason):
                if argument.given:
                    found.dropped.append((name, reason))
            case Only(values):
                self._only(name, argument, values, found)
            case Attr():
                return self._attr(name, argument, fate, found)
            case Refused(reason) if argument.given and not same_literal(
                argument.node, self.row.signature.parameters[name]
            ):
                raise Refusal(f"{name}={argument.text}: {reason}")
            case None:
                raise Refusal(f"the table does not say what becomes of {name!r}")
        return []

    def _only(self, name: str, argument: Argument, values: Sequence[Any], found: Written) -> None:
        if name == "dtype" and {None, "float32"} & set(values) and argument.text == "torch.get_default_dtype()":
            return  # what torch takes where none is given
        if argument.fits(tuple(values)):
            if argument.value is UNKNOWN:
                seen = [value for value in values if value in (argument.values or ())]
                found.checks.append(self._check(argument, values if len(values) <= FEW else seen))
            return
        if argument.value is not UNKNOWN or (argument.seen is not None and argument.seen.values):
            known = argument.values or []
            odd = next((v for v in known if v not in values), argument.text)
            raise Refusal(f"{name}={odd!r}: torch has only {', '.join(map(repr, values))}")
        found.checks.append(self._check(argument, values))

    def _check(self, argument: Argument, values: Sequence[Any]) -> str:
        return f"{self.file.helper('expect')}({argument.text}, {', '.join(map(quoted, values))})"

    def _attr(self, name: str, argument: Argument, fate: Attr, found: Written) -> list[tuple[str, Argument]]:
        """A ParamAttr: its initialiser starts the parameter; False means that there is none."""
        flag = (lambda text: [(fate.flag, replace(argument, node=expression(text)))]) if fate.flag else None
        value = argument.value
        if value is False and fate.may_lack:
            found.lacking.append(fate.name)
            return []
        if value is False:
            if flag is None:
                raise Refusal(f"{name}=False: torch's layer always has {fate.name}")
            return flag("False")
        if value is None or value is True:
            return []
        if value is not UNKNOWN:
            raise Refusal(f"{name}={argument.text} is no ParamAttr")
        held = self.file.held.get(argument.text)
        if held is not None and literal(held) is None:
            return []
        if is_start(held or argument.node):
            linear = self.row.names[0] == "paddle.nn.Linear" and fate.name == "weight"
            given = linear and "assign" in code(held or argument.node)
            found.starts[fate.name] = turned(held or argument.node, self.file) if given else argument.node
            return []
        if is_used_up(argument.node):
            raise Refusal(f"{name}={argument.text} gives something else when it is asked again")
        possible = outcomes(argument.node) or self.file.truths.get(argument.text, set())
        kinds = possible or argument.kinds
        plain = bool(kinds) and kinds <= STARTLESS
        if not plain:
            found.starts[fate.name] = argument.node
        elif not possible:  # an initialiser that this run did not pass, and another may, is not dropped in silence
            values = (None, True) if flag is None else (True, False) if kinds == {"bool"} else (None, True, False)
            found.checks.append(self._check(argument, values))
        if flag is None:
            if "bool" in possible:
                found.checks.append(f"{self.file.helper('expect')}({atom(argument.node)} is not False, True)")
            return []
        return flag(argument.text if kinds == {"bool"} else is_there(argument.node))

    def _call(self, target: Target, outputs: Sequence[tuple[str, Argument]], rest: Sequence[cst.Arg]) -> cst.Call:
        """The call, its arguments in the order, layout and style of the original."""
        signature = target.signature
        assert signature is not None
        names = [n for n in signature.parameters if n not in signature.keyword_only]
        order = {id(arg): index for index, arg in enumerate(self.node.args)}
        given = [(t, a) for t, a in outputs if a.original is not None]
        given.sort(key=lambda pair: order[id(pair[1].original)])
        receiver = [(t, a) for t, a in outputs if a.original is None and a.given and t in signature.parameters]
        args: list[cst.Arg] = [cst.Arg(value=a.node) for _, a in receiver]
        positional = not (receiver and [t for t, _ in receiver] != names[: len(receiver)])
        for torch, argument in given:
            arg = argument.original
            assert arg is not None
            default = signature.parameters.get(torch, REQUIRED)
            converted = argument.node is not arg.value
            if converted and default != REQUIRED and same_literal(argument.node, default):
                continue
            next_one = positional and len(args) < len(names) and names[len(args)] == torch
            if next_one and (arg.keyword is None or torch in POSITIONAL):
                args.append(arg.with_changes(value=argument.node, keyword=None, equal=cst.MaybeSentinel.DEFAULT))
            elif torch == signature.variadic:
                args += spliced(argument, arg)
            else:
                positional = False
                args.append(keyword(arg, torch, argument.node))
        args += rest
        for torch, argument in outputs:
            if argument.given or torch in target.placeholders:
                continue
            default = signature.parameters.get(torch, REQUIRED)
            if (default == REQUIRED or not same_literal(argument.node, default)) and self.adds_defaults:
                passed = next((i for i, arg in enumerate(args) if arg.star == "**"), None)
                if passed is not None:  # unless what is passed on gives it
                    args[passed] = with_default(args[passed], torch, argument.node)
                    continue
                args.append(keyword(None, torch, argument.node))
        function = self.function
        if function is None:
            function = expression(self._head(signature, outputs))
        elif self.row.torch is not None and signature.head != (
            own := self.row.value or self.row.torch.partition("(")[0]
        ):
            raise Refusal(f"in torch it is {signature.head} with these arguments, and what is called here is {own}")
        return self.node.with_changes(func=function, args=commas(args, self.node.args))

    def _head(self, signature: Signature, outputs: Sequence[tuple[str, Argument]]) -> str:
        return self._filled(self.file.named(signature.head), dict(outputs))

    def _expression(
        self, target: Target, outputs: Sequence[tuple[str, Argument]], rest: Sequence[cst.Arg]
    ) -> cst.BaseExpression:
        arguments = dict(outputs)
        if any(arg.star == "**" for arg in rest):
            raise Refusal("arguments passed on by **")
        if rest:
            arguments[self.row.signature.variadic] = Argument(
                expression(f"[{', '.join(code(a).strip().rstrip(',') for a in rest)}]")
            )
        text = _named(target.text, self.file)
        nodes = {name: argument.node for name, argument in arguments.items()}
        if self.receiver is not None:
            nodes["self"] = self.receiver
        names = {} if text.startswith("partial(") else named_once(text, nodes)  # what starts a parameter is numbers
        for name, own in names.items():
            text = re.sub(rf"{{{name}}}", own, text)
        text = bound(self._filled(text, arguments), names, nodes)
        try:
            return expression(text)
        except cst.ParserSyntaxError:
            return expression(f"({text})")

    def _filled(self, text: str, arguments: dict[str, Argument]) -> str:
        """A text with the arguments in place of its {placeholders}."""

        def fill(match: Any) -> str:
            star, name = match.groups()
            if name == "self" and self.receiver is not None:
                return atom(self.receiver)
            argument = arguments.get(name)
            if argument is None:
                raise Refusal(f"needs the argument {name!r}")
            node = argument.node
            if star:
                if isinstance(node, cst.List | cst.Tuple):
                    return ", ".join(map(item_text, node.elements))
                return (
                    f"*{atom(node)}"
                    if argument.kinds <= {"int"} - argument.kinds or not argument.fits("int")
                    else code(node)
                )
            before, after = match.string[: match.start()], match.string[match.end() :]
            alone = before.endswith(("(", ", ", "=", "[")) and after.startswith((")", ",", "]"))
            return code(node) if alone and not isinstance(node, cst.GeneratorExp) else atom(node)

        return PLACEHOLDER.sub(fill, text)


def _named(text: str, file: File) -> str:
    """A target's text, with the names that it uses imported."""

    def used(match: re.Match[str]) -> str:
        name = match.group()
        return file.use(name) if name in IMPORTS else file.helper(name)

    roots = "|".join(map(re.escape, [*IMPORTS, *HELPERS]))
    return re.sub(rf"(?<![\w.{{*])(?:{roots})(?![\w}}])(?=[.(,)])", used, text)
