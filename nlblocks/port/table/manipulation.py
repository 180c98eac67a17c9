"""Joining, splitting and rearranging tensors, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import api, case

ROWS = (
    api(
        "paddle.concat(x, axis=0, name=None)",
        "torch.cat(tensors, dim=0)",
        {"x": "tensors", "axis": "dim"},
        case("paddle.concat([x, x + 1], axis=-1)"),
        case("paddle.concat(x=[x, y])", x="f2,3", y="f1,3"),
        case("paddle.concat([x, y], 1)", x="f2,3", y="f2,1"),
        case("paddle.concat(\n    (x, y),  # both\n    axis=1,\n)", x="f2,3", y="f2,1"),
    ),
    api(
        "Tensor.reshape(shape, name=None)",
        "{self}.reshape(*shape)",
        {},
        case("x.reshape([2, 12, 5])"),
        case("x.reshape((x.shape[0], -1))"),
        case("x.reshape(shape=[-1])"),
        case("x.reshape([0, 0, -1])"),
        case("shape = [2, -1]\nx.reshape(shape)"),
        case("shape = [0, -1]\nx.reshape(shape)"),
        rule="reshape",
    ),
    api(
        "Tensor.transpose(perm, name=None)",
        "{self}.permute(*dims)",
        {"perm": "dims"},
        case("x.transpose([0, 2, 1, 3])"),
        case("x.transpose(perm=[3, 0, 1, 2])"),
        case("order = [0, 3, 1, 2]\nx.transpose(order)"),
    ),
    api(
        "Tensor.shape",
        "{self}.shape",
        {},
        case("x.shape + [1]", grad=False),
        case("x.shape == [2, 3, 4, 5]", grad=False),
        case("b, c, h, w = x.shape\nx.reshape([b, c, h * w])"),
        case("shape = x.shape\nshape[1] = 1\nshape", grad=False),
        case("x.shape[2:]", grad=False),
        rule="tensor_shape",
    ),
)
