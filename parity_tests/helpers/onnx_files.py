"""ONNX files as exporters write them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnx


def exported(model: Any, *inputs: Any, dynamo: bool = False, folded: bool = False, **options: Any) -> onnx.ModelProto:
    """A torch model in a file, by the new exporter (``dynamo``) or the old one, which folds norms into convolutions."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            return torch.onnx.export(model, inputs, dynamo=True, verbose=False, **options).model_proto  # type: ignore
        mode = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
        file = io.BytesIO()
        torch.onnx.export(model, inputs, file, dynamo=False, training=mode, **options)
    return onnx.load_from_string(file.getvalue())
