"""Programs that torch makes of a module: they run outside Python, or in one mode."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nlblocks.host import refuse_programs


def refuse_program(model: Any, can_not: str) -> None:
    """Raise InputError for such a program, and for a model that has one among its modules; ``can_not`` says to what."""
    parts = model.named_modules() if isinstance(model, nn.Module) else [("", model)]
    refuse_programs(model, parts, _maker, can_not)


def _maker(part: Any) -> str:
    """What made a program, and what hinders; "" where a module is one of Python."""
    if isinstance(part, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        return "torch.jit, which runs where its operations are not seen"
    fixed = isinstance(part, torch.fx.GraphModule) and "eval" in vars(part)  # its own eval() refuses
    exported = fixed or type(part).__module__.startswith("torch.export")
    return "torch.export, which is fixed in one mode" if exported else ""
