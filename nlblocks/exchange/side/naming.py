"""What layers and parameters of a graph are called: by the file, or after the module that a node comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx

GENERATED = re.compile(
    r"onnx::|val_\d|/|\d+$|p2o\.|auto\.|helper\.|Constant|_?(identity|const|scalar|lifted)|.*_output_\d+$|.*_cast(_\d+)?$",
    re.IGNORECASE,
)
"""How names begin that an exporter made up."""
NUMBERS = {"eps", "epsilon", "one", "zero", "half", "two", "min", "max", "axis", "dim", "factor"}
"""What numbers of a program are called by those who write graphs by hand."""
SCOPES = "pkg.torch.onnx.name_scopes"
"""What torch's exporter calls the modules that a node is in, from the model down, and the node."""


def said(name: str) -> bool:
    """Whether a tensor's name is one that a model's author gave."""
    return GENERATED.match(name) is None


def of_one(name: str, ndim: int) -> bool:
    """Whether one number that is called so is a parameter: of a layer, ``block.gamma``, or of the model, ``gamma``.

    Whatever writes a graph calls the numbers of its program by paths and counters.
    """
    dotted = re.fullmatch(r"\w+(\.\w+)+", name) is not None
    plain = re.fullmatch(r"[a-zA-Z_]+", name) is not None
    return said(name) and (dotted or (plain and (ndim > 0 or name.lower() not in NUMBERS)))


def module_path(node_name: str) -> str:
    """The module that a node comes from: ``/layer1/layer1.0/conv1/Conv`` is of ``layer1.0.conv1``."""
    found: list[str] = []
    for part in node_name.strip("/").split("/")[:-1]:
        if found and part.startswith(f"{found[-1]}."):
            found[-1] = part
        else:
            found.append(part)
    return ".".join(found)


def scope_of(node: onnx.NodeProto) -> str:
    """Where a node is: its module, where the file says one, or its own name, or that of what it gives."""
    written = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "")
    paths = re.findall(r"'([^']*)'", written)[:-1]  # the last is the node
    if any(paths):
        return str(paths[-1])
    return module_path(node.name) if "/" in node.name else node.name or next((name for name in node.output if name), "")


def unique(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it is taken."""
    known, found, count = set(taken), name, 1
    while found in known:
        count += 1
        found = f"{name}_{count}"
    return found
