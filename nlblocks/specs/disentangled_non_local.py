"""The disentangled non-local block: a whitened pairwise map, and a unary one that all positions share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_number, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

PairMode = Literal["embedded_gaussian", "dot_product", "concatenation"]
KeyPool = Literal["none", "before"]
PairScale = Literal["none", "sqrt_inner"]
Whiten = Literal["none", "positions", "channels", "all"]
Unary = Literal["none", "mask", "mean", "both"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DisentangledNonLocal(BlockSpec):
    """y = x + w_z(gamma · Σ_j a_ij g_j + Σ_j u_j g_j): a disentangled non-local block over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D ``inter_channels`` (default C // 2, at least 1), N = H·W query positions, M
    key positions (N, or fewer when sub-sampled), E the width of g. θ and φ are the 1×1 convolutions ``theta`` and
    ``phi`` (C → D) of the positions, less a mean; g is [B, M, E], the pairwise map a is [B, N, M], the unary u [B, M].
    With s = √D where ``scale`` is "sqrt_inner", else 1, and τ the ``temperature``:

    =================== =============================================
    ``mode``            a_ij
    =================== =============================================
    embedded_gaussian   softmax over j of θ_i·φ_j / (s τ)
    dot_product         θ_i·φ_j / (s M)
    concatenation       relu(w_f·[θ_i, φ_j]) / (s M)
    =================== =============================================

    ``whiten``: the mean that θ and φ are each less is one per channel over all "positions" (the paper), one per
    position over its "channels", one over "all" of them, or there is "none". ``unary``: u is the softmax over j of
    mask(x)_j ("mask", 1×1 convolution C → 1), that of θ̄·φ_j with θ̄ the mean over positions ("mean"), the sum of
    "both", or 0 ("none"). ``sub_sample``: keys, values and mask come from x max-pooled by 2 ("before"). Equal values
    in a window: the first, in row-major order, gets the gradient.

    ``output``: w_z and ``norm`` exist, g has width E = D and a bias. Without, E = C, g has no bias and there is no w_z.
    ``pair_gamma``: a learned scalar gamma, which starts at 0; without, gamma is 1. ``output_relu``: a ReLU after the
    norm, before x is added. ``zero_init`` starts the last layer (the norm's weight, w_z, or g) at zero: the identity.

    Defaults are mmseg's. PaddleSeg adds the ReLU, the authors' code has gamma, pools keys, and may leave w_z out. The
    biases of mask and, with "positions", of theta and phi do nothing.

    The maps are "pairwise" and "unary" [B, *keys], or "attention" where there is the first alone.

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or too small to pool.
    """

    kind: ClassVar[str] = "disentangled_non_local"
    cites: ClassVar[str] = "Yin et al. 2020, Disentangled Non-Local Neural Networks, arXiv:2006.06668, eq. 8"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of theta and phi; None: C // 2, at least 1"] = None
    mode: Annotated[PairMode, "embedded_gaussian, dot_product or concatenation"] = "embedded_gaussian"
    sub_sample: Annotated[KeyPool, "max pooling of what keys, values and mask are made of: none or before"] = "none"
    scale: Annotated[PairScale, "what the affinity is divided by: none (1) or sqrt_inner (√D)"] = "sqrt_inner"
    temperature: Annotated[float, "τ, what embedded_gaussian divides the affinity by as well"] = 0.05
    whiten: Annotated[Whiten, "the mean taken off theta and phi: over positions, channels, all, or none"] = "positions"
    unary: Annotated[Unary, "the map that all positions share: mask, mean, both or none"] = "mask"
    pair_gamma: Annotated[bool, "a learned scalar before the pairwise part, 0 at the start"] = False
    output: Annotated[bool, "whether there is a w_z; without, g is as wide as x"] = True
    output_bias: Annotated[bool, "whether w_z has a bias"] = False
    norm: Annotated[BatchNorm | None, "the BatchNorm at the end, or None"] = field(default_factory=BatchNorm)
    output_relu: Annotated[bool, "a ReLU at the end, before the sum"] = False
    zero_init: Annotated[bool, "start as the identity: the last layer at zero"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        for name, words in (
            ("mode", PairMode), ("sub_sample", KeyPool), ("scale", PairScale), ("whiten", Whiten), ("unary", Unary)
        ):  # fmt: skip
            check_choice(self, name, get_args(words))
        check_number(self, "temperature", low=0.0, exclusive="low")
        check_type(self, "norm", BatchNorm, optional=True)
        for name in ("pair_gamma", "output", "output_bias", "output_relu", "zero_init"):
            check_bool(self, name)
        if self.output_bias and not self.output:
            raise refuse(self, "output_bias", "is for w_z, which output=False leaves out")
        if self.unary in ("mean", "both") and self.whiten != "positions":
            raise refuse(self, "unary", "takes the mean over positions; whiten must be 'positions'")

    @property
    def inner(self) -> int:
        """D, the width of theta and phi."""
        return self.inter_channels or layers.reduce_channels(self.in_channels)

    @property
    def value_width(self) -> int:
        """E, the width of g."""
        return self.inner if self.output else self.in_channels

    @property
    def divisor(self) -> float:
        """What the affinity is divided by: s τ in embedded_gaussian, s elsewhere."""
        scale = math.sqrt(self.inner) if self.scale == "sqrt_inner" else 1.0
        return scale * self.temperature if self.mode == "embedded_gaussian" else scale

    @property
    def has_mask(self) -> bool:
        return self.unary in ("mask", "both")

    @property
    def pool(self) -> Shape:
        """Kernel and stride of the sub-sampling; ones where there is none."""
        return (1, 1) if self.sub_sample == "none" else (2, 2)

    @property
    def takes_maximum(self) -> bool:
        return self.sub_sample != "none"

    def params(self) -> tuple[Param, ...]:
        c, d, one = self.in_channels, self.inner, (1, 1)
        last = "norm" if self.norm is not None else "w_z" if self.output else "g"
        start = {last: layers.ZERO} if self.zero_init else {}
        params = layers.conv(
            "g", c, self.value_width, one, bias=self.output, init=start.get("g", layers.TORCH)
        ) + layers.conv("theta", c, d, one) + layers.conv("phi", c, d, one)  # fmt: skip
        if self.mode == "concatenation":
            params += (Param("w_f", (2 * d,), Init.uniform(1.0 / math.sqrt(2 * d))),)
        if self.has_mask:
            params += layers.conv("mask", c, 1, one)
        if self.pair_gamma:
            params += (layers.GAMMA,)
        if self.output:
            params += layers.conv("w_z", d, c, one, bias=self.output_bias, init=start.get("w_z", layers.TORCH))
        if self.norm is not None:
            params += layers.batch_norm("norm", c, gamma=0.0 if "norm" in start else 1.0)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=self.pool)

    def keys(self, shape: Shape) -> Shape:
        """The extents of the keys for an input of this shape."""
        return tuple(n // k if n >= 0 else n for n, k in zip(shape[2:], self.pool, strict=True))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        pairwise = (shape[0], math.prod(shape[2:]), math.prod(self.keys(shape)))
        if self.unary == "none":
            return {"attention": pairwise}
        return {"pairwise": pairwise, "unary": (shape[0], *self.keys(shape))}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        pairwise = MapLayout(meaning="positions", grid=tuple(shape[2:]), pool=self.pool)
        if self.unary == "none":
            return {"attention": pairwise}
        return {"pairwise": pairwise, "unary": MapLayout(meaning="mask", grid=self.keys(shape))}

    def letters(self, shape: Shape) -> dict[str, int]:
        keys = {} if self.sub_sample == "none" else {"M": math.prod(self.keys(shape))}
        return {**BlockSpec.letters(self, shape), "D": self.inner, **keys}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, d, e = self.in_channels, self.inner, self.value_width
        n, m = math.prod(shape[2:]), math.prod(self.keys(shape))
        width = 2 * d if self.mode == "concatenation" else d
        unary = {"none": 0, "mask": c, "mean": d, "both": c + d}[self.unary] + (0 if self.unary == "none" else e)
        return shape[0] * (c * d * (n + m) + c * e * m + n * m * (width + e) + m * unary + n * d * c * self.output)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
