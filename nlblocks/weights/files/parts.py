"""Which of a file's nested dicts holds the model's weights, judged from what lies in each, not from a name alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from nlblocks.errors import InputError, known
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.tensors import Tensor

_MODEL = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params")
"""What trainers call the weights: Lightning, MMEngine, Detectron2, fairseq, DeepSpeed, timm, Ultralytics."""
_BESIDES = re.compile(
    r"(.*_)?(optim\w*|opt|lr_sched\w*|lr|sched\w*|scaler|amp|rng\w*|(random|np|numpy|python|torch|cuda)_(rng_)?states?"
    r"|callbacks|loops|message_hub|master_weights|criterion|loss\w*|meters|metrics|hyper_parameters|extra_state|hooks"
    r"|(optim\w*|sched\w*)_\w*)|(lr|LR|opt|sched|scaler|amp|rng)_.*|LR_Scheduler",
)
_SLOT = re.compile(
    r"step|exp_avg\w*|max_exp_avg_sq|momentum_buffer|square_avg|grad_avg|acc_delta|ax|mu_product|fp32_master_weights?"
    r"|.*_(moment\d?|velocity|beta\d_pow_acc|moment\d_max|mean_square|mean_grad|momentum)_\d+"
)
"""What optimisers keep of a parameter."""


class SeveralSets(InputError):
    """A file with several sets of tensors, of which none was chosen."""


def weights_at(tensors: Mapping[Keys, Tensor], path: Path) -> Keys:
    """Descend to where the weights are; several sets are a question, what lies beside one is passed over.

    A dict of weights is known by what is in it: tensors with axes that are no optimiser's and no generator's state. A
    tensor beside one (the best score, a mean latent) is no reason to take the whole file.
    """
    at: Keys = ()
    while True:
        heads: dict[str, dict[Keys, Tensor]] = {}
        own: dict[str, Tensor] = {}
        for keys, tensor in tensors.items():
            if keys[: len(at)] == at:
                if len(keys) <= len(at) + 1:
                    own[keys[-1] if keys else ""] = tensor
                else:
                    heads.setdefault(keys[len(at)], {})[keys[len(at) + 1 :]] = tensor
        sets = [head for head, below in heads.items() if _holds_weights(below)]
        named = [head for head in sets if not _BESIDES.fullmatch(head)]
        if own and not _beside(own, [heads[head] for head in named]):
            return at
        kept = all(is_slot(keys[-1]) for below in heads.values() for keys in below)  # an optimiser's state alone
        weights = named or sets or ([] if own or kept else list(heads))
        if not weights:
            return at
        if len(weights) > 1:
            weights = _alone(weights, heads) or weights
        if len(weights) > 1:
            options = [".".join((*at, head)) for head in weights[:20]]
            more = f" and {len(weights) - 20} more" if len(weights) > 20 else ""
            raise SeveralSets(
                f"{path}: several sets of tensors are in the file; choose one with key (--key): {known(options)}{more}"
            )
        at = (*at, weights[0])


def is_slot(leaf: str) -> bool:
    """Whether an optimiser calls what it keeps of a parameter so."""
    return _SLOT.fullmatch(leaf) is not None


def _holds_weights(below: Mapping[Keys, Tensor]) -> bool:
    """Whether one of a dict's tensors may be a weight: it has axes, is of floats, and is no optimiser's."""
    return any(
        tensor.shape and tensor.dtype.name.startswith(("float", "bfloat", "complex")) and not is_slot(keys[-1])
        for keys, tensor in below.items()
    )


def _beside(own: Mapping[str, Tensor], sets: Iterable[Mapping[Keys, Tensor]]) -> bool:
    """Whether a level's own tensors are no weights: they lie beside a larger dict of these, or have no axes at all."""
    if all(not tensor.shape or _BESIDES.fullmatch(name) for name, tensor in own.items()):
        return True
    weights = any("." in name or name in ("weight", "bias") for name in own)
    return not weights and any(len(below) > len(own) for below in sets)


def _alone(weights: list[str], heads: Mapping[str, Mapping[Keys, Tensor]]) -> list[str]:
    """The one set that is called a model where no other is a set of the same tensors, such as its average."""
    models = [head for head in weights if head in _MODEL]
    if len(models) != 1:
        return []
    own, shapes = heads[models[0]], _shapes(heads[models[0]])
    for head in weights:
        below = heads[head]
        alike = max(len(own.keys() & below.keys()), (shapes & _shapes(below)).total())
        if head != models[0] and 2 * alike >= len(below):
            return []
    return models


def _shapes(below: Mapping[Keys, Tensor]) -> Counter[tuple[int, ...]]:
    return Counter(tensor.shape for tensor in below.values())
