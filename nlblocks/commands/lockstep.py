"""``nlblocks train --lockstep``: is it the same training? Asked of each model of a recipe, judged in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from nlblocks.commands.compare import progress
from nlblocks.errors import InputError
from nlblocks.statuses import OF_VERDICT
from nlblocks.training.data import Batches
from nlblocks.training.lockstep import LockstepReport, lockstep
from nlblocks.training.recipes import Recipe


def judge(recipe: Recipe, variants: Sequence[Any], batches: Batches, output: Path | None) -> int:
    """Train variants of a recipe in lockstep, print each verdict, keep it under ``output``; the exit status.

    A fault in any precision counts first. What float32 leaves open float64 has judged.
    """
    if recipe.precision == "mixed":
        raise InputError("--lockstep: mixed precision rounds by its own rules; add --precision float32, or float64")
    recipe.check_groups()
    console, judging = Console(), []
    for variant in variants:
        for precision in dict.fromkeys(("float64", recipe.precision)):
            report = _judged(replace(recipe, precision=precision), variant, batches)
            style = "red" if report.verdict == "different" else None
            console.print(str(report), style=style, highlight=False, markup=False, soft_wrap=True)
            if output is not None:
                path = output / variant.name / f"lockstep-{precision}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                report.save(path)
                console.print(f"report: {path}", highlight=False, soft_wrap=True)
            console.print()
            if precision == "float64" or report.verdict == "different":
                judging.append(report.verdict)
    return next(OF_VERDICT[verdict] for verdict in ("different", "not compared", "same") if verdict in judging)


def _judged(recipe: Recipe, variant: Any, batches: Batches) -> LockstepReport:
    with progress() as say:
        return lockstep(
            recipe, variant.model, batches, name=variant.name, progress=lambda text: say(f"{variant.name}, {text}")
        )
