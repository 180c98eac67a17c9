"""What to put right in a pair that differs, so that its outputs become equal: proof that this is all that differs.

Each function changes one or both models, fresh and without the lab. Pairs of other widths or other networks have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any


def _each(model: Any, kind: str) -> list[Any]:
    """The layers of a class of that name."""
    layers = model.modules() if hasattr(model, "modules") else model.sublayers(include_self=True)
    return [layer for layer in layers if type(layer).__name__ == kind]


def _set(model: Any, kind: str, **values: Any) -> None:
    for layer in _each(model, kind):
        for name, value in values.items():
            setattr(layer, name, value)


def _replace(model: Any, kind: str, made: Callable[[], Any]) -> None:
    """Put another layer in the place of each of a class."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ == kind:
                setattr(module, name, made())


def _relu() -> Any:
    from torch import nn

    return nn.ReLU()


def _gelu() -> Any:
    from torch import nn

    return nn.GELU()


def _through(layer: Any) -> Any:
    """A layer of the same framework that hands its input on."""

    def forward(self: Any, x: Any, *_: Any, **__: Any) -> Any:
        return x

    kind = type(layer).__mro__[-2]  # torch's Module or Paddle's Layer
    return type("Through", (kind,), {"forward": forward})()


def resnet18(left: Any, right: Any) -> None:
    right.blocks[0].shortcut = True


def resnet18d_features(left: Any, right: Any) -> None:
    right.bb_0_0.shortcut = True
    for layer, rate in ((right.bb_2_0.conv0._conv, 1), (right.bb_3_0.conv0._conv, 2)):
        layer._dilation, layer._padding, layer._updated_padding = [rate, rate], rate, [rate, rate]
    for stage in (left.layer3, left.layer4):
        stage[0].downsample[0] = _through(left)


def mobilenetv1(left: Any, right: Any) -> None:
    _replace(left, "ReLU6", _relu)


def mobilenetv2(left: Any, right: Any) -> None:
    right.conv2._first_block._expand_conv = _through(right)


def undowned(left: Any, right: Any) -> None:
    """Dropout scales in training, as torch's, and not in evaluation."""
    _set(right, "Dropout", mode="upscale_in_train")


def squeezenet1_0(left: Any, right: Any) -> None:
    _set(left, "MaxPool2d", ceil_mode=False)
    undowned(left, right)


def squeezenet1_1_vision(left: Any, right: Any) -> None:
    squeezenet1_0(left, right)
    left.features[0].padding = (1, 1)


def tf_efficientnet_b0(left: Any, right: Any) -> None:
    """Nothing in evaluation; dropped connections and dropout are off in the training that is compared."""


def swin(left: Any, right: Any) -> None:
    right.layers[1].blocks[1].shift_size = 0


def vit_defaults(left: Any, right: Any) -> None:
    _set(left, "LayerNorm", eps=1e-5)
    for block in left.blocks:
        block.attn.qkv.bias = None


def clip_vit(left: Any, right: Any) -> None:
    _replace(left, "QuickGELU", _gelu)
    left.pool = lambda x, pool_type=None: x[:, 1]


def twins_svt(left: Any, right: Any) -> None:
    _set(left, "LayerNorm", eps=1e-5)


def mobilevit_xxs(left: Any, right: Any) -> None:
    for stage in (2, 3, 4):
        left.stages[stage][1].norm.eps = 1e-6


def resnest14d(left: Any, right: Any) -> None:
    _set(right, "AvgPool2D", exclusive=False)
    for layer in _each(left, "SplitAttn"):
        layer.fc1.bias = None


def fasternet_t0(left: Any, right: Any) -> None:
    """Nothing: outputs are equal, and running statistics are kept by another momentum."""


def hgnetv2_b0(left: Any, right: Any) -> None:
    """What the pool pads with is never picked, in timm's stem too."""
    import torch
    from torch.nn import functional

    def forward(self: Any, x: Any) -> Any:
        x = self.stem1(x)
        pooled = self.pool(functional.pad(x, (0, 1, 0, 1), value=-1e30))
        x = self.stem2a(functional.pad(x, (0, 1, 0, 1)))
        x = self.stem2b(functional.pad(x, (0, 1, 0, 1)))
        return self.stem4(self.stem3(torch.cat([pooled, x], dim=1)))

    left.stem.forward = MethodType(forward, left.stem)


def lcnet_050(left: Any, right: Any) -> None:
    undowned(left, right)
    left.conv_head.bias = None


def inception_v3_vision(left: Any, right: Any) -> None:
    undowned(left, right)
    for layer in left.modules():
        if "BatchNorm" in type(layer).__name__:
            layer.eps = 1e-5


def convnext_tv(left: Any, right: Any) -> None:
    _set(left, "StochasticDepth", p=0.0)


def res2net50(left: Any, right: Any) -> None:
    left.layer1[0].is_first, left.layer1[0].pool = False, None
    _set(right, "AvgPool2D", exclusive=False)


def dpn68(left: Any, right: Any) -> None:
    for layer in left.modules():
        if "BatchNorm" in type(layer).__name__:
            layer.eps = 1e-5


def darknet53(left: Any, right: Any) -> None:
    _replace(left, "LeakyReLU", _relu)


def levit_128s(left: Any, right: Any) -> None:
    """The first of timm's two classifiers alone."""
    left.head_dist = _through(left)
    left.forward_head = lambda x, pre_logits=False: left.head(x.mean(dim=1))


def hrnet_w18(left: Any, right: Any) -> None:
    for part in (*left.downsamp_modules, left.final_layer):
        part[0].bias = None


MENDS: Mapping[str, Callable[[Any, Any], None]] = {
    "mobilenetv2_features": mobilenetv2,
    "swin_tv": swin,
    "lcnetv2_small": undowned,
    **{
        made.__name__: made
        for made in (
            resnet18, resnet18d_features, mobilenetv1, mobilenetv2, squeezenet1_0, squeezenet1_1_vision,
            tf_efficientnet_b0, swin, vit_defaults, clip_vit, twins_svt, mobilevit_xxs, resnest14d, fasternet_t0,
            hgnetv2_b0, lcnet_050, inception_v3_vision, convnext_tv, res2net50, dpn68, darknet53, levit_128s, hrnet_w18,
        )
    },
}  # fmt: skip
"""By pair."""
