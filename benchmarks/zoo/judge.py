"""One architecture of two zoos: made on both sides, compared, and what came of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.zoo.repairs import REPAIRS

if TYPE_CHECKING:
    from nlblocks.parity.rendering import LabReport

ACCEPT = ("batch_norm.variance",)
SIZES = {"inception_v3": 299}


def shared() -> list[str]:
    """Names of the functions that make a model in both."""
    import paddle.vision.models as ours

    from benchmarks.zoo.vision import torchvision_models

    theirs = torchvision_models()
    return [name for name in theirs.list_models(module=theirs) if name in ours.__all__]


def pair(name: str) -> tuple[Any, Any, int]:
    """The torch and the Paddle model, fresh, and the side of the image."""
    return torch_model(name), paddle_model(name), SIZES.get(name, 224)


def torch_model(name: str) -> Any:
    """torchvision's, from the same seed."""
    import torch

    from benchmarks.zoo.vision import torchvision_models

    torch.manual_seed(0)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision_models(), name)(weights=None, **options)


def paddle_model(name: str) -> Any:
    """paddle.vision's, from the same seed."""
    import paddle
    import paddle.vision.models as ours

    paddle.seed(0)
    return getattr(ours, name)()


def judge(name: str, batch: int, size: int | None, training: bool) -> dict[str, Any]:
    """One pair in this process; one that differs and can be put right, also after that."""
    import resource

    report, side = compared(name, batch, size, training)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    repaired = None
    if not report and name in REPAIRS:
        again, _ = compared(name, batch, size, training, REPAIRS[name])
        repaired = {"same": bool(again), "worst": worst(again), "text": str(again)}
    data = report.to_dict()
    return {
        "name": name, "side": side, "same": bool(report), "seconds": report.seconds, "memory": memory,
        "paired": len(report.pairing.pairs), "left_only": data["left_only"], "right_only": data["right_only"],
        "finding": data["finding"], "findings": data["findings"], "worst": worst(report), "text": str(report),
        "repaired": repaired,
    }  # fmt: skip


def compared(
    name: str, batch: int, size: int | None, training: bool, repair: Callable[[Any, Any], None] | None = None
) -> tuple[LabReport, int]:
    """The report on a fresh pair, and the side of the image."""
    from nlblocks import parity

    left, right, side = pair(name)
    side = size or side
    if repair is not None:
        repair(left, right)
    return parity.compare(left, right, (batch, 3, side, side), training=training, accept=ACCEPT), side


def worst(report: LabReport) -> dict[str, float | None]:
    return {phase: report.worst(phase) for phase in dict.fromkeys(c.phase for c in report.comparisons)}


def child(queue: Any, *arguments: Any) -> None:
    warnings.simplefilter("ignore")
    try:
        queue.put(judge(*arguments))
    except Exception as error:
        queue.put({"name": arguments[0], "error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
