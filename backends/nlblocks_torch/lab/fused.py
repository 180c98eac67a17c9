"""Looks inside torch's fused multi-head attention: the operations it stands for, written down from their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from nlblocks.backend import Array
from nlblocks.parity.recording import Observer
from nlblocks.parity.tracing import vocabulary

MULTI_HEAD = vocabulary.signature(
    "multi_head: query key value embed_dim num_heads in_proj_weight in_proj_bias bias_k bias_v add_zero_attn dropout_p "
    "out_proj_weight out_proj_bias training=True key_padding_mask need_weights=True attn_mask "
    "use_separate_proj_weight=False q_proj_weight k_proj_weight v_proj_weight static_k static_v "
    "average_attn_weights=True is_causal=False"
)


def multi_head(observer: Observer, call: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run F.multi_head_attention_forward, with the dropout of every framework's, and write down its steps."""
    recorder = observer.recorder
    read = MULTI_HEAD.read(args, kwargs)
    kept = _kept(observer, call, read)
    with nullcontext() if kept is None else _dropping(kept):
        result = function(*args, **kwargs)
    width, heads = int(read["embed_dim"]), int(read["num_heads"])
    numbers: list[int] = []
    for part, name in enumerate(("query", "key", "value")):
        tensor, start = read[name], part * width
        if read["use_separate_proj_weight"]:
            weight, weight_number = read[f"{name[0]}_proj_weight"], recorder.number(read[f"{name[0]}_proj_weight"])
        else:
            weight = read["in_proj_weight"][start : start + width]
            weight_number = recorder.rows(read["in_proj_weight"], start, _array(weight))
        inputs, roles = [recorder.number(tensor), weight_number], ["x", "weight"]
        value = _array(tensor) @ _array(weight).T
        if read["in_proj_bias"] is not None:
            bias = read["in_proj_bias"][start : start + width]
            inputs.append(recorder.rows(read["in_proj_bias"], start, _array(bias)))
            roles.append("bias")
            value = value + _array(bias)
        number = recorder.note("linear", inputs, roles, value, part=name)
        length, batch = value.shape[0], value.shape[1] if value.ndim == 3 else 1
        split = value.reshape(length, batch, heads, width // heads).transpose(1, 2, 0, 3)  # [B, H, L, D]
        numbers.append(recorder.note("permute", (number,), ("x",), split))
        if name == "query":
            query = split
        elif name == "key":
            key = split
        else:
            values = split
    mask, mask_number = _masks(recorder, read, query.shape[0], heads)
    attention, number = recorder.attention_steps(query, key, (numbers[0], numbers[1]), None, mask, mask_number, False)
    if kept is not None and kept.shape == attention.shape:
        attention, number = recorder.dropped(attention, number, kept, float(read["dropout_p"]))
    mixed = attention @ values
    number = recorder.note("matmul", (number, numbers[2]), ("x", "other"), mixed)
    joined = mixed.transpose(2, 0, 1, 3).reshape(mixed.shape[2], -1, width)
    if read["query"].ndim == 2:
        joined = joined[:, 0]
    number = recorder.note("permute", (number,), ("x",), joined)
    inputs = [number, recorder.number(read["out_proj_weight"])]
    roles = ["x", "weight"]
    if read["out_proj_bias"] is not None:
        inputs.append(recorder.number(read["out_proj_bias"]))
        roles.append("bias")
    out = recorder.call("linear", "out_proj", inputs, roles, part="out")
    if kept is not None:
        out.site, out.attrs["distribution"], out.attrs["drawn"] = call.site, "bernoulli", call.attrs["drawn"]
    return recorder.after(out, result)


def _kept(observer: Observer, call: Any, read: dict[str, Any]) -> Array | None:
    """What the map [B, H, L, S] is multiplied by; None where nothing is dropped."""
    p = float(read["dropout_p"] or 0.0)
    if p == 0 or not read["training"]:
        return None
    query, key = read["query"], read["key"]
    batch = query.shape[1] if query.ndim == 3 else 1
    more = (read["bias_k"] is not None) + bool(read["add_zero_attn"])
    return observer.kept(call, (batch, int(read["num_heads"]), query.shape[0], key.shape[0] + more), p)


@contextmanager
def _dropping(kept: Array) -> Iterator[None]:
    """Within, torch's own functions drop this of an attention map."""
    functional = torch.nn.functional
    own = functional.dropout, functional.scaled_dot_product_attention

    def dropout(attention: torch.Tensor, **how: Any) -> torch.Tensor:
        return attention * torch.from_numpy(kept).to(attention).reshape(attention.shape)

    def attend(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any = None, p: float = 0.0,
        causal: bool = False,
    ) -> torch.Tensor:  # fmt: skip
        unit = torch.eye(key.shape[-2]).to(key).expand(*key.shape[:-1], key.shape[-2])
        return dropout(own[1](query, key, unit, mask, 0.0, causal)) @ value

    functional.dropout, functional.scaled_dot_product_attention = dropout, attend  # type: ignore[assignment]
    try:
        yield
    finally:
        functional.dropout, functional.scaled_dot_product_attention = own


def _masks(recorder: Any, read: dict[str, Any], batch: int, heads: int) -> tuple[Any, int | None]:
    """attn_mask and key_padding_mask as one additive mask over [B, H, L, S]; True hides."""
    total = None
    number = None
    for name in ("attn_mask", "key_padding_mask"):
        mask = read[name]
        if mask is None:
            continue
        own = recorder.number(mask)
        if mask.dtype == torch.bool:
            mask = torch.zeros_like(mask, dtype=read["query"].dtype).masked_fill(mask, float("-inf"))
        if name == "key_padding_mask":
            mask = mask.reshape(batch, 1, 1, -1)
        elif mask.ndim == 3:
            mask = mask.reshape(batch, heads, *mask.shape[1:])
        if total is None or number is None:
            total, number = mask, own
        else:
            total = total + mask
            number = recorder.note("add", (number, own), ("x", "other"), _array(total))
    return None if total is None else _array(total), number


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().numpy()
