"""A framework of three files: eager tensors on a tape, functions with backward passes by hand, modules without hooks.

Its layers, and models made of them, call its functions as ``numtape.relu(x)``.
"""

from numtape.functions import (
    add,
    batch_norm,
    clip,
    conv,
    dropout,
    hard_sigmoid,
    largest,
    linear,
    matmul,
    mean,
    mul,
    relu,
    reshape,
    sigmoid,
    softmax,
    sub,
    transpose,
    wrap,
)
from numtape.layers import SGD, BatchNorm, Conv, Dropout, Linear, Module, parameter
from numtape.tape import Array, Tensor, backward, state, using

__all__ = [
    "SGD", "Array", "BatchNorm", "Conv", "Dropout", "Linear", "Module", "Tensor", "add", "backward", "batch_norm",
    "clip", "conv", "dropout", "hard_sigmoid", "largest", "linear", "matmul", "mean", "mul", "parameter", "relu",
    "reshape", "sigmoid", "softmax", "state", "sub", "transpose", "using", "wrap",
]  # fmt: skip
