"""What an optimiser keeps of each parameter, carried over with the weights so that training goes on elsewhere.

A torch checkpoint holds it beside the weights, by the parameters' numbers; Paddle in a .pdopt file, by its own names.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.conventions import Conventions, Kept, conventions_of
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Plan
from nlblocks.weights.files import DTYPES, Checkpoint, Tensor, in_memory
from nlblocks.weights.files.parts import is_slot
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.reading import read_contents
from nlblocks.weights.generated import making

BETAS = ((0.9, 0.8, 0.85, 0.5, 0.95, 0.99, 0.0), (0.999, 0.99, 0.98, 0.95, 0.9, 0.995, 0.9999))
"""The betas that a file of powers may come from: it does not say them."""
_LEAST = 1e-35
"""Powers below this have lost digits in float32."""
NAMES = "parameters"
"""Where the record keeps what Paddle calls the parameters."""
_AMP = "_fp32_master_0"


@dataclass(frozen=True, slots=True)
class Moments:
    """What is kept: of each kind ("m", "v", "velocity") by parameter, the count of updates, Adam's betas.

    ``sources`` are the parameters that a converted one was made of.
    """

    kinds: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    updates: dict[str, int] = field(default_factory=dict)
    betas: dict[str, tuple[float, float]] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        return {name for tensors in self.kinds.values() for name in tensors}


def left_as_it_is(checkpoint: Checkpoint, target: str) -> list[str]:
    """Notes on an optimiser's state among another framework's tensors; an InputError where there is nothing else."""
    kept = [name for name in checkpoint if is_slot(name.rpartition(".")[2])]
    if not kept or target == checkpoint.layout:
        return []
    if len(kept) == len(checkpoint):
        raise InputError(
            f"{checkpoint.path}: holds an optimiser's state ({shown(kept[0])}) and no weights; convert the weights "
            "that it belongs to, with --optimiser"
        )
    what = f"{len(kept)} tensors of an optimiser ({shown(kept[0])}, ...)"
    return [f"{what} are copied as they are; --optimiser carries them over"]


def parameters(tensors: Mapping[str, Tensor], form: Conventions) -> list[str]:
    """The tensors that are trained, by all that a file tells: no statistics, no whole numbers."""
    norm, found = form.batch_norm, []
    for name, tensor in tensors.items():
        module, _, leaf = name.rpartition(".")
        power = leaf in ("weight_u", "weight_v", "0._u", "0._v") and f"{module}.weight_orig" in tensors
        floats = tensor.dtype.name.startswith(("float", "bfloat", "complex"))
        if floats and leaf not in (norm.mean, norm.variance, norm.count, "_u", "_v") and not power:
            found.append(name)
    return found


def read(checkpoint: Checkpoint, names: Mapping[str, str]) -> Moments:
    """The optimiser's state of a checkpoint; ``names`` is what Paddle calls its parameters, where somebody says it."""
    form = conventions_of(checkpoint.layout)
    if form.kept is None:
        raise InputError(f"{checkpoint.path}: the state of {form.title}'s optimisers is not converted")
    found = _numbered(checkpoint, form) if form.kept.updates else _named(checkpoint, form.kept, names)
    if not found.names:
        raise InputError(
            f"{checkpoint.path}: its optimiser keeps nothing that is carried over; SGD without momentum needs none"
        )
    return found


def _numbered(checkpoint: Checkpoint, form: Conventions) -> Moments:
    path, kept = checkpoint.path, form.kept
    assert kept is not None
    contents = read_contents(path)
    entries: dict[tuple[str, ...], Any] = {**contents.others, **contents.tensors}
    heads = {keys[: keys.index("param_groups")] for keys in entries if "param_groups" in keys}
    if len(heads) != 1:
        what = f"the states of {len(heads)} optimisers" if heads else "no optimiser's state"
        raise InputError(
            f"{path}: {what} in the file; save {{'model': net.state_dict(), 'optimizer': optimizer.state_dict()}}"
        )
    (head,) = heads
    names, groups = _order(checkpoint, entries, head, form)
    found = Moments()
    for keys, value in entries.items():
        if keys[:-3] != head or keys[-3] != "state" or keys[-2] not in names:
            continue
        name, slot = names[keys[-2]], keys[-1]
        kind = next((kind for kind, own in kept.slots.items() if own == slot), None)
        if slot == kept.updates:
            found.updates[name] = int(value.raw() if isinstance(value, Tensor) else value)
        elif kind is not None and isinstance(value, Tensor):
            if value.shape != checkpoint[name].shape:
                raise InputError(f"{path}: {slot} number {keys[-2]} has shape {value.shape}, and {shown(name)} "
                                 f"{checkpoint[name].shape}; the parameters are in another order")  # fmt: skip
            found.kinds.setdefault(kind, {})[name] = value
        elif value is not None:
            raise InputError(f"{path}: the optimiser keeps {shown(slot)}, which has no counterpart here")
    for number, name in names.items():
        group = groups[number]
        found.betas[name] = group.get(("betas", "0"), 0.9), group.get(("betas", "1"), 0.999)
        if group.get(("dampening",)):
            raise InputError(f"{path}: SGD with dampening has no counterpart in another framework")
    return found


def _order(
    checkpoint: Checkpoint, entries: Mapping[tuple[str, ...], Any], head: tuple[str, ...], form: Conventions
) -> tuple[dict[str, str], dict[str, Mapping[tuple[str, ...], Any]]]:
    """(number → parameter, number → its group): by the names in the groups, else in the model's order."""
    groups: dict[str, dict[tuple[str, ...], Any]] = {}
    for keys, value in entries.items():
        if keys[: len(head) + 1] == (*head, "param_groups"):
            groups.setdefault(keys[len(head) + 1], {})[keys[len(head) + 2 :]] = value
    numbers, names, of = [], [], dict[str, Mapping[tuple[str, ...], Any]]()
    for group in groups.values():
        for keys, value in group.items():
            if keys[0] == "params":
                numbers.append(str(value))
                of[str(value)] = group
            elif keys[0] == "param_names":
                names.append(checkpoint.prefix + str(value).removeprefix(checkpoint.prefix))
    trained = parameters(checkpoint.tensors, form)
    if names and (len(names) != len(numbers) or not {*names} <= {*trained}):
        raise InputError(f"{checkpoint.path}: the optimiser's param_names are not those of the model beside it")
    if not names and (len(groups) > 1 or len(numbers) != len(trained)):
        raise InputError(
            f"{checkpoint.path}: the optimiser has {len(numbers)} parameters in {len(groups)} groups, the model "
            f"{len(trained)}, so their order is not known; make the optimiser of net.named_parameters() and save again"
        )
    return dict(zip(numbers, names or trained, strict=True)), of


def _named(checkpoint: Checkpoint, kept: Kept, names: Mapping[str, str]) -> Moments:
    path = checkpoint.path.with_suffix(".pdopt")
    if not path.exists():
        raise InputError(
            f"{path}: is not there; the optimiser's state lies beside the weights, as paddle.save writes it"
        )
    state = {  # each ends in a number of its own, which is 0 unless another optimiser was made before
        re.sub(r"_\d+$", "", keys[0]): tensor for keys, tensor in read_contents(path).tensors.items() if len(keys) == 1
    }
    own = names or {name: called for name, called in checkpoint.names.items() if name != called}
    recorded = checkpoint.record.get(NAMES)
    own = own or (recorded if isinstance(recorded, dict) else {})
    found, used = Moments(), set[str]()
    for name in checkpoint:
        for called in (own.get(name, name), f"{own.get(name, name)}{_AMP}"):
            for kind, slot in kept.slots.items():
                key = f"{called}_{slot}"
                if key in state:
                    found.kinds.setdefault(kind, {})[name] = state[key]
                    used.add(key)
            powers = [f"{called}_{power}" for power in kept.powers]
            if all(key in state for key in powers):
                first, second = (float(state[key].numpy().reshape(-1)[0]) for key in powers)
                found.updates[name] = _updates(first, second, path)
                used |= {*powers}
    rest = [key for key in state if key not in used]
    if rest:
        raise InputError(
            f"{path}: {shown(rest[0])} belongs to no parameter of {checkpoint.path.name} by the names that this gives; "
            "say --names with a .pdparams that paddle.save wrote of the model's state_dict()"
        )
    return found


def _updates(first: float, second: float, path: Path) -> int:
    """How many updates came before the one whose powers of beta these are: by the usual betas, or others that fit."""
    found = set[int]()
    for one, two in itertools.product(*BETAS):
        power, base = (second, two) if second > _LEAST else (first, one)
        if not _LEAST < power < 1 or not base:
            continue
        count = round(math.log(power) / math.log(np.float32(base)))
        near = 1e-6 * (count + 10)  # float32, multiplied up update by update
        other = float(np.float32(one)) ** count
        if abs(float(np.float32(base)) ** count / power - 1) < near and abs(other - first) < max(near * first, _LEAST):
            if (one, two) == (BETAS[0][0], BETAS[1][0]):
                return count - 1
            found.add(count - 1)
    if len(found) != 1:
        raise InputError(f"{path}: powers of beta {first:g} and {second:g} do not tell how many updates there were")
    return found.pop()


@dataclass(frozen=True, slots=True)
class Carried:
    """An optimiser's state as the target has it: what a .pth file holds ``beside`` the weights, or a .pdopt's tensors.

    ``record`` is what the way back must know, ``note`` what a reader must know to use it.
    """

    beside: dict[str, Any] | None
    tensors: dict[str, Tensor]
    record: dict[str, Any]
    note: str


def carry(
    checkpoint: Checkpoint, planned: Plan, target: str, names: Mapping[str, str],
    replan: Callable[[dict[str, Tensor]], Plan], *, prefix: str,
) -> Carried:  # fmt: skip
    """Carry over what the optimiser of a checkpoint keeps.

    ``names`` is what the Paddle model calls its parameters, where somebody says it; ``replan`` converts other tensors
    as the weights were, dropping ``prefix`` from their names.
    """
    source, form = conventions_of(checkpoint.layout), conventions_of(target)
    if form is source or form.kept is None:
        raise InputError("--optimiser carries the state over to another framework; in a copy it stays, with --key ''")
    moments = read(checkpoint, names)
    done = _carried(moments, checkpoint.tensors, replan, prefix)
    if form.kept.updates:
        trained = [name.removeprefix(prefix) for name in parameters(checkpoint.tensors, source)]
        order = [
            row.target
            for row in planned.rows
            if row.tensor is not None and row.sources and {*row.sources} <= {*trained}
        ]
        return Carried(_numbered_state(done, order, form.kept), {}, {}, _SETTINGS)
    own = dict(names) or _names(planned, form)
    of = {done.sources[name]: called for name, called in own.items() if name in done.sources}
    own |= {name: of[done.sources[name]] for name in done.names if name not in own and done.sources[name] in of}
    note = "" if names else _FRESH.format(next(iter(own.values()), "linear_0.w_0"))
    return Carried(None, _named_state(done, own, form.kept), {NAMES: own}, note)


_SETTINGS = (
    "a .pdopt holds no learning rate and no other setting: load the state into an optimiser that has them, by "
    "optimizer.load_state_dict(saved['optimizer'] | {'param_groups': optimizer.state_dict()['param_groups']})"
)
_FRESH = (
    "the .pdopt has the names that Paddle gives to a model's parameters where it is built first in its process ({}, "
    "...); another model refuses them at its first step: --names with a .pdparams of its state_dict() says its names"
)


def _carried(
    moments: Moments, tensors: Mapping[str, Tensor], replan: Callable[[dict[str, Tensor]], Plan], prefix: str
) -> Moments:
    """Each kind goes through the conversion of the weights that it belongs to."""
    done = Moments()
    updates = {name.removeprefix(prefix): count for name, count in moments.updates.items()}
    betas = {name.removeprefix(prefix): found for name, found in moments.betas.items()}
    for kind, own in moments.kinds.items():
        kept = {name.removeprefix(prefix) for name in own}
        for row in replan({name: own.get(name, tensor) for name, tensor in tensors.items()}).rows:
            if row.tensor is None or not row.sources or not {*row.sources} <= kept:
                continue
            done.kinds.setdefault(kind, {})[row.target] = row.tensor
            done.sources[row.target], first = row.sources, row.sources[0]
            if any(updates.get(name) != updates.get(first) for name in row.sources):
                raise InputError(f"{', '.join(row.sources)} become one, but were not updated equally often")
            if first in updates:
                done.updates[row.target] = updates[first]
            done.betas[row.target] = betas.get(first, (BETAS[0][0], BETAS[1][0]))
    return done


def _numbered_state(moments: Moments, order: Sequence[str], kept: Kept) -> dict[str, Any]:
    """What goes beside the weights into a .pth file: a state_dict of torch's optimisers, without their settings."""
    state: dict[int, dict[str, Any]] = {}
    for kind, tensors in moments.kinds.items():
        for name, tensor in tensors.items():
            state.setdefault(order.index(name), {})[kept.slots[kind]] = tensor
    for name, count in moments.updates.items():
        state[order.index(name)][kept.updates] = in_memory(np.array(count, np.float32), DTYPES["float32"])
    group = {"params": list(range(len(order))), "param_names": list(order)}
    return {"optimizer": {"state": dict(sorted(state.items())), "param_groups": [group]}}


def _named_state(moments: Moments, names: Mapping[str, str], kept: Kept) -> dict[str, Tensor]:
    """The tensors of a .pdopt file."""
    found: dict[str, Tensor] = {}
    missing = sorted(moments.names - names.keys())
    if missing:
        raise InputError(
            f"what Paddle calls {', '.join(map(shown, missing[:5]))} cannot be told; say --names with a .pdparams that "
            "paddle.save wrote of the Paddle model's state_dict()"
        )
    for kind, tensors in moments.kinds.items():
        found |= {f"{names[name]}_{kept.slots[kind]}_0": tensor for name, tensor in tensors.items()}
    for name, count in moments.updates.items():
        wide = any(own[name].dtype.name == "float64" for own in moments.kinds.values() if name in own)
        dtype = "float64" if wide else "float32"
        for power, beta in zip(kept.powers, moments.betas[name], strict=True):
            value = np.full((1,), beta ** (count + 1), dtype)
            found[f"{names[name]}_{power}_0"] = in_memory(value, DTYPES[dtype])
    return found


def _names(planned: Plan, form: Conventions) -> dict[str, str]:
    """What Paddle calls the parameters of a model that is built first in its process, in the file's order."""
    linear = {row.target for row in planned.rows if "turned" in row.action}
    linear |= {name for name, kind in planned.record.get("said", {}).items() if kind == "conv1d"}
    return making(planned.tensors, linear, form)
