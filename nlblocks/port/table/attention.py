"""Attention and transformers: Paddle's keep separate projections, so the port brings its own small layers."""

from __future__ import annotations

from typing import Any

from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import Fates, api, case, dropped, only, refused, to, when

helper("additive_mask", '''
def additive_mask(mask, dtype):
    """In Paddle a mask of booleans or integers says what is kept."""
    if mask is None or mask.is_floating_point():
        return mask
    return (mask.to(dtype) - 1) * 1e9
''', "torch")  # fmt: skip

helper("MultiHeadAttention", '''
class MultiHeadAttention(nn.Module):
    """Attention with a projection each for queries, keys and values, as Paddle keeps them; a cache is for decoding."""

    Cache = namedtuple("Cache", ["k", "v"])
    StaticCache = namedtuple("StaticCache", ["k", "v"])

    def __init__(self, embed_dim, num_heads, dropout=0.0, kdim=None, vdim=None, need_weights=False, bias=True):
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.need_weights = dropout, need_weights
        self.q_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.k_proj = nn.Linear(self.kdim, embed_dim, bias=bias)
        self.v_proj = nn.Linear(self.vdim, embed_dim, bias=bias)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)

    def heads(self, x):
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def compute_kv(self, key, value):
        return self.heads(self.k_proj(key)), self.heads(self.v_proj(value))

    def gen_cache(self, key, value=None, type=Cache):
        if type is self.StaticCache:
            return self.StaticCache(*self.compute_kv(key, value))
        if value is None:
            empty = key.new_zeros(len(key), self.num_heads, 0, self.head_dim)
            return self.Cache(empty, empty)
        return self.Cache(key, value)

    def _prepare_qkv(self, query, key, value, cache=None):
        q = self.heads(self.q_proj(query))
        k, v = cache if isinstance(cache, self.StaticCache) else self.compute_kv(key, value)
        if isinstance(cache, self.Cache):
            k, v = torch.cat([cache.k, k], dim=2), torch.cat([cache.v, v], dim=2)
            cache = self.Cache(k, v)
        return (q, k, v) if cache is None else (q, k, v, cache)

    def forward(self, query, key=None, value=None, attn_mask=None, cache=None):
        key = query if key is None else key
        value = query if value is None else value
        q, k, v, *cached = self._prepare_qkv(query, key, value, cache)
        scores = (q * self.head_dim**-0.5) @ k.transpose(-2, -1)
        if attn_mask is not None:
            scores = scores + additive_mask(attn_mask, scores.dtype)
        weights = F.dropout(F.softmax(scores, dim=-1), self.dropout, training=self.training)
        out = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        outs = [out, *([weights] if self.need_weights else []), *cached]
        return out if len(outs) == 1 else tuple(outs)
''', "torch", "nn", "F", "namedtuple", "additive_mask")  # fmt: skip

helper("TransformerEncoderLayer", '''
class TransformerEncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each with a residual and a norm before or behind it."""

    def __init__(
        self, d_model, nhead, dim_feedforward, dropout=0.1, activation="relu", attn_dropout=None, act_dropout=None,
        normalize_before=False, layer_norm_eps=1e-5,
    ):
        super().__init__()
        self._config = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self.normalize_before = normalize_before
        self.self_attn = MultiHeadAttention(d_model, nhead, dropout if attn_dropout is None else attn_dropout)
        self.linear1 = nn.Linear(d_model, dim_feedforward)
        self.dropout = nn.Dropout(dropout if act_dropout is None else act_dropout)
        self.linear2 = nn.Linear(dim_feedforward, d_model)
        self.norm1 = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.norm2 = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)
        named = {"swish": "silu"}.get(activation, activation)
        self.activation = getattr(F, named) if isinstance(named, str) else named

    def forward(self, src, src_mask=None):
        x = self.norm1(src) if self.normalize_before else src
        src = src + self.dropout1(self.self_attn(x, x, x, src_mask))
        src = src if self.normalize_before else self.norm1(src)
        x = self.norm2(src) if self.normalize_before else src
        src = src + self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return src if self.normalize_before else self.norm2(src)
''', "nn", "F", "MultiHeadAttention")  # fmt: skip

helper("TransformerEncoder", '''
class TransformerEncoder(nn.Module):
    """A layer and others of its kind, one after another."""

    def __init__(self, encoder_layer, num_layers, norm=None):
        super().__init__()
        others = [type(encoder_layer)(**encoder_layer._config) for _ in range(num_layers - 1)]
        self.layers = nn.ModuleList([encoder_layer, *others])
        self.num_layers, self.norm = num_layers, norm

    def forward(self, src, src_mask=None):
        for layer in self.layers:
            src = layer(src, src_mask=src_mask)
        return src if self.norm is None else self.norm(src)
''', "nn")  # fmt: skip

helper("TransformerDecoderLayer", '''
class TransformerDecoderLayer(nn.Module):
    """Self-attention, attention to a memory and a feed-forward part, each with a residual and a norm."""

    def __init__(
        self, d_model, nhead, dim_feedforward, dropout=0.1, activation="relu", attn_dropout=None, act_dropout=None,
        normalize_before=False, layer_norm_eps=1e-5,
    ):
        super().__init__()
        self._config = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        attn_dropout = dropout if attn_dropout is None else attn_dropout
        self.normalize_before = normalize_before
        self.self_attn = MultiHeadAttention(d_model, nhead, attn_dropout)
        self.cross_attn = MultiHeadAttention(d_model, nhead, attn_dropout)
        self.linear1 = nn.Linear(d_model, dim_feedforward)
        self.dropout = nn.Dropout(dropout if act_dropout is None else act_dropout)
        self.linear2 = nn.Linear(dim_feedforward, d_model)
        self.norm1 = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.norm2 = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.norm3 = nn.LayerNorm(d_model, eps=layer_norm_eps)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)
        self.dropout3 = nn.Dropout(dropout)
        named = {"swish": "silu"}.get(activation, activation)
        self.activation = getattr(F, named) if isinstance(named, str) else named

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None):
        x = self.norm1(tgt) if self.normalize_before else tgt
        tgt = tgt + self.dropout1(self.self_attn(x, x, x, tgt_mask))
        tgt = tgt if self.normalize_before else self.norm1(tgt)
        x = self.norm2(tgt) if self.normalize_before else tgt
        tgt = tgt + self.dropout2(self.cross_attn(x, memory, memory, memory_mask))
        tgt = tgt if self.normalize_before else self.norm2(tgt)
        x = self.norm3(tgt) if self.normalize_before else tgt
        tgt = tgt + self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return tgt if self.normalize_before else self.norm3(tgt)
''', "nn", "F", "MultiHeadAttention")  # fmt: skip

helper("TransformerDecoder", '''
class TransformerDecoder(nn.Module):
    """A layer and others of its kind, one after another, each with the memory."""

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        others = [type(decoder_layer)(**decoder_layer._config) for _ in range(num_layers - 1)]
        self.layers = nn.ModuleList([decoder_layer, *others])
        self.num_layers, self.norm = num_layers, norm

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None):
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask)
        return tgt if self.norm is None else self.norm(tgt)
''', "nn")  # fmt: skip

ATTRS: Fates = {
    "activation": to("activation", "activation"),
    "weight_attr": refused("one start for all parts"),
    "bias_attr": refused("one start for all parts"),
}
LAYER = (
    "d_model, nhead, dim_feedforward, dropout=0.1, activation='relu', attn_dropout=None, act_dropout=None,"
    " normalize_before=False"
)
EPS = "the layers' epsilon is held as float32"
HEADS = "embed_dim, num_heads, dropout=0.0, kdim=None, vdim=None, need_weights=False"
SEEN: dict[str, Any] = {"x": "f2,3,8", "y": "f2,5,8"}


ROWS = (
    api(
        f"paddle.nn.MultiHeadAttention({HEADS}, weight_attr=None, bias_attr=None)",
        f"MultiHeadAttention({HEADS}, bias=True)",
        {"weight_attr": refused("one start for all parts"), "bias_attr": only(None, True)},
        case("layer(x, x, x)", layer="nn.MultiHeadAttention(8, 2)", x="f2,3,8"),
        case("layer.eval()\nlayer(x)", layer="nn.MultiHeadAttention(8, 2, dropout=0.3)", x="f2,3,8"),
        case("layer(x)", layer="nn.MultiHeadAttention(embed_dim=8, num_heads=4, bias_attr=False)", x="f2,3,8"),
        case("layer(x)", layer="nn.MultiHeadAttention(8, 4, bias_attr=True)", x="f2,3,8"),
        case("layer(x, y, y)", layer="nn.MultiHeadAttention(8, 2, need_weights=True)", **SEEN),
        case("layer(x, y, y, m)", layer="nn.MultiHeadAttention(8, 2).eval()", **SEEN, m="b2,1,3,5"),
        case(
            "layer(x, y, y, attn_mask=m.astype('float64'))", layer="nn.MultiHeadAttention(8, 2)", **SEEN, m="i2,1,3,5:2"
        ),
        case("layer.kdim + layer.vdim", layer="nn.MultiHeadAttention(8, 2, vdim=4)", x="f2,3,8", grad=False),
        case("layer(x, y, z)", layer="nn.MultiHeadAttention(8, 2, kdim=6, vdim=4)", x="f2,3,8", y="f2,5,6", z="f2,5,4"),
        case(
            "first, cache = layer(x, x, x, None, layer.gen_cache(x))\n[first, layer(x, x, x, None, cache)[0]]",
            layer="nn.MultiHeadAttention(8, 2)",
            x="f2,3,8",
        ),
        case(
            "cache = layer.gen_cache(y, y, type=nn.MultiHeadAttention.StaticCache)\nlayer(x, y, y, None, cache)[0]",
            layer="nn.MultiHeadAttention(8, 2)",
            **SEEN,
        ),
        variants=(when(f"MultiHeadAttention({HEADS}, bias=True)", {"bias_attr": to("bias")}, bias_attr=(False,)),),
        also="paddle.nn.layer.transformer.MultiHeadAttention",
    ),
    api(
        "paddle.nn.MultiHeadAttention.Cache(k, v)",
        "MultiHeadAttention.Cache(k, v)",
        {},
        case("cache = nn.MultiHeadAttention.Cache(x, y)\n[cache.k, cache.v]", x="f2,3", y="f2,3"),
    ),
    api(
        "paddle.nn.MultiHeadAttention.StaticCache(k, v)",
        "MultiHeadAttention.StaticCache(k, v)",
        {},
        case("cache = nn.MultiHeadAttention.StaticCache(k=x, v=y)\n[cache.k, cache.v]", x="f2,3", y="f2,3"),
    ),
    api(
        f"paddle.nn.TransformerEncoderLayer({LAYER}, weight_attr=None, bias_attr=None, layer_norm_eps=1e-05)",
        f"TransformerEncoderLayer({LAYER}, layer_norm_eps=1e-05)",
        ATTRS,
        case("layer.eval()\nlayer(x)", layer="nn.TransformerEncoderLayer(8, 2, 16)", x="f2,3,8", held=True),
        case(
            "layer(x)",
            layer="nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation='gelu', normalize_before=True)",
            x="f2,3,8",
            held=True,
        ),
        case(
            "layer.eval()\nlayer(x, m)",
            layer="nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, attn_dropout=0.1,"
            " act_dropout=0.2, layer_norm_eps=1e-6)",
            x="f2,3,8",
            m="b2,1,3,3",
            held=True,
        ),
        notes=EPS,
    ),
    api(
        "paddle.nn.TransformerEncoder(encoder_layer, num_layers, norm=None)",
        "TransformerEncoder(encoder_layer, num_layers, norm=None)",
        {},
        case(
            "layer.eval()\nlayer(x)",
            layer="nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)",
            x="f2,3,8",
            held=True,
        ),
        case(
            "layer(x, m)",
            layer="nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), num_layers=2,"
            " norm=nn.LayerNorm(8))",
            x="f2,3,8",
            m="b2,1,3,3",
            held=True,
        ),
        notes=EPS,
    ),
    api(
        f"paddle.nn.TransformerDecoderLayer({LAYER}, weight_attr=None, bias_attr=None, layer_norm_eps=1e-05)",
        f"TransformerDecoderLayer({LAYER}, layer_norm_eps=1e-05)",
        ATTRS,
        case(
            "layer.eval()\nlayer(x, y)",
            layer="nn.TransformerDecoderLayer(8, 2, 16, activation='gelu', attn_dropout=0.1, act_dropout=0.2,"
            " layer_norm_eps=1e-3)",
            held=True,
            **SEEN,
        ),
        case("layer.eval()\nlayer(x, y)", layer="nn.TransformerDecoderLayer(8, 2, 16)", held=True, **SEEN),
        case(
            "layer(x, y, m, n)",
            layer="nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, normalize_before=True)",
            m="b2,1,3,3",
            n="b2,1,3,5",
            held=True,
            **SEEN,
        ),
        notes=EPS,
    ),
    api(
        "paddle.nn.TransformerDecoder(decoder_layer, num_layers, norm=None)",
        "TransformerDecoder(decoder_layer, num_layers, norm=None)",
        {},
        case(
            "layer.eval()\nlayer(x, y)",
            layer="nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)",
            held=True,
            **SEEN,
        ),
        case(
            "layer(x, y, memory_mask=m)",
            layer="nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0), 2, nn.LayerNorm(8))",
            m="b2,1,3,5",
            held=True,
            **SEEN,
        ),
        notes=EPS,
    ),
    api(
        "paddle.nn.layer.transformer._convert_attention_mask(attn_mask, dtype)",
        "additive_mask(attn_mask, dtype)",
        {"attn_mask": to("attn_mask"), "dtype": to("dtype", "dtype")},
        case("paddle.nn.layer.transformer._convert_attention_mask(m, x.dtype) + x", x="f2,3", m="b2,3"),
        case("paddle.nn.layer.transformer._convert_attention_mask(m, x.dtype)", x="f2,3", m="i2,3:2", grad=False),
    ),
    api(
        "paddle.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0,"
        " is_causal=False, training=True, backend=None, scale=None, enable_gqa=True, name=None)",
        "F.scaled_dot_product_attention({query}.transpose(1, 2), {key}.transpose(1, 2), {value}.transpose(1, 2),"
        " attn_mask={attn_mask}, dropout_p={dropout_p} if {training} else 0.0, is_causal={is_causal},"
        " scale={scale}).transpose(1, 2)",
        {
            "backend": dropped("which kernel"),
            "enable_gqa": dropped("the same where the heads are as many, and torch raises else"),
        },
        case("F.scaled_dot_product_attention(x, y, z)", x="f2,3,2,4", y="f2,5,2,4", z="f2,5,2,4"),
        case("F.scaled_dot_product_attention(x, y, y, attn_mask=m)", x="f2,3,2,4", y="f2,5,2,4", m="b2,1,3,5"),
        case("F.scaled_dot_product_attention(x, x, x, is_causal=True)", x="f2,3,2,4"),
        case("F.scaled_dot_product_attention(x, x, x, scale=0.3)", x="f2,3,2,4"),
        case(
            "F.scaled_dot_product_attention(x, x, x, attn_mask=m.detach(), dropout_p=0.5, training=False)",
            x="f2,3,2,4",
            m="f2,1,3,3",
        ),
        case(
            "F.scaled_dot_product_attention(x, x, x, None, 0.5, False, layer.training)",
            layer="nn.Dropout(0.1).eval()",
            x="f2,3,2,4",
        ),
        variants=(
            when(
                "F.scaled_dot_product_attention({query}.transpose(1, 2), {key}.transpose(1, 2),"
                " {value}.transpose(1, 2))"
                ".transpose(1, 2)",
                {
                    "attn_mask": only(None),
                    "dropout_p": only(0.0),
                    "is_causal": only(False),
                    "scale": only(None),
                    "training": dropped("nothing is dropped"),
                },
                attn_mask="none",
                dropout_p=(0.0,),
                is_causal=(False,),
                scale="none",
            ),
            when(
                "F.scaled_dot_product_attention({query}.transpose(1, 2), {key}.transpose(1, 2),"
                " {value}.transpose(1, 2),"
                " attn_mask={attn_mask}, is_causal={is_causal}).transpose(1, 2)",
                {"dropout_p": only(0.0), "scale": only(None), "training": dropped("nothing is dropped")},
                dropout_p=(0.0,),
                scale="none",
            ),
        ),
        notes="Paddle's heads are the third axis, torch's the second",
    ),
)
