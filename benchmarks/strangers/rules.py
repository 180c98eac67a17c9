"""Which layer is which, where the order in which they run does not tell: by their names, pair by pair."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Copy = Callable[[Any, Any], None]
Ran = Sequence[Sequence[Any]]


def by_names(left: Any, right: Any, copy: Copy, rename: Callable[[str], str]) -> None:
    """Copy every layer of the left to that of the right which it is ``rename``d to."""
    theirs = dict(right.named_sublayers(include_self=True))
    for name, module in left.named_modules():
        if module._parameters and any(tensor is not None for tensor in module._parameters.values()):
            copy(module, theirs[rename(name)])


def repvgg_a0(left: Any, right: Any, copy: Copy, ran: Ran) -> None:
    """The branches of a block run in another order."""
    known = {"conv_kxk": "rbr_dense", "conv_1x1": "rbr_1x1", "identity": "rbr_identity", "head.fc": "linear"}

    def rename(name: str) -> str:
        name = re.sub(r"^stages\.(\d+)\.", lambda m: f"stage{int(m[1]) + 1}.", name)
        name = re.sub("^stem", "stage0", name)
        for old, new in known.items():
            name = name.replace(old, new)
        return name

    by_names(left, right, copy, rename)


def vit_tv(left: Any, right: Any, copy: Copy, ran: Ran) -> None:
    """torchvision's attention is one layer that holds two, and its encoder holds the positions."""
    _put(right.cls_token, left.class_token)
    _put(right.pos_embed, left.encoder.pos_embedding)
    copy(left.conv_proj, right.patch_embed.proj)
    for mine, theirs in zip(left.encoder.layers, right.blocks, strict=True):
        attention = mine.self_attention
        _put(theirs.attn.qkv.weight, attention.in_proj_weight.T)
        _put(theirs.attn.qkv.bias, attention.in_proj_bias)
        _put(theirs.attn.proj.weight, attention.out_proj.weight.T)
        _put(theirs.attn.proj.bias, attention.out_proj.bias)
        layers = (mine.ln_1, theirs.norm1), (mine.ln_2, theirs.norm2), (mine.mlp[0], theirs.mlp.fc1)
        for one, other in (*layers, (mine.mlp[3], theirs.mlp.fc2)):
            copy(one, other)
    copy(left.encoder.ln, right.norm)
    copy(left.heads.head, right.head)


def swin_tv(left: Any, right: Any, copy: Copy, ran: Ran) -> None:
    """torchvision's attention runs as a function, its layers do not."""
    known = {
        "features.0.0": "patch_embed.proj",
        "features.0.2": "patch_embed.norm",
        "mlp.0": "mlp.fc1",
        "mlp.3": "mlp.fc2",
    }

    def rename(name: str) -> str:
        name = re.sub(r"^features\.([13])\.", lambda m: f"layers.{int(m[1]) // 2}.blocks.", name)
        name = name.replace("features.2.", "layers.0.downsample.")
        for old, new in known.items():
            name = name.replace(old, new)
        return name

    by_names(left, right, copy, rename)


def clip_vit(left: Any, right: Any, copy: Copy, ran: Ran) -> None:
    """PaddleClas's root also holds a projection that its classifier does not use."""
    known = {"norm_pre": "ln_pre", "head": "head.fc_head"}
    by_names(left, right, copy, lambda name: known.get(name, name))


def hrnet_w18(left: Any, right: Any, copy: Copy, ran: Ran) -> None:
    """The layers of the head run in another order, all before it in the same."""
    heads = (
        [left.incre_modules, left.downsamp_modules, left.final_layer, left.classifier],
        [right.last_cls, right.cls_head_conv_list, right.conv_last, right.fc],
    )
    inside = [{id(m) for part in heads[0] for m in part.modules()}]
    inside += [{id(m) for part in heads[1] for m in part.sublayers(include_self=True)}]
    bodies = [[m for m in ran[side] if id(m) not in inside[side]] for side in (0, 1)]
    for one, two in zip(*bodies, strict=True):
        copy(one, two)
    for k, block in enumerate(left.incre_modules):
        made = right.last_cls.func_list[k]
        for i in (1, 2, 3):
            copy(getattr(block[0], f"conv{i}"), getattr(made, f"conv{i}").conv)
            copy(getattr(block[0], f"bn{i}"), getattr(made, f"conv{i}").bn)
        copy(block[0].downsample[0], made.conv_down.conv)
        copy(block[0].downsample[1], made.conv_down.bn)
    ends = [(module, right.cls_head_conv_list[k]) for k, module in enumerate(left.downsamp_modules)]
    for one, two in (*ends, (left.final_layer, right.conv_last)):
        copy(one[0], two.conv)
        copy(one[1], two.bn)
    copy(left.classifier, right.fc)


def _put(target: Any, value: Any) -> None:
    """Give a tensor of the right a value of the left."""
    import paddle

    target.set_value(paddle.to_tensor(value.detach().numpy().reshape(target.shape)))


RULES: Mapping[str, Callable[[Any, Any, Copy, Ran], None]] = {
    "repvgg_a0": repvgg_a0,
    "vit_tv": vit_tv,
    "swin_tv": swin_tv,
    "clip_vit": clip_vit,
    "hrnet_w18": hrnet_w18,
}
"""By pair: how to copy the left's weights, given the layers of both sides that hold any, in the order of running."""
