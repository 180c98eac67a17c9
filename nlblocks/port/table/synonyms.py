"""Paddle 3's second way to spell its API, torch's: other words for arguments, and names of the same objects."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, ...]] = {
    "input": ("x", "arr", "values"), "tensors": ("x",), "obj": ("x",), "A": ("x",), "x1": ("x",), "elements": ("x",),
    "other": ("y",), "vec2": ("y",), "exponent": ("y",), "B": ("y",), "x2": ("y",), "test_elements": ("test_x",),
    "dim": ("axis", "axes"), "dimension": ("axis",), "size": ("shape", "shape_or_dtype"), "sizes": ("shape",),
    "dims": ("repeat_times",), "source": ("value",), "target": ("label",), "eps": ("epsilon",), "ord": ("p",),
    "lambd": ("threshold", "lam"), "return_indices": ("return_mask",), "boundaries": ("sorted_sequence",),
    "indices_or_sections": ("num_or_indices",), "indices": ("num_or_indices",), "sections": ("num_or_indices",),
    "end": ("stop",), "steps": ("num",), "n": ("num_rows",), "m": ("num_columns",), "from": ("min",), "to": ("max",),
    "module": ("sublayer", "layer"), "modules": ("sublayers",), "recurse": ("include_sublayers",),
    "persistent": ("persistable",), "dtype": ("shape_or_dtype",), "orig_func": ("func",), "bias": ("bias_attr",),
    "type": ("dtype",),
    "start_dim": ("start_axis",), "end_dim": ("stop_axis",), "output_size": ("output_sizes",),
    "kernel_size": ("kernel_sizes",), "stride": ("strides",), "padding": ("paddings",), "dilation": ("dilations",),
}  # fmt: skip
"""Torch's words, and the arguments of Paddle's that they mean: the first one that the API has."""

SIZES = frozenset({
    "paddle.ones", "paddle.zeros", "paddle.empty", "paddle.rand", "paddle.randn", "paddle.reshape", "Tensor.reshape",
    "Tensor.view", "paddle.expand", "paddle.permute", "Tensor.permute", "Tensor.repeat",
})  # fmt: skip
"""APIs that take the items of their list of extents or axes one by one too."""

ORDERS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "paddle.sum": ("dtype", "bool", ("keepdim", "dtype")),
    "paddle.index_select": ("index", "int", ("axis", "index")),
    "Tensor.index_add_": ("index", "int", ("axis", "index", "value")),
}
"""Where an argument's place holds something of another kind, what the arguments are from there on: torch's order."""

SAME_OBJECTS: Mapping[str, str] = {
    "paddle.nn.AdaptiveAvgPool1D": "paddle.nn.AdaptiveAvgPool1d",
    "paddle.nn.AdaptiveAvgPool2D": "paddle.nn.AdaptiveAvgPool2d",
    "paddle.nn.AdaptiveAvgPool3D": "paddle.nn.AdaptiveAvgPool3d",
    "paddle.nn.AdaptiveMaxPool1D": "paddle.nn.AdaptiveMaxPool1d",
    "paddle.nn.AdaptiveMaxPool2D": "paddle.nn.AdaptiveMaxPool2d",
    "paddle.nn.AdaptiveMaxPool3D": "paddle.nn.AdaptiveMaxPool3d",
    "paddle.nn.Conv1D": "paddle.nn.Conv1d",
    "paddle.nn.Conv2D": "paddle.nn.Conv2d",
    "paddle.nn.Conv3D": "paddle.nn.Conv3d",
    "paddle.nn.Layer": "paddle.nn.Module",
    "paddle.nn.LayerDict": "paddle.nn.ModuleDict",
    "paddle.nn.LayerList": "paddle.nn.ModuleList",
    "paddle.nn.UpsamplingBilinear2D": "paddle.nn.UpsamplingBilinear2d",
    "paddle.nn.UpsamplingNearest2D": "paddle.nn.UpsamplingNearest2d",
    "paddle.nn.ZeroPad2D": "paddle.nn.ZeroPad2d",
    "paddle.nn.functional.log_sigmoid": "paddle.nn.functional.logsigmoid",
    "paddle.nn.functional.adaptive_avg_pool1d": "paddle.adaptive_avg_pool1d",
    "paddle.nn.functional.conv1d": "paddle.conv1d",
    "paddle.nn.functional.conv2d": "paddle.conv2d",
    "paddle.nn.functional.conv3d": "paddle.conv3d",
    "paddle.nn.functional.group_norm": "paddle.group_norm",
    "paddle.nn.functional.layer_norm": "paddle.layer_norm",
    "paddle.addmm": "Tensor.addmm",
    "paddle.add_n": "Tensor.add_n",
    "paddle.cdist": "Tensor.cdist",
    "paddle.concat": "Tensor.concat paddle.concatenate",
    "paddle.dist": "Tensor.dist",
    "paddle.equal": "Tensor.eq paddle.eq",
    "paddle.greater_equal": "Tensor.ge paddle.ge",
    "paddle.less_equal": "Tensor.le paddle.le",
    "paddle.less_than": "Tensor.lt paddle.lt Tensor.less paddle.less",
    "paddle.not_equal": "Tensor.ne paddle.ne",
    "paddle.is_complex": "Tensor.is_complex",
    "paddle.is_floating_point": "Tensor.is_floating_point",
    "paddle.is_integer": "Tensor.is_integer",
    "paddle.linalg.cholesky": "Tensor.cholesky",
    "paddle.linalg.solve": "Tensor.solve",
    "paddle.cross": "paddle.linalg.cross",
    "paddle.multinomial": "Tensor.multinomial",
    "paddle.negative": "Tensor.negative",
    "paddle.outer": "paddle.ger",
    "paddle.rot90": "Tensor.rot90",
    "paddle.scatter_nd": "Tensor.scatter_nd",
    "paddle.scatter_nd_add": "Tensor.scatter_nd_add",
    "paddle.softmax": "Tensor.softmax",
    "paddle.stack": "Tensor.stack",
    "paddle.strided_slice": "Tensor.strided_slice",
    "paddle.take_along_axis": "Tensor.take_along_dim paddle.take_along_dim",
    "paddle.unstack": "Tensor.unstack",
    "paddle.grad": "paddle.autograd.grad",
    "paddle.no_grad": "paddle.autograd.no_grad paddle.framework.no_grad",
    "paddle.enable_grad": "paddle.autograd.enable_grad",
    "paddle.is_grad_enabled": "paddle.autograd.is_grad_enabled",
    "paddle.set_grad_enabled": "paddle.autograd.set_grad_enabled",
    "paddle.seed": "paddle.manual_seed",
    "Tensor.clip_": "Tensor.clamp_",
    "Tensor.divide_": "Tensor.div_",
    "Tensor.multiply_": "Tensor.mul_",
    "Tensor.subtract_": "Tensor.sub_",
    "Tensor.transpose": "Tensor.swapaxes Tensor.swapdims",
}
"""Further names of what a row of this name is about: each is the very same object in Paddle, which a test holds."""
