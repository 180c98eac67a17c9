"""LSTM, GRU and RNN: one framework lists their tensors once, another a second time, under the cells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Mapping

from nlblocks.conventions import Recurrent
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Conversion, Row, split
from nlblocks.weights.files import Tensor
from nlblocks.weights.made import turned

LISTED = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
PROJECTION = "projection"
"""Stands for the leaf that each framework calls the projection's weight."""


def projected(work: Conversion) -> None:
    """LSTM with proj_size: where cells are listed, its projection is in their listing alone."""
    own, other = work.source.recurrent, work.target.recurrent
    if own == other and not work.turns:
        return
    firsts = [_name(own, PROJECTION, 0, "", two) for two in (False, True)]
    for name in list(work.left):
        prefix = next((name.removesuffix(first) for first in firsts if name.endswith(first)), None)
        if prefix is None or prefix[-1:] not in ("", ".") or f"{prefix}weight_ih_l0" not in work.left:
            continue
        two = f"{prefix}weight_ih_l0_reverse" in work.shapes
        layers = next(n for n in itertools.count() if f"{prefix}weight_ih_l{n}" not in work.shapes)
        named = []
        for leaf in LISTED:  # a cell has its biases even where they are frozen, and then not listed again
            if f"{prefix}{leaf}_l0" not in work.shapes:
                work.remember("listed_once", f"{prefix}{leaf}_l0")
            elif f"{prefix}{leaf}_l0" not in work.noted("listed_once"):
                named.append(leaf)
        names: dict[str, str] = {}  # in the source → in the target
        again, projections = [], set()
        for layer, reverse, leaf in itertools.product(
            range(layers), ("", "_reverse") if two else ("",), (*LISTED, PROJECTION)
        ):
            name, target = (prefix + _name(form, leaf, layer, reverse, two) for form in (own, other))
            names[name] = target
            if leaf == PROJECTION:
                projections.add(name)
            elif leaf in named:
                again.append(f"{prefix}{leaf}_l{layer}{reverse}")
        _take_projected(work, names, projections, dict(zip(again, names, strict=False)))


def _name(form: Recurrent, leaf: str, layer: int, reverse: str, two: bool) -> str:
    """What a framework calls a tensor of an LSTM with proj_size, of two directions or one."""
    leaf = form.projection if leaf == PROJECTION else leaf
    if form.cells is None:
        return f"{leaf}_l{layer}{reverse}"
    return f"{form.cells.module(layer, reverse, two)}.{leaf}"


def _take_projected(
    work: Conversion, names: Mapping[str, str], projections: Container[str], again: Mapping[str, str]
) -> None:
    """``names`` are those in the source and in the target, ``again`` the second listing of some of the source's."""
    own, other = work.source.recurrent, work.target.recurrent
    listing = work.source if other.cells is None else work.target
    tensors: dict[str, Tensor] = {}
    for name in names:
        if name not in work.left:
            raise InputError(
                f"{name} is missing beside {next(iter(names))}; {listing.title}'s LSTM with proj_size has it"
            )
        tensors[name] = work.left[name]
        if name in projections and len(tensors[name].shape) != 2:
            raise InputError(f"{name} has shape {tensors[name].shape}; a projection has two axes")
        if name in projections and work.turns:
            tensors[name] = turned(tensors[name])
    for second, name in again.items():
        if own.cells is None:
            if other.cells is not None:
                work.add(name, Row((name,), second, f"as {work.target.title} lists it again", tensors[name]))
        elif second in work.left:
            _check_twin(work, second, name, work.left[name])
            if other.cells is None:
                work.take([second], "", f"dropped: {name} again", None)
            else:
                work.take([second], second, "as it is", tensors[name])
    for name, target in names.items():
        what = "as it is" if name == target else "renamed"
        work.take([name], target, "turned (projection)" if name in projections and work.turns else what, tensors[name])


def recurrent(work: Conversion) -> None:
    """The same tensors; a second listing is made where the target has one, and dropped where it has none."""
    own, other = work.source.recurrent.cells, work.target.recurrent.cells
    if own == other:
        return
    pattern = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")
    once = work.noted("listed_once")
    for name in list(work.left):
        prefix, leaf = split(name)
        match = pattern.fullmatch(leaf)
        if match is None:
            continue
        kind, gate, layer, reverse = match.groups("")
        two = f"{prefix}{kind}_{gate}_l{layer}_reverse" in work.shapes
        twin, new = ("" if cells is None else f"{prefix}{cells.module(layer, reverse, two)}.{kind}_{gate}"
                     for cells in (own, other))  # fmt: skip
        tensor = work.left[name]
        work.take([name], name, "as it is", tensor)
        if own is None:
            if name not in once:
                work.add(name, Row((name,), new, f"as {work.target.title} lists it again", tensor))
        elif twin in work.left:
            _check_twin(work, twin, name, tensor)
            if other is None:
                work.take([twin], "", f"dropped: {name} again", None)
            else:
                work.take([twin], new, "renamed", work.left[twin])
        elif other is None:
            work.remember("listed_once", name)


def _check_twin(work: Conversion, second: str, name: str, tensor: Tensor) -> None:
    if work.left[second].tobytes() != tensor.tobytes():
        raise InputError(
            f"{second} differs from {name}, of which it is the second listing; {work.target.title} has one"
        )
