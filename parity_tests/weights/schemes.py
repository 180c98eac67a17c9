"""The name schemes of well-known transformers' checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from parity_tests.weights import schemes_text as text
from parity_tests.weights import schemes_vision as vision
from parity_tests.weights.schemes_text import Scheme


def schemes() -> Iterator[tuple[str, Scheme]]:
    """Every scheme by its name."""
    yield from {
        "BERT": text.bert(),
        "RoBERTa": text.roberta(),
        "ERNIE": text.ernie(),
        "ELECTRA": text.electra(),
        "DistilBERT": text.distilbert(),
        "ALBERT": text.albert(),
        "GPT-2": text.gpt2(),
        "GPT-2 without a head": text.gpt2(prefix=""),
        "nanoGPT": text.nano_gpt(),
        "GPT-NeoX": text.neox(),
        "GPT-Neo": text.gpt_neo(),
        "LLaMA": text.llama(),
        "LLaMA, as published": text.llama_original(),
        "Mistral": text.llama(kv=2),
        "Qwen2": text.llama(bias=True),
        "Qwen3": text.llama(qk_norm=True),
        "Mixtral": text.mixtral(),
        "T5": text.t5(),
        "BART": text.bart(),
        "ViT of timm": vision.vit_timm(),
        "DeiT": vision.vit_timm(distilled=True),
        "ViT": vision.vit_hf(),
        "CLIP": vision.clip(),
        "Swin": vision.swin(),
        "Whisper": vision.whisper(),
        "wav2vec2": vision.wav2vec2(),
        "SAM": vision.sam(),
        "DETR": vision.detr(),
        "SegFormer": vision.segformer(),
    }.items()
