"""The non-local block: every position attends to every (pooled) position."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Mode = Literal["embedded_gaussian", "gaussian", "dot_product", "concatenation"]
SubSample = Literal["none", "before", "after"]
Scale = Literal["none", "sqrt_inner", "sqrt_in"]
MODES: tuple[Mode, ...] = get_args(Mode)
SUB_SAMPLES: tuple[SubSample, ...] = get_args(SubSample)
SCALES: tuple[Scale, ...] = get_args(Scale)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class NonLocal(BlockSpec):
    """z = w_z(y) + x, y_i = Σ_j a_ij g_j: a non-local block in 1, 2 or 3 dimensions.

    Letters: B batch, C ``in_channels``, D ``inter_channels`` (default C // 2, at least 1), N query positions
    (T, H·W or T·H·W), M key positions (N, or fewer when sub-sampled). x and z are [B, C, *spatial], g is [B, M, D]
    and the attention map a is [B, N, M]. With θ, φ the 1×1 convolutions ``theta``, ``phi`` (C → D), s the scale:

    =================== ==================================== ===================
    ``mode``            affinity f_ij                        a_ij
    =================== ==================================== ===================
    embedded_gaussian   θ(x_i)·φ(x_j) / s                    softmax over j
    gaussian            x_i·x_j / s (no theta, no phi)       softmax over j
    dot_product         θ(x_i)·φ(x_j) / s                    f_ij / M
    concatenation       relu(w_f·[θ(x_i), φ(x_j)]) / s       f_ij / M
    =================== ==================================== ===================

    ``scale``: s is 1 ("none", the paper), √D ("sqrt_inner": SlowFast, mmcv) or √C ("sqrt_in": timm).
    ``sub_sample``: keys and values are max-pooled by 2 (in 3D by (1, 2, 2)) "after" their convolution
    (Non-local_pytorch), "before" it (video-nonlocal-net, SlowFast), or not ("none"). The two are different functions.
    Equal values in a window: the first, in row-major order, gets the gradient.
    ``affinity_bias``: in concatenation, a learned scalar b_f is added before the ReLU (tea1528).
    ``output_bias``: w_z has a bias; mmcv and PaddleSeg leave it out before a norm. ``output_relu``: a ReLU after the
    norm, before x is added (PaddleSeg).
    ``norm``: a BatchNorm after w_z, or None. ``zero_init`` starts the last layer (the norm's weight, or w_z) at zero,
    so that the block is the identity at initialisation.

    In float16 the affinity, its softmax and its division are computed in float32: scores pass 65504 where features do
    not. A dot product's output grows with scores and values, and may pass it all the same.

    Raises InputError for impossible fields, and for inputs of the wrong rank, channels or too small to pool.
    """

    kind: ClassVar[str] = "non_local"
    cites: ClassVar[str] = "Wang et al. 2018, Non-local Neural Networks, arXiv:1711.07971, eq. 1-6"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of theta, phi and g; None: C // 2, at least 1"] = None
    dims: Annotated[int, "spatial dimensions: 1, 2 or 3"] = 2
    mode: Annotated[Mode, "embedded_gaussian, gaussian, dot_product or concatenation"] = "embedded_gaussian"
    sub_sample: Annotated[SubSample, "max pooling of keys and values: none, before or after their convolution"] = "none"
    scale: Annotated[Scale, "what the affinity is divided by: none (1), sqrt_inner (√D) or sqrt_in (√C)"] = "none"
    norm: Annotated[BatchNorm | None, "the BatchNorm after w_z, or None"] = field(default_factory=BatchNorm)
    zero_init: Annotated[bool, "start as the identity: the last layer at zero"] = True
    affinity_bias: Annotated[bool, "concatenation: a bias beside w_f"] = False
    output_bias: Annotated[bool, "whether w_z has a bias"] = True
    output_relu: Annotated[bool, "a ReLU after w_z and the norm, before the sum"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_choice(self, "dims", (1, 2, 3))
        check_choice(self, "mode", MODES)
        check_choice(self, "sub_sample", SUB_SAMPLES)
        check_choice(self, "scale", SCALES)
        check_type(self, "norm", BatchNorm, optional=True)
        for name in ("zero_init", "affinity_bias", "output_bias", "output_relu"):
            check_bool(self, name)
        if self.affinity_bias and self.mode != "concatenation":
            raise refuse(self, "affinity_bias", f"is for concatenation; mode={self.mode!r} has no affinity layer")

    @property
    def inner(self) -> int:
        """D, the width of g (and of theta and phi)."""
        return self.inter_channels or layers.reduce_channels(self.in_channels)

    @property
    def has_embedding(self) -> bool:
        """Whether theta and phi exist."""
        return self.mode != "gaussian"

    @property
    def scale_value(self) -> float:
        """s, what the affinity is divided by."""
        return {"none": 1.0, "sqrt_inner": math.sqrt(self.inner), "sqrt_in": math.sqrt(self.in_channels)}[self.scale]

    @property
    def pool(self) -> Shape:
        """Kernel and stride of the sub-sampling, per spatial axis; all ones where there is none."""
        if self.sub_sample == "none":
            return (1,) * self.dims
        return (1, 2, 2) if self.dims == 3 else (2,) * self.dims

    @property
    def takes_maximum(self) -> bool:
        return self.sub_sample != "none"

    def params(self) -> tuple[Param, ...]:
        c, d, kernel = self.in_channels, self.inner, (1,) * self.dims
        params = layers.conv("g", c, d, kernel)
        if self.has_embedding:
            params += layers.conv("theta", c, d, kernel) + layers.conv("phi", c, d, kernel)
        if self.mode == "concatenation":
            start = Init.uniform(1.0 / math.sqrt(2 * d))
            params += (Param("w_f", (2 * d,), start),)
            params += (Param("b_f", (1,), start),) if self.affinity_bias else ()
        zero_conv = self.zero_init and self.norm is None
        init = layers.ZERO if zero_conv else layers.TORCH
        params += layers.conv("w_z", d, c, kernel, bias=self.output_bias, init=init)
        if self.norm is not None:
            params += layers.batch_norm("norm", c, gamma=0.0 if self.zero_init else 1.0)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=self.dims, at_least=self.pool)

    def positions(self, shape: Shape) -> tuple[int, int]:
        """(N, M) for an input of this shape."""
        spatial = shape[2:]
        return math.prod(spatial), math.prod(n // k for n, k in zip(spatial, self.pool, strict=True))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], *self.positions(shape))}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="positions", grid=tuple(shape[2:]), pool=self.pool)}

    def letters(self, shape: Shape) -> dict[str, int]:
        keys = {} if self.sub_sample == "none" else {"M": self.positions(shape)[1]}
        return {**BlockSpec.letters(self, shape), "D": self.inner, **keys}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        (n, m), c, d = self.positions(shape), self.in_channels, self.inner
        keys = m if self.sub_sample == "before" else n
        embedding = c * d * (n + keys) if self.has_embedding else 0
        width = {"gaussian": c, "concatenation": 2 * d}.get(self.mode, d)
        return shape[0] * (embedding + c * d * keys + n * m * (width + d) + n * d * c)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, *{1: (7,), 2: (6, 5), 3: (3, 4, 5)}[self.dims])
