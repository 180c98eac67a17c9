"""What to put right in a pair of the zoos that differs, so that it becomes the same: proof that all was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def alexnet(left: Any, right: Any) -> None:
    """Paddle's dropouts scale in evaluation; torch's while training."""
    from paddle import nn

    for layer in right.sublayers():
        if isinstance(layer, nn.Dropout):
            layer.mode = "upscale_in_train"


def inception_v3(left: Any, right: Any) -> None:
    """The eps of the normalisations, the mode and the rate of the dropout; torchvision's second classifier is gone."""
    from torch import nn

    alexnet(left, right)
    right.dropout.p = left.dropout.p

    for module in left.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    left.aux_logits, left.AuxLogits = False, None


def squeezenet1_0(left: Any, right: Any) -> None:
    """torchvision's max pools round extents down, and Paddle's dropout scales while training."""
    from torch import nn

    for module in left.modules():
        if isinstance(module, nn.MaxPool2d):
            module.ceil_mode = False
    alexnet(left, right)


def squeezenet1_1(left: Any, right: Any) -> None:
    """Also a padding of one before the first convolution of torchvision's."""
    squeezenet1_0(left, right)
    left.features[0].padding = (1, 1)


REPAIRS: Mapping[str, Callable[[Any, Any], None]] = {
    "alexnet": alexnet,
    "inception_v3": inception_v3,
    "squeezenet1_0": squeezenet1_0,
    "squeezenet1_1": squeezenet1_1,
}
"""By architecture. What else differs (GoogLeNet, ShuffleNet 2.0×) is another network, which nothing puts right."""
