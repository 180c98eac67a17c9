"""Imports point downwards, rooms are imported by their faces, files are short; and each check finds what is planted.

`python -m docs.rooms` prints the same, a line for each place. What the floors are: docs/rooms.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import rooms
from docs.imports import read
from docs.rooms import ALLOWED, CHECKS, FLOORS, ROOT, House, needless, offences

TRACE, JUDGE = "nlblocks/parity/tracing/trace.py", "nlblocks/parity/judging/judge.py"
TRACING, JUDGING = "nlblocks/parity/tracing/__init__.py", "nlblocks/parity/judging/__init__.py"
BACKENDS = {"backends/nlblocks_torch/__init__.py": "", "backends/nlblocks_paddle/__init__.py": ""}
LAB = "backends/nlblocks_torch/lab/tracing.py"


@pytest.fixture(scope="module")
def checkout() -> House:
    return House(read(ROOT))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_code_keeps_to_its_rooms(check, checkout: House) -> None:
    found = offences(checkout, check)
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


def test_nothing_is_allowed_for_nothing(checkout: House) -> None:
    assert not needless(checkout)
    assert all(ALLOWED.values()), "each exception says why"


def test_what_is_checked_is_the_product(checkout: House) -> None:
    assert len(checkout.faces) == sum(part.face + len(part.inner) for part in FLOORS)
    assert {"nlblocks_torch", "nlblocks_paddle", "nlblocks_reference"} <= set(checkout.backends)
    assert len(checkout.arrows) > 50


def planted(root: Path, files: dict[str, str]) -> House:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source + "\n", encoding="utf-8")
    return House(read(root))


def places(check, house: House) -> list[str]:
    return [f"{found.path}:{found.line}" for found in check(house)]


UPWARD = {
    "from": "from nlblocks.parity.judging.judge import Judge",
    "from the room": "from nlblocks.parity.judging import Judge",
    "from the package": "from nlblocks.parity import judging",
    "import": "import nlblocks.parity.judging.judge",
    "import as": "import nlblocks.parity.judging.judge as other",
    "relative": "from ..judging import judge",
    "relative module": "from ..judging.judge import Judge",
    "in a function": "def f():\n    from nlblocks.parity.judging.judge import Judge",
    "in a method": "class A:\n    async def f(self):\n        import nlblocks.parity.judging",
    "for types": "if TYPE_CHECKING:\n    from nlblocks.parity.judging.judge import Judge",
    "where it may fail": "try:\n    from nlblocks.parity.judging.judge import Judge\nexcept ImportError:\n    pass",
    "dynamic": "import importlib\nimportlib.import_module('nlblocks.parity.judging.judge')",
    "dynamic, in part": "import importlib\nimportlib.import_module(f'nlblocks.parity.judging.{name}')",
    "by an attribute": "import nlblocks.errors\nnlblocks.parity.judging.judge.Judge",
}


@pytest.mark.parametrize("source", UPWARD.values(), ids=UPWARD)
def test_an_upward_import_is_found(source: str, tmp_path: Path) -> None:
    house = planted(tmp_path, {TRACE: source, TRACING: "", JUDGE: "", JUDGING: ""})
    line = next(n for n, text in enumerate(source.splitlines(), start=1) if "judging" in text)
    assert f"{TRACE}:{line}" in places(rooms.upward, house)
    assert not list(rooms.upward(planted(tmp_path, {TRACE: "", JUDGE: source.replace("judging", "tracing")})))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (TRACE, "from nlblocks_torch.lab import tracing"),
        ("nlblocks/backend.py", "def f():\n    import nlblocks_paddle"),
        ("backends/nlblocks_paddle/lab/tracing.py", "import nlblocks_torch.kernels.lines"),
        ("backends/nlblocks_torch/non_local.py", "from nlblocks_torch.lab.tracing import tracer"),
        ("backends/nlblocks_torch/non_local.py", "from nlblocks.parity.tracing import Trace"),
        ("backends/nlblocks_torch/kernels/lines.py", "from nlblocks_torch.lab import calls"),
        ("backends/nlblocks_torch/kernels/lines.py", "from nlblocks_torch import layers"),
        ("backends/nlblocks_torch/kernels/lines.py", "from ..layers import Conv"),
        (LAB, "from nlblocks.parity.judging import Judge"),
    ],
)
def test_a_backend_stands_beside_the_core(path: str, source: str, tmp_path: Path) -> None:
    house = planted(tmp_path, {**BACKENDS, LAB: "", "backends/nlblocks_torch/layers.py": "", path: source})
    assert places(rooms.upward, house) == [f"{path}:{len(source.splitlines())}"]


def test_a_backend_may_look_down(tmp_path: Path) -> None:
    sources = {
        LAB: "from nlblocks.parity.running import Settings\nfrom nlblocks_torch.layers import Conv",
        "backends/nlblocks_torch/non_local.py": "from nlblocks.backend import Run\nimport nlblocks_torch.kernels.lines",
        "backends/nlblocks_torch/kernels/lines.py": "from nlblocks.paths import force",
    }
    assert not list(rooms.upward(planted(tmp_path, {**BACKENDS, **sources})))


def test_circles_are_found(tmp_path: Path) -> None:
    among_rooms = {TRACE: "from nlblocks.parity.judging.judge import x", JUDGE: "import nlblocks.parity.tracing.trace"}
    (found,) = rooms.circles(planted(tmp_path / "rooms", among_rooms))
    assert {"parity/judging", "parity/tracing"} < set(found.about.split(" "))
    names = ("graph", "digest", "trace")
    files = {
        f"nlblocks/parity/tracing/{a}.py": f"def f():\n    from . import {b}"
        for a, b in zip(names, names[1:] + names[:1], strict=True)
    }
    (found,) = rooms.circles(planted(tmp_path / "files", files))
    assert all(f"nlblocks.parity.tracing.{name}" in found.about for name in names)
    assert not list(rooms.circles(planted(tmp_path / "files", {TRACE: ""})))


@pytest.mark.parametrize(
    ("path", "source", "past"),
    [
        (JUDGE, "from nlblocks.parity.tracing.trace import Trace", True),
        (JUDGE, "def f():\n    from ..tracing.trace import Trace", True),
        (JUDGE, "import nlblocks.parity.tracing.trace as t", True),
        (JUDGE, "print(t.Trace)\nimport nlblocks.parity.tracing.trace as t", True),
        (JUDGE, "from nlblocks.parity.tracing import trace", True),
        (JUDGE, "from nlblocks.parity.tracing import Other", True),
        (JUDGE, "from nlblocks.parity import tracing\ntracing.trace.Trace", True),
        (JUDGE, "import nlblocks.parity.tracing\nnlblocks.parity.tracing.Other", True),
        ("benchmarks/faults/judge.py", "from nlblocks.parity.tracing.trace import Trace", True),
        ("parity_tests/parity/judging/test_judge.py", "from nlblocks.parity.tracing.trace import Trace", True),
        (JUDGE, "from nlblocks.parity.tracing import Op, Trace", False),
        (JUDGE, "from ..tracing import Trace", False),
        (JUDGE, "from nlblocks.parity import tracing\ntracing.Trace", False),
        (TRACE, "from nlblocks.parity.tracing.graph import TraceGraph", False),
        ("parity_tests/parity/tracing/test_trace.py", "from nlblocks.parity.tracing.trace import Trace", False),
    ],
)  # fmt: skip
def test_an_import_past_a_face_is_found(path: str, source: str, past: bool, tmp_path: Path) -> None:
    face = "from nlblocks.parity.tracing.trace import Op, Trace\n__all__ = ['Op', 'Trace']"
    house = planted(tmp_path, {TRACING: face, TRACE: "", path: source})
    assert places(rooms.past_faces, house) == ([f"{path}:{len(source.splitlines())}"] if past else [])


def test_a_module_on_a_face_is_public_with_all_in_it(tmp_path: Path) -> None:
    files = {
        "nlblocks/numerics/__init__.py": "from nlblocks.numerics import tolerance\n__all__ = ['tolerance', 'verify']",
        "nlblocks/numerics/tolerance.py": "LIMIT = 1",
        "nlblocks/numerics/verify.py": "",
        JUDGE: "from nlblocks.numerics.tolerance import LIMIT",
        TRACE: "from nlblocks.numerics import tolerance, verify\ntolerance.LIMIT",
    }
    assert not list(rooms.past_faces(planted(tmp_path, files)))
    past = "from nlblocks.numerics.verify import verify\nimport nlblocks.numerics.verify"  # what is shown is a function
    house = planted(tmp_path, {"nlblocks/parity/judging/gradients.py": past})
    assert [place.rpartition(":")[2] for place in places(rooms.past_faces, house)] == ["1", "2"]


def test_a_wrong_face_is_found(tmp_path: Path) -> None:
    names = ["Op", "Trace", "Tensor", "Digest", "Graph"]

    def wrong(shown: list[str], used: list[str], by: str = JUDGE) -> list[str]:
        source = "from nlblocks.parity.tracing import digest, graph" if "digest" in shown else ""
        files = {
            TRACING: f"{source}\n__all__ = {shown}",
            JUDGE: "",
            by: f"from nlblocks.parity.tracing import {', '.join(used)}",
        }
        return [found.about for found in rooms.faces(planted(tmp_path, files))]

    assert not wrong(names[:2], names)
    assert not wrong(names[:4], names)
    assert wrong(names[:1], names) == ["__all__"]
    assert wrong(names, names) == ["__all__"]
    assert wrong(names[:3], names[:2]) == ["Tensor"]
    assert wrong(names[:2], names[:2], by="parity_tests/test_trace.py") == ["Op", "Trace"]
    assert wrong(names[:2], names[:2], by=TRACE) == ["Op", "Trace"]
    for name in ("digest", "graph"):
        (tmp_path / f"nlblocks/parity/tracing/{name}.py").touch()
    assert wrong(["digest", "graph"], ["digest", "graph"]) == ["modules"]
    assert places(rooms.faces, planted(tmp_path, {TRACING: "", JUDGE: ""})) == [f"{TRACING}:1"]


@pytest.mark.parametrize("source", ["import torch", "def f():\n    from paddle.nn import Layer", "__import__('jax')"])
def test_a_framework_in_the_core_is_found(source: str, tmp_path: Path) -> None:
    assert places(rooms.strangers, planted(tmp_path, {TRACE: source})) == [f"{TRACE}:{len(source.splitlines())}"]
    (tmp_path / TRACE).unlink()
    assert not list(
        rooms.strangers(planted(tmp_path, {LAB: source, JUDGE: "import sys, numpy.linalg, nlblocks_torch"}))
    )


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    def function(lines: int) -> str:
        return "class A:\n    async def f(self):\n        '''Said.\n        '''\n" + "        x = 1\n" * (lines - 3)

    block = "backends/nlblocks_torch/non_local.py"
    spec = {"nlblocks/specs/non_local.py": ""}
    assert not list(rooms.sizes(planted(tmp_path, {**spec, TRACE: function(60), JUDGE: "\n" * 399, block: "\n" * 199})))
    house = planted(tmp_path, {TRACE: function(61), JUDGE: "\n" * 400, block: "\n" * 200})
    assert sorted(places(rooms.sizes, house)) == [f"{block}:1", f"{JUDGE}:1", f"{TRACE}:2"]


def test_a_file_without_a_floor_is_found(tmp_path: Path) -> None:
    files = {"nlblocks/zone.py": "", "nlblocks/parity/walking/walk.py": "", TRACE: ""}
    found = [place for place in places(rooms.unplaced, planted(tmp_path, files)) if place.startswith("nlblocks/")]
    assert found == ["nlblocks/parity/walking/walk.py:1", "nlblocks/zone.py:1"]
