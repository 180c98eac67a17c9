"""Containers that other programs write: read here, or refused by what they are, with what to do instead."""

from nlblocks.weights.files.containers.archives import archive
from nlblocks.weights.files.containers.paddle_inference import inference_model, is_inference
from nlblocks.weights.files.containers.pretenders import what_it_is

__all__ = ["archive", "inference_model", "is_inference", "what_it_is"]
