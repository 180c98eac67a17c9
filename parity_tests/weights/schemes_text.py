"""The names and shapes of well-known language models' checkpoints in torch, at a small size, and their Linears."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]
H, F, V, P, N = 8, 24, 50, 20, 2
"""The hidden width, that of the feed-forward layers, words, positions, layers."""


class Scheme:
    """A file under way: ``linear`` are the names of Linear weights; all else is the same in every framework."""

    def __init__(self) -> None:
        self.shapes: Shapes = {}
        self.linear: set[str] = set()

    def lin(self, name: str, out: int = H, inputs: int = H, *, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = (out, inputs)
        self.linear.add(f"{name}.weight")
        if bias:
            self.shapes[f"{name}.bias"] = (out,)

    def lins(self, prefix: str, names: str, out: int = H, inputs: int = H, *, bias: bool = True) -> None:
        for name in names.split():
            self.lin(prefix + name, out, inputs, bias=bias)

    def table(self, name: str, rows: int = V, width: int = H) -> None:
        self.shapes[f"{name}.weight"] = (rows, width)

    def norm(self, name: str, width: int = H, *, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = (width,)
        if bias:
            self.shapes[f"{name}.bias"] = (width,)

    def conv(self, name: str, shape: tuple[int, ...], *, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = shape
        if bias:
            self.shapes[f"{name}.bias"] = shape[:1]

    def own(self, name: str, *shape: int) -> None:
        self.shapes[name] = shape


def _bert(name: str, *, types: bool = True, task: bool = False) -> Scheme:
    s = Scheme()
    e = f"{name}.embeddings."
    s.table(f"{e}word_embeddings")
    s.table(f"{e}position_embeddings", P)
    if types:
        s.table(f"{e}token_type_embeddings", 2)
    if task:
        s.table(f"{e}task_type_embeddings", 3)
    s.norm(f"{e}LayerNorm")
    for i in range(N):
        b = f"{name}.encoder.layer.{i}."
        s.lins(f"{b}attention.", "self.query self.key self.value output.dense")
        s.lin(f"{b}intermediate.dense", F)
        s.lin(f"{b}output.dense", H, F)
        s.norm(f"{b}attention.output.LayerNorm")
        s.norm(f"{b}output.LayerNorm")
    s.lin(f"{name}.pooler.dense")
    return s


def bert() -> Scheme:
    s = _bert("bert")
    s.lin("cls.predictions.transform.dense")
    s.norm("cls.predictions.transform.LayerNorm")
    s.own("cls.predictions.bias", V)
    s.lin("cls.predictions.decoder", V, bias=False)
    s.lin("cls.seq_relationship", 2)
    return s


def roberta() -> Scheme:
    s = _bert("roberta")
    s.lins("", "lm_head.dense classifier.dense")
    s.norm("lm_head.layer_norm")
    s.lin("lm_head.decoder", V)
    s.lin("classifier.out_proj", 3)
    return s


def ernie() -> Scheme:
    return _bert("ernie", task=True)


def electra() -> Scheme:
    s = _bert("electra")
    s.lin("electra.embeddings_project", H, H)
    s.lin("discriminator_predictions.dense")
    s.lin("discriminator_predictions.dense_prediction", 1)
    return s


def distilbert() -> Scheme:
    s = Scheme()
    s.table("distilbert.embeddings.word_embeddings")
    s.table("distilbert.embeddings.position_embeddings", P)
    s.norm("distilbert.embeddings.LayerNorm")
    for i in range(N):
        b = f"distilbert.transformer.layer.{i}."
        s.lins(f"{b}attention.", "q_lin k_lin v_lin out_lin")
        s.lin(f"{b}ffn.lin1", F)
        s.lin(f"{b}ffn.lin2", H, F)
        s.norm(f"{b}sa_layer_norm")
        s.norm(f"{b}output_layer_norm")
    s.lin("vocab_transform")
    s.norm("vocab_layer_norm")
    s.lin("vocab_projector", V)
    return s


def albert() -> Scheme:
    s = Scheme()
    e, g = "albert.embeddings.", "albert.encoder.albert_layer_groups.0.albert_layers.0."
    s.table(f"{e}word_embeddings", V, 4)
    s.table(f"{e}position_embeddings", P, 4)
    s.table(f"{e}token_type_embeddings", 2, 4)
    s.norm(f"{e}LayerNorm", 4)
    s.lin("albert.encoder.embedding_hidden_mapping_in", H, 4)
    s.norm(f"{g}full_layer_layer_norm")
    s.lins(f"{g}attention.", "query key value dense")
    s.norm(f"{g}attention.LayerNorm")
    s.lin(f"{g}ffn", F)
    s.lin(f"{g}ffn_output", H, F)
    s.lin("albert.pooler")
    return s


def gpt2(*, prefix: str = "transformer.") -> Scheme:
    s = Scheme()
    s.table(f"{prefix}wte")
    s.table(f"{prefix}wpe", P)
    for i in range(N):
        b = f"{prefix}h.{i}."
        s.norm(f"{b}ln_1")
        s.norm(f"{b}ln_2")
        for name, shape in {
            "attn.c_attn": (H, 3 * H), "attn.c_proj": (H, H), "mlp.c_fc": (H, F), "mlp.c_proj": (F, H)
        }.items():  # fmt: skip
            s.own(f"{b}{name}.weight", *shape)
            s.own(f"{b}{name}.bias", shape[1])
    s.norm(f"{prefix}ln_f")
    s.lin("lm_head", V, bias=False)
    return s


def nano_gpt() -> Scheme:
    s = Scheme()
    s.table("transformer.wte")
    s.table("transformer.wpe", P)
    for i in range(N):
        b = f"transformer.h.{i}."
        s.norm(f"{b}ln_1", bias=False)
        s.norm(f"{b}ln_2", bias=False)
        s.lin(f"{b}attn.c_attn", 3 * H, bias=False)
        s.lin(f"{b}attn.c_proj", bias=False)
        s.lin(f"{b}mlp.c_fc", F, bias=False)
        s.lin(f"{b}mlp.c_proj", H, F, bias=False)
    s.norm("transformer.ln_f", bias=False)
    s.lin("lm_head", V, bias=False)
    return s


def neox() -> Scheme:
    s = Scheme()
    s.table("gpt_neox.embed_in")
    for i in range(N):
        b = f"gpt_neox.layers.{i}."
        s.norm(f"{b}input_layernorm")
        s.norm(f"{b}post_attention_layernorm")
        s.lin(f"{b}attention.query_key_value", 3 * H)
        s.lin(f"{b}attention.dense")
        s.lin(f"{b}mlp.dense_h_to_4h", F)
        s.lin(f"{b}mlp.dense_4h_to_h", H, F)
    s.norm("gpt_neox.final_layer_norm")
    s.lin("embed_out", V, bias=False)
    return s


def gpt_neo() -> Scheme:
    s = Scheme()
    s.table("transformer.wte")
    s.table("transformer.wpe", P)
    for i in range(N):
        b = f"transformer.h.{i}."
        s.norm(f"{b}ln_1")
        s.norm(f"{b}ln_2")
        s.lins(f"{b}attn.attention.", "k_proj v_proj q_proj", bias=False)
        s.lin(f"{b}attn.attention.out_proj")
        s.lin(f"{b}mlp.c_fc", F)
        s.lin(f"{b}mlp.c_proj", H, F)
    s.norm("transformer.ln_f")
    return s


def llama(*, bias: bool = False, kv: int = 4, qk_norm: bool = False) -> Scheme:
    s = Scheme()
    s.table("model.embed_tokens")
    for i in range(N):
        b = f"model.layers.{i}."
        s.lin(f"{b}self_attn.q_proj", bias=bias)
        s.lins(f"{b}self_attn.", "k_proj v_proj", kv, bias=bias)
        s.lin(f"{b}self_attn.o_proj", bias=False)
        if qk_norm:
            s.norm(f"{b}self_attn.q_norm", 4, bias=False)
            s.norm(f"{b}self_attn.k_norm", 4, bias=False)
        s.lins(f"{b}mlp.", "gate_proj up_proj", F, bias=False)
        s.lin(f"{b}mlp.down_proj", H, F, bias=False)
        s.norm(f"{b}input_layernorm", bias=False)
        s.norm(f"{b}post_attention_layernorm", bias=False)
    s.norm("model.norm", bias=False)
    s.lin("lm_head", V, bias=False)
    return s


def llama_original() -> Scheme:
    s = Scheme()
    s.table("tok_embeddings")
    for i in range(N):
        b = f"layers.{i}."
        s.lins(f"{b}attention.", "wq wk wv wo", bias=False)
        s.lins(f"{b}feed_forward.", "w1 w3", F, bias=False)
        s.lin(f"{b}feed_forward.w2", H, F, bias=False)
        s.norm(f"{b}attention_norm", bias=False)
        s.norm(f"{b}ffn_norm", bias=False)
    s.norm("norm", bias=False)
    s.lin("output", V, bias=False)
    return s


def mixtral() -> Scheme:
    s = llama()
    for i in range(N):
        for name in ("gate_proj", "up_proj", "down_proj"):
            del s.shapes[f"model.layers.{i}.mlp.{name}.weight"]
            s.linear.discard(f"model.layers.{i}.mlp.{name}.weight")
        m = f"model.layers.{i}.block_sparse_moe."
        s.lin(f"{m}gate", 4, bias=False)
        for expert in range(2):
            s.lins(f"{m}experts.{expert}.", "w1 w3", F, bias=False)
            s.lin(f"{m}experts.{expert}.w2", H, F, bias=False)
    return s


def t5() -> Scheme:
    s = Scheme()
    s.table("shared")
    for side in ("encoder", "decoder"):
        s.table(f"{side}.embed_tokens")
        for i in range(N):
            b = f"{side}.block.{i}.layer."
            s.lins(f"{b}0.SelfAttention.", "q k v o", bias=False)
            if i == 0:
                s.table(f"{b}0.SelfAttention.relative_attention_bias", 32, 2)
            s.norm(f"{b}0.layer_norm", bias=False)
            last = 1
            if side == "decoder":
                s.lins(f"{b}1.EncDecAttention.", "q k v o", bias=False)
                s.norm(f"{b}1.layer_norm", bias=False)
                last = 2
            s.lins(f"{b}{last}.DenseReluDense.", "wi_0 wi_1", F, bias=False)
            s.lin(f"{b}{last}.DenseReluDense.wo", H, F, bias=False)
            s.norm(f"{b}{last}.layer_norm", bias=False)
        s.norm(f"{side}.final_layer_norm", bias=False)
    s.lin("lm_head", V, bias=False)
    return s


def bart() -> Scheme:
    s = Scheme()
    s.table("model.shared")
    for side in ("encoder", "decoder"):
        s.table(f"model.{side}.embed_tokens")
        s.table(f"model.{side}.embed_positions", P)
        s.norm(f"model.{side}.layernorm_embedding")
        for i in range(N):
            b = f"model.{side}.layers.{i}."
            for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
                s.lins(f"{b}{attention}.", "k_proj v_proj q_proj out_proj")
                s.norm(f"{b}{attention}_layer_norm")
            s.lin(f"{b}fc1", F)
            s.lin(f"{b}fc2", H, F)
            s.norm(f"{b}final_layer_norm")
    return s
