"""A study: every variant of a recipe, in every backend, from every seed, each a run in its own folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nlblocks.backend import rows
from nlblocks.errors import InputError
from nlblocks.training.data import Batches
from nlblocks.training.processes import Processes, joined, launched
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options
from nlblocks.training.runs import metrics
from nlblocks.training.runs.answers import Pictures
from nlblocks.training.runs.files import differences, make_folder, read_json
from nlblocks.training.runs.folder import RECIPE, RunFolder
from nlblocks.training.runs.run import Epoch, Step
from nlblocks.training.runs.training import follow, train
from nlblocks.weights.files.atomic import write_json

SUMMARY, PICTURES = "summary.json", "pictures.safetensors"


class StudyFolder:
    """A folder of runs, ``<variant>/<backend>/seed-<n>``, and summary.json: the recipe, and what each run came to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / SUMMARY).is_file():
            _refuse_a_run(path)
            raise InputError(f"{path}: is not the folder of a study; it has no {SUMMARY}")
        self.recipe = Recipe.from_dict(read_json(path / SUMMARY)["recipe"])

    @classmethod
    def begin(cls, path: Path, recipe: Recipe) -> StudyFolder:
        """The folder of a study: made, or found as it was left. Refuses one of another recipe, and any other folder."""
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; --output names a folder")
        if not (path / SUMMARY).exists():
            _refuse_a_run(path)
            own = {variant.name for variant in recipe.variants}  # lockstep may have written there before
            names = sorted(p.name for p in path.iterdir() if p.name[0] != ".") if path.exists() else []
            strangers = [name for name in names if name not in own]
            if strangers:
                raise InputError(f"{path}: holds {strangers[0]} and is no study; --output names one, or a new folder")
            make_folder(path)
            write_json(path / SUMMARY, {"recipe": recipe.to_dict(), "runs": []})
        found = cls(path)
        if found.recipe != recipe:
            different = ", ".join(differences(found.recipe, recipe))
            raise InputError(f"{path}: holds a study of another recipe: {different}; name another --output")
        return found

    def runs(self) -> list[RunFolder]:
        """The runs that there are, in the recipe's order of variants, then by backend and by seed."""
        found, order = [], list(rows())
        for variant in self.recipe.variants:
            inside = [RunFolder(path.parent) for path in (self.path / variant.name).glob(f"*/seed-*/{RECIPE}")]
            found += sorted(inside, key=lambda run: (order.index(run.backend), run.recipe.seed))
        return found

    def run(self, variant: str, backend: str, seed: int) -> RunFolder:
        """The folder of one run: made, or found as it was left."""
        recipe = replace(self.recipe, variants=(self.recipe.variant(variant),), seed=seed)
        return RunFolder.begin(self.path / variant / backend / f"seed-{seed}", recipe, backend)

    def pictures(self) -> Pictures | None:
        """The first test images, and the labels of all; None before any run has begun."""
        return Pictures.read(self.path / PICTURES)

    def summarise(self) -> None:
        """Write summary.json anew, from the runs as they are: other processes may train other runs of the study."""
        runs = [self._row(run) for run in self.runs()]
        write_json(self.path / SUMMARY, {"recipe": self.recipe.to_dict(), "runs": runs})

    def _row(self, run: RunFolder) -> dict[str, Any]:
        epochs = run.epochs()
        best = metrics.best(epochs)
        return {
            "folder": run.path.relative_to(self.path).as_posix(),
            "variant": run.variant, "backend": run.backend, "seed": run.recipe.seed, "done": run.done,
            "last": asdict(epochs[-1]) if epochs else None,
            "best": asdict(best) if best else None,
        }  # fmt: skip


def _refuse_a_run(path: Path) -> None:
    if (path / RECIPE).exists():
        above = (path / "../../..").resolve()
        raise InputError(f"{path}: is one run of a study; name the folder of the study, {above}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What of a recipe is trained: which variants (none named: all), in which backends, from how many seeds on.

    A checkpoint is written at the end of each epoch, and every ``checkpoint_every`` steps. The last, the best epoch's
    and that of every ``keep_every``-th epoch stay. Where there is a ``source``, the one run that is trained goes on
    from where that one stands, in whatever framework.
    """

    recipe: Recipe
    backends: tuple[str, ...]
    variants: tuple[str, ...] = ()
    seeds: int = 1
    options: Options = field(default_factory=Options)
    checkpoint_every: int | None = None
    keep_every: int | None = None
    source: RunFolder | None = None

    def __post_init__(self) -> None:
        if self.source is None:  # a run that goes on holds one model of its study, and groups of the others
            self.recipe.check_groups()
            return
        if len(self.backends) != 1 or self.seeds != 1:
            raise InputError(f"{self.source.path}: one run goes on, in one framework: give --backend torch, or paddle")
        different = [text for text in differences(self.source.recipe, self.recipe) if not text.startswith("epochs")]
        if different:
            raise InputError(f"{self.source.path}: goes on by its own recipe, to more epochs alone: {different[0]}")

    def places(self) -> list[tuple[str, str, int]]:
        """The variant, backend and seed of each run, in the order in which they are trained."""
        seeds = range(self.recipe.seed, self.recipe.seed + self.seeds)
        variants = self.variants or tuple(found.name for found in self.recipe.variants)
        return [(variant, backend, seed) for seed in seeds for variant in variants for backend in self.backends]

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes the folder and says how it goes: it may be one of several."""
        place = launched()
        return place is None or place.rank == 0

    def train(self, path: Path, batches: Batches) -> Iterator[tuple[RunFolder, Step | Epoch]]:
        """Train into a folder what is not there yet: each step and epoch as it is done, and the run that it is of.

        Several processes all call it, with one folder that all of them see; only the one that leads hears of steps.
        """
        with joined(self.backends, self.options) as processes:
            if processes.rank:
                self._follow(path, batches, processes)
                return
            study = StudyFolder.begin(path, self.recipe)
            if not (path / PICTURES).exists():
                Pictures.of(batches).write(path / PICTURES)
            for variant, backend, seed in self.places():
                run = study.run(variant, backend, seed)
                if self.source is not None and not run.steps():
                    run.take_over(self.source)
                own = batches.of(run.recipe, world=processes.world)
                processes.barrier()
                for event in () if run.done else self._train(run, own):
                    if isinstance(event, Epoch):
                        study.summarise()
                    yield run, event
            study.summarise()

    def _follow(self, path: Path, batches: Batches, processes: Processes) -> None:
        """Take part in each run, once the process that leads has made its folder."""
        for variant, backend, seed in self.places():
            processes.barrier()
            run = StudyFolder(path).run(variant, backend, seed)
            if not run.done:
                follow(run, batches.of(run.recipe, rank=processes.rank, world=processes.world), self.options)

    def _train(self, run: RunFolder, batches: Batches) -> Iterator[Step | Epoch]:
        return train(run, batches, self.options, self.checkpoint_every, self.keep_every)
