"""Tensors in files: a port reads and writes torch's own, as the weights that come with it are."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, dropped

PATH = "import os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'weights')\n"
NOTES = "each framework reads its own files alone, and raises on the other's: the port's weights are torch's"

ROWS = (
    api(
        "paddle.load(path)",
        "torch.load(f)",
        {"path": "f"},
        case(f"{PATH}paddle.save({{'a': x * 2}}, path)\npaddle.load(path)['a']", grad=False),
        case(
            f"{PATH}paddle.save(layer.state_dict(), path)\nlayer.set_state_dict(paddle.load(path=path))\nlayer(x)",
            layer="nn.Linear(5, 4)",
        ),
        also="paddle.framework.io.load",
        notes=NOTES,
    ),
    api(
        "paddle.save(obj, path, protocol=4)",
        "torch.save(obj, f)",
        {"path": "f", "protocol": dropped("every protocol is read")},
        case(f"{PATH}paddle.save(obj=x * 2, path=path, protocol=2)\npaddle.load(path)", grad=False),
        notes=NOTES,
    ),
)
