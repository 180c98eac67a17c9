"""How Paddle names its layers' tensors and lays them out. Imports no Paddle."""

from nlblocks.conventions import Attention, BatchNorm, Cells, Conventions, Recurrent

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
)
