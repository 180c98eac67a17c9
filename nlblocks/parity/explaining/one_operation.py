"""Hypotheses about one operation: another attribute, operand, weight, padding or kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import unmasked
from nlblocks.parity.explaining.attribute_values import cause_of, variants
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Parting
from nlblocks.parity.formulas.evaluate import POINTWISE, evaluate
from nlblocks.parity.formulas.formula import Unknown
from nlblocks.parity.tracing.trace import Op
from nlblocks.parity.tracing.vocabulary import ACTIVATIONS, DROPOUTS, NORMALISATIONS

MASKING = {"add", "mask", "masked_fill", "where", "causal_mask"}
IDLE = DROPOUTS | {"clip", "relu6", "median"}
"""Kinds that may change nothing on one side."""


class Details(Parting):
    """The operation is there on both sides and something about it differs."""

    def _attributes(self) -> Iterator[Explanation]:
        """Another value of one attribute."""
        best: tuple[float, Explanation] | None = None
        for side, op in self._sides():
            twin = op.kind if op.kind in IDLE else ""
            others = [
                o
                for o in self.alignment.side(OTHER[side]).trace.ops
                if any(n in self.wrong[OTHER[side]] for n in o.outputs) or (twin and o.kind == twin)
            ]
            active = bool(
                op.kind in DROPOUTS and op.attrs.get("training") and not self.alignment.side(side).trace.training
            )
            for name, value, attrs in variants(op, sorted(others, key=lambda o: o.kind != op.kind)):
                if active and name != "training":
                    continue  # it drops in evaluation, whatever its probability
                try:
                    result = self.run(op, self.arrays(side, op), attrs)
                except Unknown:
                    continue
                met = self.found(OTHER[side], result, twin) or self._after_softmax(side, result)
                if met is None:
                    continue
                cause = self._named(cause_of(op.kind, name), side, op)
                held = self._held(
                    cause,
                    f"{_words(cause)} of {op}: {_show(op.attrs.get(name))} on the {side}, "
                    f"{_show(value)} on the {OTHER[side]}",
                    side,
                    op,
                    met,
                    between=active,
                )
                if not self._followed_alike(side, op, met[0]):
                    self.doubtful.append(held)
                elif best is None or met[1] < best[0] * 1e-2:
                    best = (met[1], held)
        if best is not None:
            yield best[1]
        yield from self._mask_constants()

    def _followed_alike(self, side: str, op: Op, other: Op) -> bool:
        """Whether two results go into operations of a kind, or into none."""
        mine = self.alignment.side(side).following(op.outputs[0])
        theirs = self.alignment.side(OTHER[side]).following(other.outputs[0])
        return bool(mine & theirs) or not (mine and theirs)

    def _doubtful(self) -> Iterator[Explanation]:
        """What makes two results meet that are used for other things."""
        yield from self.doubtful[:1]

    def _after_softmax(self, side: str, result: Array) -> tuple[Op, float] | None:
        """Scores are masked with -inf or with a large number: what counts is the softmax of them."""
        if result.ndim < 2 or not (np.isneginf(result).any() or (result < -1e4).any()):
            return None
        with np.errstate(all="ignore"):
            return self.found(OTHER[side], evaluate("softmax", {"x": result}, {"axis": -1}))

    def _mask_constants(self) -> Iterator[Explanation]:
        """A mask that is added, of two values, the other way round."""
        for side, op in self._sides():
            if op.kind not in ("add", "mask") or sorted(op.roles) not in (["other", "x"], ["mask", "x"]):
                continue
            arrays = self.arrays(side, op)
            for role in op.roles:
                mask = arrays[role]
                if role not in ("other", "mask", "x"):
                    continue
                low = mask.min(initial=0.0) if mask.dtype != bool else 0.0
                if mask.dtype == bool or low > -1e3 or len(np.unique(mask)) != 2:
                    continue
                turned = np.where(mask == low, 0.0, low)
                names = [role if r == role else r for r in op.roles]
                result = np.add(*[turned if r == role else arrays[r] for r in names])
                met = self.found(OTHER[side], result) or self._after_softmax(side, result)
                if met:
                    yield self._held(
                        "attention.mask_sense",
                        f"the mask of {op} hides on the {side} what it keeps on the {OTHER[side]}: inverted",
                        side,
                        op,
                        met,
                    )

    def _operands(self) -> Iterator[Explanation]:
        """The same inputs in another order, or one input in place of another."""
        for side, op in self._sides():
            try:
                arrays = self.arrays(side, op)
            except Unknown:
                continue
            free = [role for role, n in zip(op.roles, op.inputs, strict=True) if self._free(side, n)]
            if 2 <= len(free) <= 4:
                for order in list(itertools.permutations(free))[1:]:
                    try:
                        result = self.run(op, {**arrays, **{a: arrays[b] for a, b in zip(free, order, strict=True)}})
                    except Unknown:
                        continue
                    met = self.found(OTHER[side], result)
                    if met:
                        cause = "cat.order" if op.kind in ("cat", "stack") else "operands.swapped"
                        if op.kind == "matmul":
                            cause = self._named("operands.swapped", side, op)
                        yield self._held(
                            cause, f"the operands of {op} in another order: {_positions(free, order)}", side, op, met
                        )
            yield from self._turned_operand(side, op, arrays, free)
            yield from self._other_operand(side, op, arrays, free)

    def _turned_operand(
        self, side: str, op: Op, arrays: Mapping[str, Array], free: Sequence[str]
    ) -> Iterator[Explanation]:
        """A factor that is square, and transposed on the other side."""
        for role in free if op.kind == "matmul" else ():
            value = arrays[role]
            if value.ndim < 2 or value.shape[-1] != value.shape[-2]:
                continue
            met = self._try(side, op, {**arrays, role: np.swapaxes(value, -1, -2)})
            if met:
                yield self._held("reshape.order", f"an operand of {op} transposed", side, op, met)

    def _other_operand(
        self, side: str, op: Op, arrays: Mapping[str, Array], free: Sequence[str]
    ) -> Iterator[Explanation]:
        for other in self.frontier[OTHER[side]][:4]:
            if other.kind != op.kind:
                continue
            yield from self._other_constant(side, op, arrays, other)
            theirs = [n for n in other.inputs if self._free(OTHER[side], n)]
            mine = dict(zip(op.roles, op.inputs, strict=True))
            partners = self.alignment.partners(OTHER[side])
            for role in free:
                for number in theirs:
                    for same in partners.get(number, [])[:1]:
                        value = self.alignment.side(side).trace.values[same]
                        if same == mine[role] or value.shape != arrays[role].shape:
                            continue
                        try:
                            met = self.found(OTHER[side], self.run(op, {**arrays, role: value}))
                        except Unknown:
                            continue
                        if met:
                            source = self.alignment.side(side).producer.get(same)
                            yield self._held(
                                self._operand_cause(side, op, mine[role]),
                                f"{op} takes another operand on the {OTHER[side]}: the result of "
                                f"{source or 'the input'}",
                                side,
                                op,
                                met,
                                between=True,
                            )

    def _operand_cause(self, side: str, op: Op, number: int) -> str:
        maker = self.alignment.side(side).producer.get(number)
        if len([n for n in op.inputs if self._free(side, n)]) > 1:
            return "residual.operand" if op.kind == "add" else "operands.swapped"
        return "residual.missing" if maker is not None and maker.kind == "add" else "residual.operand"

    def _other_constant(self, side: str, op: Op, arrays: Mapping[str, Array], other: Op) -> Iterator[Explanation]:
        """A tensor that is no parameter and no result: another one on the other side."""
        try:
            theirs = self.arrays(OTHER[side], other)
        except Unknown:
            return
        for role, number in zip(op.roles, op.inputs, strict=True):
            view = self.alignment.side(side)
            if role not in theirs or view.trace.parameter(number) is not None or number in view.live:
                continue
            met = self._try(side, op, {**arrays, role: theirs[role]})
            if met and role.startswith("state"):
                yield self._held("rnn.state", f"{op} starts from the state of the {OTHER[side]}", side, op, met)
            elif met:
                cause = {"add": "shift.constant", "mul": "scale.factor"}.get(op.kind, "operands.swapped")
                yield self._held(
                    cause, f"{op} with the constant tensor of the {OTHER[side]}", side, op, met, between=True
                )

    def _weights(self) -> Iterator[Explanation]:
        """The weights of another layer, or the same ones transposed."""
        for side, op in self._sides():
            role = "weight" if "weight" in op.roles else "other"
            number = op.of(role)
            if number is None or self.alignment.side(side).trace.parameter(number) is None:
                continue
            try:
                arrays = self.arrays(side, op)
            except Unknown:
                continue
            weight = arrays[role]
            if weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
                met = self._try(side, op, {**arrays, role: weight.T})
                if met:
                    yield self._held("linear.transposed", f"the weight of {op} transposed", side, op, met)
            for other in self.frontier[OTHER[side]][:4]:
                try:
                    theirs = self.arrays(OTHER[side], other)
                except Unknown:
                    continue
                if other.kind == op.kind and theirs.get(role, weight).shape == weight.shape:
                    own = {r: theirs[r] for r in theirs if r not in ("x", "other")}
                    met = self._try(side, op, {**arrays, **own})
                    if met:
                        cause = self._weights_cause(side, op, other, role)
                        yield self._held(cause, f"{op} with the weights that {other} uses", side, op, met)
                if other.kind == op.kind and "bias" in (set(arrays) ^ set(theirs)):
                    fewer = {r: v for r, v in arrays.items() if r != "bias"}
                    met = self._try(side, op, {**fewer, **({"bias": theirs["bias"]} if "bias" in theirs else {})})
                    if met:
                        kind = "conv" if op.kind.startswith("conv") else op.kind
                        cause = f"{kind}.bias" if kind in ("conv", "linear") else f"{kind}.affine"
                        yield self._held(cause, f"{op} has a bias on one side only", side, op, met)
                if other.kind == op.kind and "weight" in (set(arrays) ^ set(theirs)):
                    fewer = {r: v for r, v in arrays.items() if r not in ("weight", "bias")}
                    met = self._try(side, op, {**fewer, **{r: theirs[r] for r in ("weight", "bias") if r in theirs}})
                    if met:
                        yield self._held(
                            f"{op.kind}.affine", f"{op} has gamma and beta on one side only", side, op, met
                        )

    def _weights_cause(self, side: str, op: Op, other: Op, role: str) -> str:
        """Another layer's weights, a layer that one side shares, or the right layer with other values in it."""
        ops = {side: op, OTHER[side]: other}
        names = {}
        shared = {}
        for key, item in ops.items():
            number = item.of(role)
            trace = self.alignment.side(key).trace
            names[key] = trace.parameter(number) if number is not None else None
            shared[key] = sum(number in o.inputs for o in trace.ops) > 1
        if op.kind == "cross_entropy":
            return "cross_entropy.weight"
        if shared["left"] != shared["right"]:
            return "layer.shared"
        paired = self.pairing.names.get(names["left"] or "") == names["right"] and names["right"] is not None
        return "parameters.values" if paired else "layer.weights"

    def _padding(self) -> Iterator[Explanation]:
        """Zeros around the image on one side, its own pixels on the other."""
        for side, op in self._sides():
            pairs = op.attrs.get("padding")
            if op.kind != "conv" or not isinstance(pairs, tuple):
                continue
            arrays = self.arrays(side, op)
            flat = tuple(value for pair in reversed(pairs) for value in pair)
            for mode in ("reflect", "replicate", "circular"):
                try:
                    padded = evaluate("pad", {"x": arrays["x"]}, {"pad": flat, "mode": mode})
                    result = self.run(op, {**arrays, "x": padded}, {**op.attrs, "padding": ((0, 0),) * len(pairs)})
                except Unknown:
                    continue
                met = self.found(OTHER[side], result)
                if met:
                    yield self._held(
                        "conv.padding_mode",
                        f"padding of {op}: zeros on the {side}, {mode} on the {OTHER[side]}",
                        side,
                        op,
                        met,
                    )

    def _kinds(self) -> Iterator[Explanation]:
        """Another operation in the same place."""
        for side, op in self._sides():
            try:
                arrays = self.arrays(side, op)
            except Unknown:
                continue
            for kind, cause, attrs in _alternatives(op):
                try:
                    met = self.found(OTHER[side], self.run(op, arrays, attrs, kind))
                except Unknown:
                    continue
                if met:
                    yield self._held(cause, f"{op.kind} on the {side}, {kind} on the {OTHER[side]}", side, op, met)

    def _masks(self) -> Iterator[Explanation]:
        """The same scores, others of them hidden."""
        for op, other in itertools.product(self._masking("left"), self._masking("right")):
            mine, theirs = unmasked(self.output("left", op)), unmasked(self.output("right", other))
            if mine.shape != theirs.shape:
                continue
            hidden = np.isneginf(mine), np.isneginf(theirs)
            both = hidden[0] | hidden[1]
            gap = distance(np.where(both, 0.0, mine), np.where(both, 0.0, theirs))
            if (hidden[0] == hidden[1]).all() or both.all() or gap > self.meets:
                continue
            shares = [float(mask.mean()) for mask in hidden]
            rows, columns = np.nonzero((hidden[0] ^ hidden[1]).reshape(-1, *mine.shape[-2:])[0])
            cause = "attention.causal" if len(set(columns - rows)) < len(rows) else "attention.mask_missing"
            if not (hidden[0] & hidden[1]).any() and all(shares):
                cause = "attention.mask_sense"
            text = f"{op} on the left hides {shares[0]:.0%} of the scores, {other} on the right {shares[1]:.0%}"
            yield Explanation(cause=cause, text=f"{text}: where both keep them", left=op, right=other, before=None,
                              after=gap, between=True)  # fmt: skip

    def _masking(self, side: str) -> list[Op]:
        """The operations at the frontier that hide scores."""
        values = self.alignment.side(side).trace.values
        found = [op for op in self.frontier[side][:4] if op.kind in MASKING and op.outputs[0] in values]
        return [
            op for op in found if self.output(side, op).ndim > 1 and np.isneginf(unmasked(self.output(side, op))).any()
        ]

    def _layout(self) -> Iterator[Explanation]:
        """Attention over heads where it should be over positions."""
        for side, op in self._sides():
            if op.kind != "matmul":
                continue
            try:
                arrays = {
                    role: np.swapaxes(value, 1, 2) for role, value in self.arrays(side, op).items() if value.ndim == 4
                }
                met = self.found(OTHER[side], self.run(op, arrays))
            except Unknown:
                continue
            if met:
                yield self._held("attention.layout", f"heads and positions exchanged in {op}", side, op, met)


def _alternatives(op: Op) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if op.kind in ACTIVATIONS or op.kind in ("clip", "neg", "identity"):
        for kind in POINTWISE:
            if kind != op.kind and (kind in ACTIVATIONS or kind in ("square", "abs", "neg")):
                yield kind, "activation.kind", {}
    for group, cause in (
        (("mean", "sum", "max", "min"), "reduce.kind"),
        (("max_pool", "avg_pool"), "pool.kind"),
        (("adaptive_avg_pool", "adaptive_max_pool"), "pool.kind"),
        (("softmax", "sigmoid", "log_softmax"), "activation.kind"),
        (("mse_loss", "l1_loss", "smooth_l1"), "loss.kind"),
        (("add", "sub", "mul", "maximum"), "operation.kind"),
    ):
        if op.kind in group:
            for kind in group:
                if kind != op.kind:
                    yield kind, cause, {"axis": -1, **op.attrs}
    if op.kind in NORMALISATIONS:
        for kind in ("batch_norm", "instance_norm", "group_norm", "layer_norm"):
            if kind != op.kind:
                for more in (
                    ({"groups": 1}, {"groups": 2}, {"groups": 4}, {"groups": 8}) if kind == "group_norm" else ({},)
                ):
                    yield kind, "normalisation.kind", {"training": True, **op.attrs, **more}


def _words(cause: str) -> str:
    kind, _, attribute = cause.partition(".")
    return f"{kind.replace('_', ' ')} {attribute.replace('_', ' ')}"


def _show(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _positions(free: Sequence[str], order: Sequence[str]) -> str:
    return ", ".join(str(free.index(role)) for role in order)
