"""How Paddle names its layers' tensors and lays them out. Imports no Paddle."""

from nlblocks.conventions import Attention, BatchNorm, Cells, Conventions, Generated, Kept, Recurrent

_WEIGHT = {"w_0": "weight", "b_0": "bias"}
_NORMED = {"w_1": "weight_v", "w_2": "weight_g", "b_0": "bias"}  # by weight norm, which takes the first away
_CELL = {"w_0": "weight_ih", "w_1": "weight_hh", "w_2": "weight_ho", "b_0": "bias_ih", "b_1": "bias_hh"}

conventions = Conventions(
    title="Paddle",
    safetensors="paddle",
    linear_in_out=True,
    batch_norm=BatchNorm(mean="_mean", variance="_variance", count=""),
    instance_norm="scale",
    prelu="_weight",
    layer_norm="flat",
    bilinear_bias="row",
    attention=Attention(whole="", part="{}_proj", joint=".", out="out_proj"),
    cross_attention="cross_attn",
    recurrent=Recurrent(
        projection="weight_ho", cells=Cells(one="{}.cell", forward="{}.cell_fw", backward="{}.cell_bw")
    ),
    weight_norm="vector",
    parametrised=None,
    pruning="",
    generated=(
        Generated(type="linear|fc", leaves=_WEIGHT, without_first=_NORMED, kind="linear"),
        Generated(type=r"(depthwise_)?conv\dd(_transpose)?", leaves=_WEIGHT, without_first=_NORMED),
        Generated(type="layer_norm|group_norm|rms_norm|bilinear", leaves=_WEIGHT),
        Generated(type="embedding|sparse_embedding", leaves={"w_0": "weight"}, kind="embedding"),
        Generated(type=r"(sync_)?batch_norm(\dd)?", leaves=_WEIGHT | {"w_1": "_mean", "w_2": "_variance"}),
        Generated(type=r"instance_norm(\dd)?", leaves={"w_0": "scale", "b_0": "bias"}, kind="instance_norm"),
        Generated(type="p_re_lu|prelu", leaves={"w_0": "_weight"}),
        Generated(type="(lstm|gru|simple_rnn)_cell", leaves=_CELL),
    ),
    kept=Kept(m="moment1", v="moment2", velocity="velocity", powers=("beta1_pow_acc", "beta2_pow_acc")),
)
