"""BatchNorm that one side has and the other has folded into the layer before it, as exporters do for inference.

In evaluation it scales each channel by γ / √(var + eps) and shifts it: a convolution can do that. A layer that lacks
a BatchNorm looks the same, so the weights decide: those of the folded layer are the product, or it alone has a bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import FLOAT32_EQUAL, TINY
from nlblocks.parity.pairing.layouts import LINEAR
from nlblocks.parity.pairing.units import Ref, Unit
from nlblocks.parity.tracing import Trace

Pairs = Sequence[tuple[Unit, Unit]]
ROLES = {"running_mean", "running_var", "weight", "bias"}
"""What a norm must have to be folded."""
ROUNDED = 2.0**-20
"""How far a product that an exporter computed and keeps in float32 may be off: a root, a division, two products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A pair of layers of which one side has ``norm`` behind its own, and the other has it folded in.

    ``side`` is the one with the norm: 0 for the left. ``error`` is how far the folded weights are from the product, of
    their largest; None where weights do not tell, for they are another model's.
    """

    pair: tuple[Unit, Unit]
    norm: Unit
    eps: float
    side: int
    error: float | None = None

    @property
    def layer(self) -> Unit:
        """What the norm follows."""
        return self.pair[self.side]

    @property
    def folded(self) -> Unit:
        """What does the work of both."""
        return self.pair[1 - self.side]

    def __str__(self) -> str:
        here, there = ("left", "right") if self.side == 0 else ("right", "left")
        return f"{self.norm.name} on the {here} is folded into {self.folded.name} on the {there}"

    def product(self, state: State) -> dict[str, Array]:
        """The weight and bias that layer and norm are together: [out, in, *kernel]."""
        part = {role: _read(self.norm.refs[role], state).reshape(-1) for role in ROLES}
        weight, scale = (
            _read(self.layer.refs["weight"], state),
            part["weight"] / np.sqrt(part["running_var"] + self.eps),
        )
        along = [1] * weight.ndim
        along[self._channels] = -1
        shift = part["bias"] + (self._bias(state) - part["running_mean"]) * scale
        return {"weight": weight * scale.reshape(along), "bias": shift}

    def off(self, own: State, held: Mapping[str, Array]) -> float:
        """How far what the folded layer holds is from the product, of the largest of each."""
        product = self.product(own)
        largest = max(np.abs(self.norm.refs[role].read(own)).max() for role in ("bias", "running_mean"))
        shift = np.abs(held["bias"].reshape(-1) - product["bias"]).max() / max(
            np.abs(product["bias"]).max(), largest, TINY
        )
        return max(distance(held["weight"], product["weight"]), float(shift))

    def values(self, state: State) -> dict[str, Array]:
        """What the folded layer holds; no bias is one of zeros."""
        found = {role: _read(ref, state) for role, ref in self.folded.refs.items() if role in ("weight", "bias")}
        return {"bias": np.zeros(self.norm.refs["running_var"].shape), **found}

    def unfolded(self, source: State, target: State) -> State:
        """What makes layer and norm the folded layer: its weight, and a norm that shifts by its bias alone."""
        given, norm = self.values(source), self.norm.refs
        var, mean = (_read(norm[role], target).reshape(-1) for role in ("running_var", "running_mean"))
        shift = given["bias"].reshape(-1) - self._bias(target) + mean
        values = (
            (self.layer.refs["weight"], given["weight"]),
            (norm["weight"], np.sqrt(var + self.eps)),
            (norm["bias"], shift),
        )
        return _written(values, target)

    def joined(self, source: State, target: State) -> State:
        """What makes the folded layer the product of layer and norm."""
        product, refs = self.product(source), self.folded.refs
        return _written([(refs[role], product[role]) for role in product if role in refs], target)

    def centred(self, state: State) -> State:
        """What makes the norm shift by nothing, where the folded layer has no bias to shift with."""
        if "bias" in self.folded.refs:
            return {}
        ref = self.norm.refs["bias"]
        return _written([(ref, _read(ref, state).reshape(-1) - self.product(state)["bias"])], state)

    def may_be(self, states: tuple[State, State]) -> bool:
        """Whether the folded layer alone has a bias, and another weight: the norm may be in it, or missing."""
        biased = "bias" in self.folded.refs and "bias" not in self.layer.refs
        weights = self.layer.refs["weight"].read(states[self.side]), self.values(states[1 - self.side])["weight"]
        return biased and distance(*weights) > FLOAT32_EQUAL

    @property
    def fits(self) -> bool:
        """Whether both layers can be scaled channel by channel, and are of one size."""
        if any(unit.kind not in LINEAR or "weight" not in unit.refs for unit in self.pair):
            return False
        shapes = [unit.refs["weight"].shape for unit in self.pair]
        return shapes[0] == shapes[1] and shapes[0][self._channels] == self.norm.refs["weight"].shape[0]

    @property
    def _channels(self) -> int:
        """The axis of the weight that the norm's channels lie along; with groups, that of a transpose is not one."""
        return 1 if self.layer.kind == "conv_transpose" else 0

    def _bias(self, state: State) -> Array:
        """The bias of the layer before the norm."""
        ref = self.layer.refs.get("bias")
        return np.zeros(1) if ref is None else _read(ref, state).reshape(-1)


def _read(ref: Ref, state: State) -> Array:
    """A tensor as its reference reads it, in float64: a product is not to be rounded as its factors are."""
    return ref.read(state).astype(np.float64)


def _written(values: Iterable[tuple[Ref, Array]], target: State) -> State:
    """These tensors of a state with other values, given as the references read them."""
    return {
        ref.name: value.reshape(ref.shape).T if ref.transposed else value.reshape(target[ref.name].shape)
        for ref, value in values
    }


def candidates(
    pairs: Pairs, alone: tuple[Sequence[Unit], Sequence[Unit]], traces: tuple[Trace, Trace]
) -> Iterator[Fold]:
    """The norms without a partner that follow a layer which has one."""
    for side in (0, 1):
        layers = {pair[side].output: pair for pair in pairs}
        eps = {op.outputs[0]: float(op.attrs["eps"]) for op in traces[side].ops if op.kind == "batch_norm"}
        for norm in alone[side]:
            pair = layers.get(-1 if norm.source is None else norm.source)
            if pair is not None and norm.output in eps and norm.refs.keys() >= ROLES:
                found = Fold(pair=pair, norm=norm, eps=eps[norm.output], side=side)
                if found.fits:
                    yield found


def confirmed(folds: Sequence[Fold], states: tuple[State, State], *, frozen: bool) -> Iterator[Fold]:
    """Those that the weights of both models speak for.

    Those of another model say nothing. Beside a side that is ``frozen``, which exporters fold for, a bias of the folded
    layer alone is enough then; beside two that train, it is a layer that is missing.
    """
    for fold in folds:
        error = fold.off(states[fold.side], fold.values(states[1 - fold.side]))
        if error <= ROUNDED:
            yield replace(fold, error=error)
        elif frozen and fold.may_be(states):
            yield fold
