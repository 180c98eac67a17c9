"""Which parameter of one model is which of the other: by what computes with it, and where, of which shape, and by name.

Both models are read as units (:mod:`.reader`): a parameter is followed through all that is done to it alone. What a
hint joins is joined; names decide where they are the same on both sides; then what goes into a unit and what it goes
into, in whatever order it runs (:mod:`.anchors`); then order, and kind and shape alone. Other shapes are paired once no
equal ones are left, and at last come the tensors that all this leaves over. The hint has the last word.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nlblocks.backend import State, as_array
from nlblocks.errors import InputError
from nlblocks.parity.pairing import transfer
from nlblocks.parity.pairing.align import Matches
from nlblocks.parity.pairing.beside import agreed, turned
from nlblocks.parity.pairing.buffers import unlike, with_buffers
from nlblocks.parity.pairing.converting import End, Filed, Move, bare, planned
from nlblocks.parity.pairing.folded import Fold, candidates, confirmed
from nlblocks.parity.pairing.fused import split_fused, split_recurrent
from nlblocks.parity.pairing.initialisers import InitialRow
from nlblocks.parity.pairing.loose import pair_loose
from nlblocks.parity.pairing.matched import matched
from nlblocks.parity.pairing.misplaced import Misplaced, misplaced
from nlblocks.parity.pairing.reader import units
from nlblocks.parity.pairing.rename import Rename, by_hand, check_rename, renamed, told
from nlblocks.parity.pairing.rows import By, PairRow
from nlblocks.parity.pairing.units import Ref, Unit
from nlblocks.parity.tracing import Trace, TraceGraph, vocabulary
from nlblocks.weights.conversion import Plan
from nlblocks.weights.files import Tensor, in_memory
from nlblocks.weights.files.dtypes import of_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The pairs of units, and what has no partner.

    ``unused`` are the parameters that no operation used, left and right; ``ambiguous`` says what was paired by nothing
    but chance. ``cut`` are the sides whose run came to no end, left and right: nothing is known of what lies behind.
    ``folds`` are norms of one side that are folded into layers of the other, ``foldable`` those that may be, or lack.
    ``frozen`` are the sides that have nothing to train: what makes no difference may have been left out of them, as
    the biases that are zero, ``left_out`` by the name of the tensor and its side. ``misplaced`` are weights that both
    models hold and use otherwise. ``decided`` tells by the left's tensor what joined it to its partner, and ``guessed``
    are those for which another would have done. ``ends`` are what their checkpoints hold, if that is known. ``unlike``
    are the buffers in which the two hold different values, by the names of both, and whether a checkpoint moves them.
    """

    pairs: tuple[tuple[Unit, Unit], ...] = ()
    left_only: tuple[Unit, ...] = ()
    right_only: tuple[Unit, ...] = ()
    unused: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    ambiguous: tuple[str, ...] = ()
    cut: tuple[bool, bool] = (False, False)
    foldable: tuple[Fold, ...] = ()
    folds: tuple[Fold, ...] = ()
    frozen: tuple[bool, bool] = (False, False)
    left_out: tuple[tuple[str, str], ...] = ()
    misplaced: tuple[Misplaced, ...] = ()
    decided: Mapping[str, By] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    hinted: tuple[str, ...] = ()
    ends: tuple[End, End] | None = None
    unlike: tuple[tuple[str, str, bool], ...] = ()

    def weighed(self, states: tuple[State, State]) -> Pairing:
        """The pairing, with what both models' own weights say: what is folded or left out, buffers that differ."""
        zeros = [
            (str(unit.refs[role]), side)
            for a, b, role, lacking in self.lacking()
            for unit, state, side, other in ((a, states[0], "left", "right"), (b, states[1], "right", "left"))
            if role == "bias"
            and lacking == other
            and self.frozen[other == "right"]
            and not unit.refs[role].read(state).any()
        ]
        folds = tuple(confirmed(self.foldable, states, frozen=any(self.frozen)))
        norms = [fold.norm for fold in folds]
        maybe = tuple(fold for fold in self.foldable if fold.norm not in norms and fold.may_be(states))
        left, right = (tuple(u for u in units if u not in norms) for units in (self.left_only, self.right_only))
        found = replace(
            self, folds=folds, foldable=maybe, left_only=left, right_only=right, left_out=tuple(zeros)
        )  # fmt: skip
        found = replace(found, unlike=tuple(unlike(found.roles(), states)))
        return replace(found, misplaced=tuple(misplaced(found.roles(), states))) if any(self.frozen) else found

    def filed(self, files: tuple[Filed, Filed], states: tuple[State, State]) -> Pairing:
        """The pairing, with what the checkpoints of both models hold: :meth:`convert` needs it."""
        paired = {a.name for a, *_ in self.roles()}, {b.name for _, b, *_ in self.roles()}
        left, right = (
            End.of(side, files[i], self.unused[i], states[i], paired[i]) for i, side in enumerate(("left", "right"))
        )
        return replace(self, ends=(left, right))

    def convert(self, state: Mapping[str, Any], *, back: bool = False) -> State:
        """A checkpoint of the left as one of the right, or ``back``: under its names, and laid out as it lays them out.

        Values and dtypes stay as they are. ``state`` are tensors or arrays by the names that the framework's own files
        have, such as a state dict. What makes no difference to what the models compute is warned of where it is left
        out or left as it is. Raises InputError that lists all that goes nowhere, and all that nothing fills.
        """
        arrays = {name: as_array(value) for name, value in state.items()}
        plan = self.conversion({name: in_memory(array, of_array(array)) for name, array in arrays.items()}, back=back)
        for note in plan.notes:
            warnings.warn(note, stacklevel=2)
        return {name: tensor.numpy() for name, tensor in plan.tensors.items()}

    def conversion(
        self, tensors: Mapping[str, Tensor], record: Mapping[str, Any] | None = None, *, back: bool = False
    ) -> Plan:
        """What becomes of each tensor of a checkpoint, which is read when it is written (:meth:`convert`)."""
        if self.ends is None:
            raise InputError("captures do not tell what their models' checkpoints hold; compare the models to convert")
        moves = [Move(source=b if back else a, target=a if back else b) for a, b, *_ in self.roles()]
        ends = self.ends[::-1] if back else self.ends
        return planned((ends[0], ends[1]), moves, tensors, record or {}, "; ".join(map(str, self.folds)))

    def traced(self, tensors: Mapping[str, Tensor], side: int) -> State:
        """What of a checkpoint of the left (0) or the right (1) a run is made with, by the names of its trace."""
        if self.ends is None:
            return {}
        filed = self.ends[side].filed
        return {filed[name].own: tensor.numpy() for name, tensor in bare(tensors, filed).items() if filed[name].own}

    @property
    def _plain(self) -> list[tuple[Unit, Unit]]:
        """The pairs whose tensors are each other's partners."""
        folded = [fold.pair for fold in self.folds]
        return [pair for pair in self.pairs if pair not in folded]

    def roles(self) -> list[tuple[Ref, Ref, str, Unit, Unit]]:
        """Every pair of tensors with its role and units."""
        return [(a.refs[role], b.refs[role], role, a, b) for a, b in self._plain for role in a.refs if role in b.refs]

    def lacking(self) -> list[tuple[Unit, Unit, str, str]]:
        """Roles that one unit of a pair has and the other lacks: (left, right, role, side that lacks it)."""
        found = [(a, b, role, "right") for a, b in self._plain for role in a.refs if role not in b.refs]
        found += [(a, b, role, "left") for a, b in self._plain for role in b.refs if role not in a.refs]
        return [one for one in found if not self._does_without(*one)]

    def _does_without(self, left: Unit, right: Unit, role: str, side: str) -> bool:
        """Whether what a side lacks is known to be left out of it."""
        other, unit = ("left", left) if side == "right" else ("right", right)
        return (str(unit.refs[role]), other) in self.left_out

    @property
    def names(self) -> dict[str, str]:
        """The right's name of every paired tensor of the left, rows as "name[0:8]"."""
        return {str(a): str(b) for a, b, *_ in self.roles()}

    def rows(self) -> list[PairRow]:
        """A row for every pair of tensors: names, shapes, what becomes of the layout, and by what it was decided."""
        return [
            PairRow.of(a, b, role, self.decided.get(str(a), "layer"), ambiguous=str(a) in self.guessed)
            for a, b, role, *_ in self.roles()
        ]

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The names of tensors that are partners, in whole or in part: the left's and the right's."""
        return list(dict.fromkeys((a.name, b.name) for a, b, *_ in self.roles()))

    def initialised(self, states: tuple[State, State]) -> list[InitialRow]:
        """How both models hold each pair of tensors, side by side: to be asked of models that were just built."""
        return [InitialRow.of(a, b, role, states) for a, b, role, *_ in self.roles()]

    def moved(self, source: State, target: State) -> State:
        """The right model's state ``target`` with the left's values in it; tensors of another size stay as they are.

        A tensor that is a whole one on both sides is a view of the left's. What no checkpoint of the right holds stays
        too: it is code, and no weights mend it.
        """
        return transfer.moved([(a, b) for a, b, *_ in self.roles() if not b.constant], source, target)

    def mirrored(self, values: State, target: State) -> transfer.Mirrored:
        """Arrays by the right model's names (gradients, buffers) under the left's names and layouts, where paired.

        ``target`` gives the left's shapes. A tensor that is a whole one on both sides is a view of the right's; of
        others it is known which elements have a partner.
        """
        return transfer.mirrored([(a, b) for a, b, *_ in self.roles()], values, target)

    def randomised(self, state: State, seed: int) -> State:
        """The state with every constant tensor (zero gates, gammas of one, fresh statistics, zero biases) made random.

        Tensors that hold distinct values stay as they are; so do constants that are in no checkpoint, which are code,
        and buffers without a partner, which the other side may have in its code. Values are such as float32 holds.
        """
        norms = [fold.norm for fold in self.folds]
        every = [*(unit for both in self.pairs for unit in both), *self.left_only, *self.right_only, *norms]
        alone = {
            ref.name for unit in (*self.left_only, *self.right_only) if unit.kind not in vocabulary.NORMALISATIONS
            for ref in unit.refs.values() if ref.buffer
        }  # fmt: skip
        constants = alone | {ref.name for unit in every for ref in unit.refs.values() if ref.constant}
        left = [*(unit for unit, _ in self.pairs), *self.left_only, *norms]
        roles = {ref.name: (role, ref.buffer) for unit in left for role, ref in unit.refs.items()}
        drawn = transfer.randomised(roles, state, seed)
        kept = constants | {name for name, _ in self.left_out}
        return {name: state[name] if name in kept else value for name, value in drawn.items()}

    def states(self, own: tuple[State, State], seed: int, *, randomise: bool, transfer: bool) -> tuple[State, State]:
        """What the left and the right are run with: their own, made random where constant, and the left's moved.

        Where nothing is moved, what is folded to within the rounding of float32 is made the product itself.
        """
        left = self.randomised(own[0], seed) if randomise else dict(own[0])
        if not transfer:
            return self._exact(left, own[1])
        for fold in self.folds:
            left |= fold.centred(left) if fold.side == 0 else {}
        right = self.moved(left, self.randomised(own[1], seed) if randomise else own[1])
        for fold in self.folds:
            right |= fold.joined(left, right) if fold.side == 0 else fold.unfolded(left, right)
        return left, right

    def _exact(self, left: State, right: State) -> tuple[State, State]:
        found = [dict(left), dict(right)]
        for fold in self.folds:
            if fold.error is not None:
                found[1 - fold.side] |= fold.joined(found[fold.side], found[1 - fold.side])
        return found[0], found[1]


def pair(
    left: Trace, right: Trace, rename: Rename | None = None, training: Callable[[], tuple[Trace, Trace]] | None = None
) -> Pairing:
    """Align two models. What is paired by nothing but chance is said to be ambiguous, never hidden.

    ``training`` gives the runs in training, which are read for what both models leave unused: an auxiliary head.
    Raises InputError for a hint that is none, or names nothing.
    """
    check_rename(rename, left, right)
    found = _paired(left, right, rename)
    others = training() if training is not None and all(found.unused) else ()
    if others and not any(trace.stopped for trace in others):
        more = _paired(*others, _keeping(found.names, rename))
        hand = {name for name in more.names if name not in found.names and rename and renamed(name, rename)}
        found = _widened(found, replace(more, decided=_by_user(more.decided, hand)))
    return replace(found, hinted=tuple(told(rename, found.decided, found.names, left)))


def _by_user(decided: Mapping[str, By], hand: Collection[str]) -> dict[str, By]:
    """What decided in training: the hint that keeps what is joined is not the user's."""
    return {name: "name" if by == "rename" and name not in hand else by for name, by in decided.items()}


def _keeping(names: Mapping[str, str], rename: Rename | None) -> Rename:
    """The hint that joins what is joined already, and else what the user's joins."""
    return lambda name: names.get(name) or (renamed(name, rename) if rename else None) or ""


def _widened(found: Pairing, more: Pairing) -> Pairing:
    """A pairing, with what it says to be unused as another has it."""

    def new(units: Sequence[Unit], side: int) -> list[Unit]:
        return [u for u in units if all(ref.name in found.unused[side] for ref in u.refs.values())]

    fresh = [(a, b) for a, b in more.pairs if new([a], 0) and new([b], 1)]
    known = {ref.name for a, _ in fresh for ref in a.refs.values()}
    kept = [(a, b) for a, b in found.pairs if not all(ref.name in known for ref in a.refs.values())]
    left, right = (tuple(n for n in found.unused[side] if n in more.unused[side]) for side in (0, 1))
    return replace(
        found,
        pairs=(*kept, *fresh),
        left_only=(*found.left_only, *new(more.left_only, 0)),
        right_only=(*found.right_only, *new(more.right_only, 1)),
        unused=(left, right),
        ambiguous=(*found.ambiguous, *(text for text in more.ambiguous if text not in found.ambiguous)),
        decided={**more.decided, **found.decided},
        guessed=found.guessed | more.guessed,
    )


def _paired(left: Trace, right: Trace, rename: Rename | None) -> Pairing:
    """The pairs of what two runs use."""
    graphs = TraceGraph(left), TraceGraph(right)
    a, b = units(left), units(right)
    a, b = split_recurrent(a, b), split_recurrent(b, a)
    a = split_fused(a, graphs[0], b, graphs[1])
    b = split_fused(b, graphs[1], a, graphs[0])
    joined = matched(a, b, graphs, rename)
    parted = _parted((a, b), graphs, joined.sure)
    if sum(map(len, parted)) > len(a) + len(b):
        again = matched(*parted, graphs, rename)
        if sum(map(len, parted)) - 2 * len(again.sure) < len(a) + len(b) - 2 * len(joined.sure):
            (a, b), joined = parted, again
    found = joined.pairs
    mine, theirs = dict(enumerate(a)), dict(enumerate(b))
    guesses = {tuple(str(r) for i in group for r in a[i].refs.values()): text for group, text in joined.guesses.items()}
    for i, j in found.items():
        mine[i], theirs[j], unsure = agreed(a[i], turned(a[i], b[j]))
        if unsure:
            guesses[tuple(unsure)] = f"{', '.join(unsure)} could be another of its shape; use rename= to say"
    decided: dict[str, By] = {str(ref): joined.by[i] for i in found for ref in mine[i].refs.values()}
    loose = pair_loose(mine, theirs, found)
    decided |= {str(ref): "tensor" for unit, _ in loose for ref in unit.refs.values()}
    found = {i: j for i, j in sorted(found.items()) if i in mine and j in theirs}
    taken = set(found.values())
    pairs = with_buffers([*((mine[i], theirs[j]) for i, j in found.items()), *loose], left, right)
    only = (
        _alone([unit for i, unit in sorted(mine.items()) if i not in found], [unit for unit, _ in pairs]),
        _alone([unit for j, unit in sorted(theirs.items()) if j not in taken], [unit for _, unit in pairs]),
    )
    pairs, only, hand = by_hand(pairs, only, rename)
    decided |= dict.fromkeys(hand, "rename")
    return Pairing(
        pairs=tuple(pairs),
        left_only=tuple(only[0]),
        right_only=tuple(only[1]),
        foldable=tuple(candidates(pairs, only, (left, right))),
        frozen=(_frozen(left), _frozen(right)),
        unused=(_unused(left, a), _unused(right, b)),
        ambiguous=tuple(text for names, text in guesses.items() if not hand.issuperset(names)),
        decided=decided,
        guessed=frozenset({name for names in guesses for name in names} - hand),
        cut=(left.stopped, right.stopped),
    )


def _parted(
    sides: tuple[list[Unit], list[Unit]], graphs: tuple[TraceGraph, TraceGraph], found: Matches
) -> tuple[list[Unit], list[Unit]]:
    """Both sides, with the layers that have no partner split where they stand for several of the other's."""
    a, b = sides
    parted = split_fused(a, graphs[0], b, graphs[1], set(range(len(a))) - found.keys())
    return parted, split_fused(b, graphs[1], a, graphs[0], set(range(len(b))) - set(found.values()))


def _alone(own: Sequence[Unit], paired: Sequence[Unit]) -> list[Unit]:
    """The units of a side of which something has no partner."""
    names = {str(ref) for unit in paired for ref in unit.refs.values()}
    return [unit for unit in own if not names.issuperset(map(str, unit.refs.values()))]


def _frozen(trace: Trace) -> bool:
    """Whether a model has nothing to train."""
    return not any(tensor.trainable for tensor in trace.state.values())


def _unused(trace: Trace, own: Sequence[Unit]) -> tuple[str, ...]:
    """Parameters that no operation used."""
    used = {ref.name for unit in own for ref in unit.refs.values()}
    return tuple(name for name in trace.state if name not in used)
