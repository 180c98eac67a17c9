"""What Paddle's layers keep under names of their own, most with an underscore, and torch's under others.

A class of the user's may have such names itself: these rows are for objects of Paddle's own classes, or of classes that
derive from one of them other than nn.Layer.
"""

from __future__ import annotations

from nlblocks.port.table.row import api, case

CONV = "nn.Conv2D(4, 6, 3, stride=2, padding=1, dilation=1, groups=2)"
POOL = "nn.AvgPool2D(3, 2, 1)"


def kept(paddle: str, torch: str, layer: str):  # type: ignore[no-untyped-def]
    """A row: an attribute that torch's layer has under another name."""
    return api(f"Layer.{paddle}", f"{{self}}.{torch}", {}, case(f"layer.{paddle}", layer=layer, grad=False))


ROWS = (
    kept("_in_channels", "in_channels", CONV),
    kept("_out_channels", "out_channels", CONV),
    kept("_kernel_size", "kernel_size", CONV),
    kept("_stride", "stride", CONV),
    kept("_dilation", "dilation", CONV),
    kept("_groups", "groups", CONV),
    api("Layer._padding", "{self}.padding", {}, case("layer._padding in (1, (1, 1))", layer=CONV, grad=False),
        notes="a number in Paddle, in torch one for each axis"),
    kept("_output_size", "output_size", "nn.AdaptiveAvgPool2D(1)"),
    api("Layer._data_format", "'NCHW'", {}, case("layer._data_format", layer=CONV, grad=False),
        notes="what is ported has its channels first"),
    api("Layer._name", "None", {}, case("layer._name", layer="nn.AdaptiveAvgPool2D(1)", grad=False),
        notes="a label of static graphs"),
    api("Layer._epsilon", "{self}.eps", {}, case("layer._epsilon", layer="nn.LayerNorm(5)", grad=False)),
    kept("_num_features", "num_features", "nn.BatchNorm2D(3)"),
    api("Layer._momentum", "1 - {self}.momentum", {},
        case("layer._momentum", layer="nn.BatchNorm2D(3)", grad=False)),
    api("Layer._mean", "{self}.running_mean", {}, case("layer._mean", layer="nn.BatchNorm2D(3)", grad=False)),
    api("Layer._variance", "{self}.running_var", {}, case("layer._variance", layer="nn.BatchNorm2D(3)", grad=False)),
    api("Layer._normalized_shape", "list({self}.normalized_shape)", {},
        case("layer._normalized_shape", layer="nn.LayerNorm([4, 5])", grad=False)),
    kept("_num_embeddings", "num_embeddings", "nn.Embedding(7, 4)"),
    kept("_embedding_dim", "embedding_dim", "nn.Embedding(7, 4)"),
    api("Layer._padding_idx", "{self}.padding_idx", {},
        case("layer._padding_idx", layer="nn.Embedding(7, 4)", grad=False),
        case("layer._padding_idx", layer="nn.Embedding(7, 4, padding_idx=2)", grad=False),
        case("layer._padding_idx", layer="nn.Embedding(7, 4, padding_idx=-1)", grad=False)),
    api("Tensor.is_distributed", "False", {}, case("layer.weight.is_distributed", layer="nn.Linear(5, 4)", grad=False),
        notes="a port runs on one device"),
    api("Tensor.name", "{self}.name", {}, case("told = []\ntold.append((x * 2).name)\nx + 1"), rule="tensor_name",
        notes="torch gives tensors no names: None does where nothing reads it"),
    api("Layer._dtype", "str(torch.get_default_dtype()).removeprefix('torch.')", {},
        case("len(layer._dtype) > 3", layer="nn.Linear(5, 4)", grad=False)),
    api(
        "paddle.shape(input)",
        "{input}.shape",
        {},
        case("[int(v) for v in paddle.shape(x)]", grad=False),
        case("b = paddle.shape(x)[0]\nx.reshape([b, -1])"),
        case("b, c, h, w = paddle.shape(x)\nx.reshape([b, c, h * w])"),
        case("size = paddle.shape(x)[2:]\nx.reshape([-1, size[0], size[1]])"),
        case("paddle.cast(paddle.shape(x), 'float64')", grad=False),
        rule="shape_tensor",
    ),
)  # fmt: skip
