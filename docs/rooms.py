"""What stands on which floor, and whether the code keeps to it.

    python -m docs.rooms    # every place that breaks a rule, one line each; exit status 1 if there is one

The picture and the page are made from the same data by docs/architecture.py.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from docs.imports import Import, Module, exports_of, imports_of, lineage, read

ROOT = Path(__file__).parents[1]
LINES = 400  # a longer file holds two ideas
BLOCK_LINES = 200  # a block is read in one sitting
FUNCTION_LINES = 60  # a function fits on a screen, its docstring included
FACE = (2, 4)  # how many names a room shows


@dataclass(frozen=True, slots=True)
class Part:
    """A room, or files that belong together: everything that has one place on the floors.

    ``modules`` are folders, with all that is in them, or files; the first says what the part does. A room with a
    ``face`` is imported by what its ``__init__.py`` exports, and by nothing else. ``inner`` are packages inside it that
    have a face too, while they share its floor.
    """

    name: str
    modules: tuple[str, ...]
    face: bool = False
    inner: tuple[str, ...] = ()


def _part(name: str, *also: str, face: bool = False, inner: tuple[str, ...] = ()) -> Part:
    package = "nlblocks." + name.removesuffix(".py").replace("/", ".")
    return Part(name, (package, *also), face, tuple(f"{package}.{room}" for room in inner))


# The core, from the ground up: a part imports only parts before it.
FLOORS: tuple[Part, ...] = (
    _part("errors.py", "nlblocks.statuses", "nlblocks.blame", "nlblocks.interrupts"),
    _part("specs"),
    _part("init.py"),
    _part("paths.py"),
    _part("backend.py"),
    _part("conventions.py"),
    _part("host.py"),
    _part("numerics", face=True),
    _part("blocks.py"),
    _part("weights", inner=("files.containers",)),
    _part("plug.py"),
    _part("catalogue.py"),
    _part("proof", face=True),
    _part("parity/tracing", face=True),
    _part("parity/formulas", face=True),
    _part("parity/recording", face=True),
    _part("parity/pairing", face=True),
    _part("parity/optimising", face=True),
    _part("parity/running", face=True),
    _part("parity/matching", face=True),
    _part("parity/findings", face=True),
    _part("parity/explaining", face=True),
    _part("parity/judging", face=True),
    _part("parity/capturing", face=True),
    _part("parity/rendering", face=True),
    _part(
        "parity/compare.py",
        "nlblocks.parity.compare_captures",
        "nlblocks.parity.convert_like",
        "nlblocks.parity.capture",
        "nlblocks.parity",
    ),
    _part("exchange/files", face=True),
    _part("exchange/programs", face=True),
    _part("exchange/judging", face=True),
    _part("exchange/exporting", "nlblocks.exchange", face=True),
    _part("loading.py"),
    _part("exchange/witness", face=True),
    _part("exchange/side", face=True),
    _part("maps", face=True),
    _part("port", face=True),
    _part("training/recipes", face=True),
    _part("training/data", face=True),
    _part("training/running", face=True),
    _part("training/processes", face=True),
    _part("training/runs", "nlblocks.training", face=True),
    _part("training/reporting", face=True),
    _part("training/lockstep", face=True),
    _part("drawing", face=True),
    Part("nlblocks", ("nlblocks",)),
    _part("stubs.py"),
    _part("testing.py", "nlblocks.pytest_plugin"),
    _part("commands"),
    _part("console", face=True),
    _part("cli.py", "nlblocks.__main__"),
)
RANK = {part.name: number for number, part in enumerate(FLOORS)}
# Packages of which only the __init__.py is a part: what else is in them stands on FLOORS by its own name.
HALLS = frozenset({"nlblocks", "nlblocks.parity", "nlblocks.training"})

# The floors of every backend, from the ground up, each with the highest part of the core that it may import.
BACKEND_FLOORS = {
    "kernels": "numerics",
    "blocks": "numerics",
    "lab": "parity/running",
    "exporting": "exchange/programs",
    "training": "training/running",
}

# What the core may import beside the standard library; no framework, ever.
OUTSIDE = frozenset({
    "PIL", "click", "google", "h5py", "libcst", "matplotlib", "numpy", "onnx", "onnxruntime", "pytest", "rich",
    "safetensors", "zlib_ng",
})  # fmt: skip

# Where a rule is broken on purpose: "file:what", and why.
ALLOWED: dict[str, str] = {
    "nlblocks/training/data/sources.py:sklearn": "the digits are its data; asked for only where they are trained on",
    "nlblocks/commands/bench.py:benchmarks": "`nlblocks bench` runs the benchmarks of a checkout, where there is one",
}


@dataclass(frozen=True, slots=True, order=True)
class Offence:
    """One place that breaks a rule: what is wrong with what, and how to mend it."""

    path: str
    line: int
    about: str
    wrong: str
    mend: str

    @property
    def key(self) -> str:
        return f"{self.path}:{self.about}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.wrong}; {self.mend}"


@dataclass(frozen=True)
class House:
    """A checkout's files by module name, and what follows from them."""

    modules: Mapping[str, Module]

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(found for module in self.modules.values() for found in imports_of(module, self.modules))

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """The packages in backends/."""
        files = (module for module in self.modules.values() if module.path.startswith("backends/"))
        return tuple(dict.fromkeys(module.name.partition(".")[0] for module in files))

    @cached_property
    def arrows(self) -> dict[tuple[str, str], list[Import]]:
        """The imports from each part to each other one."""
        found = defaultdict(list)
        for item in self.imports:
            source, target = self.part_of(item.module), self.part_of(item.target)
            if source and target and source != target:
                found[source, target].append(item)
        return dict(found)

    @cached_property
    def faces(self) -> dict[str, dict[str, bool]]:
        """The package of each room with a face: the names that it exports, and whether each is a module."""
        rooms = [room for part in FLOORS for room in (*part.modules[: part.face], *part.inner)]
        return {room: exports_of(self.modules[room], self.modules) for room in rooms if room in self.modules}

    def part_of(self, module: str) -> str:
        """The part that holds a module: "weights", "nlblocks_torch/lab"; "" where none does."""
        top, _, rest = module.partition(".")
        if top in self.backends:
            floor = rest.partition(".")[0]
            return f"{top}/{floor if floor in BACKEND_FLOORS else 'blocks'}"
        within = lineage(module) - HALLS | {module}
        return next((part.name for part in FLOORS if within.intersection(part.modules)), "")

    def room_of(self, dotted: str) -> str:
        """The package of the room with a face that a dotted name lies in; "" for none."""
        return next((room for room in lineage(dotted) if room in self.faces), "")


def unplaced(house: House) -> Iterator[Offence]:
    """Files of the core that stand on no floor, and parts that are not there."""
    for module in house.modules.values():
        if module.path.startswith("nlblocks/") and not house.part_of(module.name):
            yield Offence(module.path, 1, module.name, "stands on no floor", "add it to FLOORS in docs/rooms.py")
    for part in FLOORS:
        if part.modules[0] not in house.modules:
            yield Offence("docs/rooms.py", 1, part.name, f"no {part.name} in nlblocks/", "take it out of FLOORS")


def upward(house: House) -> Iterator[Offence]:
    """Imports that point upwards, from the core into a backend, or from one backend into another."""
    for (source, target), imports in house.arrows.items():
        mend = _upward(source, target)
        for item in imports if mend else ():
            yield Offence(item.path, item.line, item.said, f"{source} imports {item.said}, upwards", mend)


def _upward(source: str, target: str) -> str:
    """What to do about an arrow that may not be; "" about one that may."""
    if source in RANK and target in RANK:
        return "" if RANK[target] < RANK[source] else f"move it below {source}, or what needs it above {target}"
    if source in RANK:
        return "the core reaches a backend by its name alone, through nlblocks/backend.py"
    backend, _, floor = source.rpartition("/")
    if target in RANK:
        limit = BACKEND_FLOORS[floor]
        return "" if RANK[target] <= RANK[limit] else f"the {floor} of a backend may import the core up to {limit}"
    other, _, lower = target.rpartition("/")
    if other != backend:
        return "a backend knows no other one"
    order = list(BACKEND_FLOORS)
    return "" if order.index(lower) < order.index(floor) else f"in a backend only {' ← '.join(order)} may be"


def circles(house: House) -> Iterator[Offence]:
    """Circles among parts, and among the files of one part: an offence for each, at its first import."""
    files = defaultdict(list)
    for item in house.imports:
        part = house.part_of(item.module)
        if part and part == house.part_of(item.target) and item.module != item.target:
            files[item.module, item.target].append(item)
    for arrows in (house.arrows, files):
        for circle in _circles(arrows):
            first = arrows[circle[0], circle[1]][0]
            said = " → ".join(circle)
            yield Offence(first.path, first.line, said, f"a circle: {said}", "turn one of its arrows round")


def _circles(arrows: Iterable[tuple[str, str]]) -> Iterator[list[str]]:
    """The circles of a graph, one after another, each cut at its first arrow."""
    graph = defaultdict(set)
    for source, target in arrows:
        graph[source].add(target)
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            circle = error.args[1][::-1]  # it is told against the arrows
            yield circle
            graph[circle[0]].remove(circle[1])


def past_faces(house: House) -> Iterator[Offence]:
    """Imports of what a room does not export, by anybody outside it but the tests of that very room.

    A face that exports a module exports all that is in it. What an offending import is used for is no further offence.
    """
    told = set()
    for item in house.imports:  # of a file: its statements, then what it uses
        room = house.room_of(item.said)
        if not room or room in lineage(item.module) or item.path.rpartition("/")[0] == _tests_of(room):
            continue
        name, _, deeper = item.said.removeprefix(room).lstrip(".").partition(".")
        face = house.faces[room]
        if not name or (face.get(name) if deeper or item.base != room else name in face):
            continue
        if item.used and any((item.path, above) in told for above in lineage(item.said)):
            continue
        told.add((item.path, item.said))
        mend = f"{room} exports {', '.join(face) or 'nothing'}: use that, or change it"
        if item.path.startswith("parity_tests/"):
            mend += f", or test it in {_tests_of(room)}/"
        yield Offence(item.path, item.line, item.said, f"imports {item.said}, past the face of its room", mend)


def _tests_of(room: str) -> str:
    """The folder of a room's own tests, which may look inside it."""
    return "parity_tests/" + room.removeprefix("nlblocks.").replace(".", "/")


def faces(house: House) -> Iterator[Offence]:
    """Faces with too few names or too many, with two modules, or with names that no code outside the room uses."""
    fewest, most = FACE
    for room, face in house.faces.items():
        path = house.modules[room].path
        if not fewest <= len(face) <= most:
            wrong = f"exports {len(face)} names ({', '.join(face) or 'no __all__'})"
            yield Offence(path, 1, "__all__", wrong, f"a room shows {fewest} to {most}, in a literal __all__")
        if sum(face.values()) > 1:
            yield Offence(path, 1, "modules", "exports two modules", "one at most: all in it is public with it")
        outside = [item.said for item in house.imports if _is_user(item, room)]
        for name in face:
            if not any(f"{room}.{name}" in lineage(said) for said in outside):
                yield Offence(path, 1, name, f"exports {name}, which nothing outside imports", "take it out of __all__")


def _is_user(item: Import, room: str) -> bool:
    """Whether an import is by code outside the room; a test alone makes nothing public."""
    return room not in lineage(item.module) and not item.path.startswith("parity_tests/")


def strangers(house: House) -> Iterator[Offence]:
    """Imports of the core from outside it that are neither the standard library nor one of OUTSIDE."""
    known = OUTSIDE | sys.stdlib_module_names | {"nlblocks", *house.backends}
    for item in house.imports:
        top = item.said.partition(".")[0]
        if item.path.startswith("nlblocks/") and top not in known:
            mend = "no framework in the core, and no other dependency than OUTSIDE in docs/rooms.py"
            yield Offence(item.path, item.line, top, f"the core imports {top}", mend)


def sizes(house: House) -> Iterator[Offence]:
    """Files that are too long anywhere, and functions that are too long in the product."""
    for module in house.modules.values():
        top, _, name = module.name.partition(".")
        is_block = top in house.backends and f"nlblocks.specs.{name}" in house.modules
        limit, lines = (BLOCK_LINES if is_block else LINES), len(module.source.splitlines())
        if lines > limit:
            yield Offence(
                module.path, 1, "lines", f"{lines} lines, over {limit}", "split it by what its parts are about"
            )
        for node in ast.walk(module.tree) if module.path.startswith(("nlblocks/", "backends/")) else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    wrong = f"{node.name} has {lines} lines, over {FUNCTION_LINES}"
                    yield Offence(module.path, node.lineno, node.name, wrong, "split it by what its steps do")


CHECKS: tuple[Callable[[House], Iterator[Offence]], ...] = (
    unplaced, upward, circles, past_faces, faces, strangers, sizes,
)  # fmt: skip


def offences(house: House, *checks: Callable[[House], Iterator[Offence]]) -> list[Offence]:
    """Every place that breaks a rule and is not ALLOWED to; of all checks unless some are named."""
    found = {offence for check in checks or CHECKS for offence in check(house)}
    return sorted(offence for offence in found if offence.key not in ALLOWED)


def needless(house: House) -> list[str]:
    """What is ALLOWED and breaks no rule."""
    return sorted(ALLOWED.keys() - {offence.key for check in CHECKS for offence in check(house)})


def main() -> None:
    """Print every offence and every needless exception; exit with 1 if there is one."""
    house = House(read(ROOT))
    found = [*map(str, offences(house)), *(f"docs/rooms.py: {key} is ALLOWED for nothing" for key in needless(house))]
    print(*found, f"{len(found)} places break a rule" if found else "every room keeps to its floor", sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
