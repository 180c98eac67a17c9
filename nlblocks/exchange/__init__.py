"""ONNX: blocks and models exported by both frameworks, a file as a third witness, and as one side of a comparison.

Everything here needs the extra ``nlblocks[onnx]``; nothing outside of it does.
"""

from importlib.util import find_spec

from nlblocks.errors import InputError

if find_spec("onnx") is None:
    raise InputError('ONNX files need the package onnx; install it with: pip install "nlblocks[onnx]"')
