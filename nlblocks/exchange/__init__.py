"""ONNX: blocks and models exported by both frameworks, a file as a third witness, and as one side of a comparison.

Everything here needs the extra ``nlblocks[onnx]``; nothing outside of it does.
"""
