"""Gaussian context: each channel is scaled by a Gaussian of how far its mean lies from those of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_number
from nlblocks.specs.layout import MapLayout

Deviation = Literal["unbiased", "biased"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianContext(BlockSpec):
    """y_c = x_c · exp(-z_c² / (2 c²)): the Gaussian context transformer over [B, C, H, W].

    Letters: B batch, C channels (any number). z is the mean of each channel over its positions, less the mean of these
    means over the C channels, divided by their deviation:

    =================== ===============================================
    ``deviation``       z is divided by
    =================== ===============================================
    unbiased            std + ``eps``, std over C - 1: C at least 2
    biased              √(var + ``eps``), var over C
    =================== ===============================================

    c is ``c``, or where it is ``learned`` ``alpha`` · sigmoid(theta) + ``beta``, theta a parameter that starts at 0.
    Without, the block has no parameter. The attention map is the gate, [B, C]. Where all means are equal z is 0, and an
    unbiased std has no gradient.

    Defaults are GCT-B0 of the paper, as a public plugin for mmdetection has it. changzy00 has the biased form, and its
    c is the inverse square of this one: exp(-c z² / 2). Another block is called GCT too, the gated channel
    transformation.

    Raises InputError for impossible fields, and for inputs of the wrong rank, or of one channel where std is unbiased.
    """

    kind: ClassVar[str] = "gaussian_context"
    cites: ClassVar[str] = "Ruan et al. 2021, Gaussian Context Transformer, CVPR 2021, eq. 2-6"

    c: Annotated[float, "the deviation of the Gaussian, where it is not learned"] = 2.0
    learned: Annotated[bool, "whether it is alpha · sigmoid(theta) + beta"] = False
    alpha: Annotated[float, "learned: the range of c"] = 3.0
    beta: Annotated[float, "learned: the least c"] = 1.0
    deviation: Annotated[Deviation, "what z is divided by: unbiased or biased"] = "unbiased"
    eps: Annotated[float, "added to the deviation, or to the variance where it is biased"] = 1e-5

    def validate(self) -> None:
        check_number(self, "c", low=0.0, exclusive="low")
        check_bool(self, "learned")
        check_number(self, "alpha", low=0.0, exclusive="low")
        check_number(self, "beta", low=0.0)
        check_choice(self, "deviation", get_args(Deviation))
        check_number(self, "eps", low=0.0, exclusive="low")

    def params(self) -> tuple[Param, ...]:
        return (Param("theta", (1,), Init.constant(0.0)),) if self.learned else ()

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=None, dims=2)
        if self.deviation == "unbiased" and shape[1] == 1:
            raise InputError(
                f"GaussianContext: input of shape {tuple(shape)} has 1 channel, of which there is no unbiased "
                "deviation; it must have at least 2: [B, C, H, W]"
            )

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], shape[1])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(shape[1],))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * shape[1]

    def example_shape(self) -> Shape:
        return (2, 7, 6, 5)
