"""EM attention: a few bases are fitted to the positions of each image, which are then written as sums of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_number, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Guard = Literal["clamped", "added"]
Update = Literal["self", "trainer"]
CONV = layers.LayerInit(Init.normal(math.sqrt(2.0), "out"), None)
"""How the authors start a convolution's weight; its bias is torch's."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationMaximisationAttention(BlockSpec):
    """y_n = Σ_k a_nk · μ_k: the positions of [B, C, H, W] as sums of K bases that EM fits to them in each image.

    Letters: B batch, C ``in_channels``, N = H·W, K ``num_bases``. μ [B, C, K] starts as ``bases`` [C, K], the same for
    every image. ``steps`` times: a is the softmax over k of x_n·μ_k, [B, N, K], then μ_k is Σ_n (a_nk / Σ_n a_nk) · x_n
    divided by its length. The map a is that of the last step; y is [B, C, H, W].

    NO GRADIENT flows through it, in any published version: not to x and not to the bases. What lies before it is
    trained by other ways only, as through the residual.

    =================== ====================================================================
    ``guard``           how a sum or a length s is kept from zero
    =================== ====================================================================
    clamped             max(s, 1e-12) (mmseg, PaddleSeg)
    added               s + 1e-6 (the authors)
    =================== ====================================================================

    ``update``: "self" moves ``bases`` in training to (1 - momentum)·bases + momentum·m, where m is the batch's mean of
    μ, of length 1 again; with "trainer" they stay, and whoever trains moves them (the authors).
    With ``norm`` it is the authors' whole unit: relu(x + norm(conv_2(relu(EM(conv_1(x)))))), conv_1 C → C with a bias,
    conv_2 C → C without. No gradient reaches conv_1, so it stays as it starts. Without (mmseg, PaddleSeg) it is the EM.

    In float16 and bfloat16 the loop is computed in float32, and its products where autocast makes float16 of them.

    Raises InputError for impossible fields, for inputs of the wrong rank or channels and for training on no image.
    """

    kind: ClassVar[str] = "expectation_maximisation_attention"
    cites: ClassVar[str] = "Li et al. 2019, Expectation-Maximization Attention Networks, arXiv:1907.13426, eq. 10-14"

    in_channels: Annotated[int, "C, channels of x"]
    num_bases: Annotated[int, "K, bases"] = 64
    steps: Annotated[int, "how often bases are fitted"] = 3
    guard: Annotated[Guard, "how a sum or a length is kept from zero: clamped or added"] = "clamped"
    update: Annotated[Update, "who moves the bases in training: self or trainer"] = "self"
    momentum: Annotated[float, "weight of a batch's bases in that"] = 0.1
    norm: Annotated[BatchNorm | None, "the BatchNorm after conv_2 of the authors' unit, or None: no such unit"] = None

    def validate(self) -> None:
        for name in ("in_channels", "num_bases", "steps"):
            check_int(self, name)
        for name, words in (("guard", Guard), ("update", Update)):
            check_choice(self, name, get_args(words))
        check_number(self, "momentum", low=0.0, high=1.0)
        check_type(self, "norm", BatchNorm, optional=True)

    @property
    def eps(self) -> float:
        """What keeps a sum or a length from zero, as the published versions have it."""
        return {"clamped": 1e-12, "added": 1e-6}[self.guard]

    def params(self) -> tuple[Param, ...]:
        c, still = self.in_channels, self.update == "trainer"
        bases = Param("bases", (c, self.num_bases), Init.direction(), trainable=False, still=still)
        if self.norm is None:
            return (bases,)
        dead = tuple(replace(param, still=True) for param in layers.conv("conv_1", c, c, (1, 1), init=CONV))
        conv_2 = layers.conv("conv_2", c, c, (1, 1), bias=False, init=CONV)
        return (bases, *dead, *conv_2, *layers.batch_norm("norm", c))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def check_training(self, shape: Shape) -> None:
        """Raise InputError where the bases would be moved to the mean of no image's."""
        if self.update == "self" and shape[0] == 0:
            raise InputError(
                f"{type(self).__name__}: training on shape {tuple(shape)} moves the bases to those of no image; "
                "give at least 1, or put the module in eval mode"
            )

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], math.prod(shape[2:]), self.num_bases)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="regions", grid=tuple(shape[2:]), count=self.num_bases)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "K": self.num_bases}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c = self.in_channels
        wrapped = 0 if self.norm is None else 2 * c * c
        return shape[0] * math.prod(shape[2:]) * ((2 * self.steps + 1) * c * self.num_bases + wrapped)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
