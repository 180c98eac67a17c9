"""Class-specific residual attention: each class's mean score, and its score where the class is seen best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_number, check_numbers, refuse


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSpecificResidualAttention(BlockSpec):
    """y_k = Σ_h mean_n(s_hkn) + weight · Σ_n softmax_n(T_h · s_hkn) s_hkn: logits of K classes from [B, C, H, W].

    Letters: B batch, C ``in_channels``, K ``num_classes``, N = H·W. y is [B, K]. Each head h has a classifier w_h
    [K, C] without bias and a temperature T_h; s_hkn = w_hk·x_n / |w_hk|, or with ``normalise`` off w_hk·x_n. There is a
    head for each of ``temperatures``, in order, and with ``maximum`` one more, last, whose second term is
    weight · max_n(s_hkn): what T → ∞ gives. Of equal values the first, in row-major order, gets the gradient. A block
    of one head holds it as ``head`` where ``single`` (the authors' CSRA), else as a list of one (their MHA).

    The authors write T = 99 for the maximum. External-Attention-pytorch takes the maximum of scores that are not
    normalised. A class reads positions, and no position is read by another: there is no attention map to show.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "class_specific_residual_attention"
    cites: ClassVar[str] = "Zhu and Wu 2021, Residual Attention for Multi-Label Recognition, arXiv:2108.02456, eq. 2-7"

    in_channels: Annotated[int, "C, channels of x"]
    num_classes: Annotated[int, "K, the number of logits"]
    temperatures: Annotated[tuple[float, ...], "T of each head with a softmax over positions"] = (1.0,)
    maximum: Annotated[bool, "one more head, which takes the largest score"] = False
    weight: Annotated[float, "of the attention term: the authors' lambda"] = 0.1
    normalise: Annotated[bool, "whether a class's weights are divided by their length"] = True
    single: Annotated[bool, "the only head is held as such, not as a list of one"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "num_classes")
        check_bool(self, "maximum")
        check_number(self, "weight", low=-math.inf)
        check_bool(self, "normalise")
        check_bool(self, "single")
        check_numbers(self, "temperatures")
        if not self.temperatures and not self.maximum:
            raise refuse(self, "temperatures", "leaves no head: give one, or maximum=True")
        if self.single and self.heads > 1:
            raise refuse(self, "single", f"is for one head; temperatures and maximum give {self.heads}")

    @property
    def heads(self) -> int:
        """How many classifiers there are."""
        return len(self.temperatures) + self.maximum

    @property
    def names(self) -> tuple[str, ...]:
        """What the classifiers are called."""
        return ("head",) if self.single else tuple(f"heads.{index}" for index in range(self.heads))

    @property
    def takes_maximum(self) -> bool:
        return self.maximum

    def params(self) -> tuple[Param, ...]:
        params: tuple[Param, ...] = ()
        for name in self.names:
            params += layers.conv(name, self.in_channels, self.num_classes, (1, 1), bias=False)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.num_classes)

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "K": self.num_classes}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        scores = math.prod(shape[2:]) * self.num_classes
        return shape[0] * scores * (self.heads * self.in_channels + len(self.temperatures))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
