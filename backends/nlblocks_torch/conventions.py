"""How torch names its layers' tensors and lays them out. Imports no torch."""

from nlblocks.conventions import Attention, BatchNorm, Conventions, Kept, Parametrised, Recurrent

conventions = Conventions(
    title="torch",
    safetensors="pt",
    linear_in_out=False,
    batch_norm=BatchNorm(mean="running_mean", variance="running_var", count="num_batches_tracked"),
    instance_norm="weight",
    prelu="weight",
    layer_norm="axes",
    bilinear_bias="vector",
    attention=Attention(whole="in_proj", part="{}_proj", joint="_", out="out_proj", bias_kv=True),
    cross_attention="multihead_attn",
    recurrent=Recurrent(projection="weight_hr"),
    weight_norm="axis",
    parametrised=Parametrised(
        module="parametrizations",
        weight_norm={"g": "original0", "v": "original1"},
        spectral_norm={"orig": "original", "u": "0._u", "v": "0._v"},
    ),
    pruning="torch.nn.utils.prune",
    kept=Kept(m="exp_avg", v="exp_avg_sq", velocity="momentum_buffer", updates="step"),
)
