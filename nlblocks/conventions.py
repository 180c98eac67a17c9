"""How a framework names its layers' tensors and lays them out: a table that each backend declares and the core reads.

A checkpoint is converted between any two of these tables, by one procedure per layer. The package of a backend has a
module ``conventions`` with an object ``conventions``; it imports no framework, so that files convert where none is
installed. A backend without that module, such as the reference, has no files.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nlblocks.backend import row_of, rows
from nlblocks.errors import BackendError, one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm:
    """The names of its statistics, and of the count of its batches: "" where it keeps none."""

    mean: str = "running_mean"
    variance: str = "running_var"
    count: str = "num_batches_tracked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """MultiheadAttention: the projections q, k and v, fused into one tensor or separate, and the one behind them.

    ``whole`` names the fused one, q above k above v along the outputs; "" where they are separate. ``part`` names a
    separate one, {} being q, k or v; a fused layer has those, but for its bias, where keys and values have other
    widths. ``joint`` comes before weight and bias: "." where these are modules, "_" where they are the layer's own
    tensors. ``out`` is a module. ``bias_kv``: the layer may add bias_k and bias_v, which are not converted.
    """

    whole: str = "in_proj"
    part: str = "{}_proj"
    joint: Literal["_", "."] = "_"
    out: str = "out_proj"
    bias_kv: bool = False

    def fused(self, leaf: str) -> str:
        return f"{self.whole}{self.joint}{leaf}"

    def separate(self, part: str, leaf: str) -> str:
        return f"{self.part.format(part)}{self.joint}{leaf}"

    @property
    def own_weights(self) -> frozenset[str]:
        """The weights that are the layer's own tensors, not those of a module that tells what they are."""
        if self.joint == ".":
            return frozenset()
        separate = [self.separate(part, "weight") for part in "qkv"]
        return frozenset([self.fused("weight"), *separate] if self.whole else separate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The modules, {} being the layer's number, under which a recurrent layer lists its tensors once more.

    ``one`` where it runs one way, else ``forward`` and ``backward``. A cell of an LSTM with proj_size has five tensors,
    the last in this listing alone: in the other, under weight_ih_l0 and so on, its names are dealt to all cells'
    tensors in order, four a cell, so that they come to stand a place further.
    """

    one: str
    forward: str
    backward: str

    def module(self, layer: int | str, reverse: str, two: bool) -> str:
        """The cell of a layer that runs forward, or with ``reverse`` backward, where there are ``two`` or one."""
        return ((self.backward if reverse else self.forward) if two else self.one).format(layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent:
    """LSTM, GRU and RNN: weight_ih_l0 and so on, in all frameworks alike.

    ``projection`` is the weight of an LSTM with proj_size, laid out like a Linear's: weight_hr_l0, or that of a cell.
    """

    projection: str = "weight_hr"
    cells: Cells | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parametrised:
    """Where weight norm and spectral norm may hold their parts besides weight_g, weight_v, weight_orig and weight_u.

    ``module`` is the module that holds them, under the weight's name: parametrizations.weight.original0. The tables
    give the name of each part.
    """

    module: str
    weight_norm: Mapping[str, str]
    spectral_norm: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A layer whose parameters the framework names itself, by the layer's type and a number: linear_0.w_0.

    ``type`` is a regular expression, ``leaves`` says which of the layer's own names each stands for, ``without_first``
    where the layer has lost w_0. ``kind`` is what its weight is to a conversion, "" where its other tensors tell it.
    """

    type: str
    leaves: Mapping[str, str]
    without_first: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What optimisers keep of a parameter: Adam's moments ``m`` and ``v``, the ``velocity`` of SGD with momentum.

    ``updates`` is the count of a parameter's updates, "" where the powers of both betas of the next update are kept
    instead, under ``powers``.
    """

    m: str
    v: str
    velocity: str
    updates: str = ""
    powers: tuple[str, str] = ("", "")

    @property
    def slots(self) -> dict[str, str]:
        """Our name → the framework's, of what is laid out like the parameter."""
        return {"m": self.m, "v": self.v, "velocity": self.velocity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """One framework's table. What is left out is as in canonical states, whose names and layouts are the defaults.

    ``title`` is what messages call the framework; ``safetensors`` is what a .safetensors file's metadata says under
    "format", which must be no other's. ``linear_in_out``: Linear weights are [in, out]. ``instance_norm`` and ``prelu``
    name those layers' weight: "weight" does not tell the layer, another name does. ``layer_norm``: over several axes
    its tensors have these "axes" or are "flat". ``bilinear_bias`` is a "vector" [out] or a "row" [1, out].
    ``cross_attention`` is the name of the second attention of a TransformerDecoderLayer. ``weight_norm``: the
    magnitudes weight_g lie along an "axis", [1, .., k, .., 1], or are a "vector" [k]. ``pruning`` is what may hold a
    weight as weight_orig and weight_mask, "" where nothing does. ``generated``: names of its own for the parameters,
    under which files may hold them too. ``kept`` is what its optimisers keep, None where that is not converted.

    A layer that no field speaks of has the same tensors in every framework. A third framework in which one has not
    needs a field here, and a procedure in :mod:`nlblocks.weights` that reads it.
    """

    title: str
    safetensors: str
    linear_in_out: bool = False
    batch_norm: BatchNorm = field(default_factory=BatchNorm)
    instance_norm: str = "weight"
    prelu: str = "weight"
    layer_norm: Literal["axes", "flat"] = "axes"
    bilinear_bias: Literal["vector", "row"] = "vector"
    attention: Attention = field(default_factory=Attention)
    cross_attention: str = "multihead_attn"
    recurrent: Recurrent = field(default_factory=Recurrent)
    weight_norm: Literal["axis", "vector"] = "axis"
    parametrised: Parametrised | None = None
    pruning: str = ""
    generated: tuple[Generated, ...] = ()
    kept: Kept | None = None


CANONICAL = Conventions(title="nlblocks", safetensors="")
"""The names that a conversion's record speaks of, whatever the two frameworks."""


def conventions_of(name: str) -> Conventions:
    """What a backend declares; a BackendError where it is unknown or has no files."""
    found = _declared(name)
    if found is None:
        raise BackendError(f"backend {name!r} has no files, so none of its layout; it {one_of(name, frameworks())}")
    return found


def frameworks() -> list[str]:
    """The backends that have files: those that declare conventions, in the order of the registry."""
    return [name for name in rows() if _declared(name) is not None]


def safetensors_format(name: str) -> str:
    """What a .safetensors file in a backend's layout says under "format"."""
    said = conventions_of(name).safetensors
    if framework_of(said) != name:
        raise BackendError(
            f"backend {name!r}: its conventions say safetensors={said!r}, as those of {framework_of(said)!r} do; "
            "it needs a word of its own"
        )
    return said


def framework_of(safetensors: str) -> str | None:
    """Whose layout a .safetensors file has that says this under "format"; None where it is nobody's."""
    return next((name for name in rows() if (own := _declared(name)) and own.safetensors == safetensors), None)


def _declared(name: str) -> Conventions | None:
    module = f"{row_of(name).module}.conventions"
    try:
        found = getattr(importlib.import_module(module), "conventions", None)
    except ModuleNotFoundError as error:
        if error.name != module:  # something that it imports
            raise BackendError(f"backend {name!r}: {module} cannot be imported: {error}") from None
        return None
    if not isinstance(found, Conventions):
        raise BackendError(f"backend {name!r}: {module}.conventions must be Conventions, not {type(found).__name__}")
    return found
