"""The figures of docs/study.md, written from the folder of a study that was trained.

    nlblocks train digits_ablation --backend both --seeds 5 --output runs/digits
    python -m docs.study runs/digits    # writes docs/study.png, and what stands between the marks of docs/study.md

The text around the marks is written by hand, and holds no figure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from docs.marks import filled
from nlblocks.errors import InputError
from nlblocks.training.recipes import Recipe, recipe_named
from nlblocks.training.reporting import Results, tables, write_report

ROOT = Path(__file__).parent
PAGE, PICTURE = "study.md", "study.png"
MARKS = ("<!-- results: made by python -m docs.study -->", "<!-- end of results -->")
BLOG = "blog_cifar10"
"""The recipe of the blog's own study."""
WORDS = {
    "above": "above the baseline on every seed", "below": "below the baseline on every seed",
    "mixed": "above the baseline on some seeds, not on others",
}  # fmt: skip
"""A conclusion of :meth:`Results.conclusion`."""


def results_part(results: Results) -> str:
    """What stands between the page's marks."""
    seeds = results.seeds
    first = (
        f"`{results.recipe.name}`, {len(results.variants)} models, {len(seeds)} seeds from {seeds[0]} on, in "
        f"{' and '.join(results.backends)}: {len(results.runs)} runs. {_where(results)}"
    )
    parts = [first, tables.markdown(against_the_blog(results.recipe))]
    parts.append(f"![Top-1 on the test images after each epoch, each block against the baseline]({PICTURE})")
    for grid in tables.grids(results):
        parts += [f"### {grid.title}", tables.markdown(grid)]
    parts += ["### In words", "\n".join(f"- {line}" for line in said(results))]
    return "\n\n".join(parts)


def against_the_blog(recipe: Recipe) -> tables.Grid:
    """In what the recipe is another than the blog's study."""
    blog = recipe_named(BLOG)
    rows = [
        [name, there, here]
        for (name, there), (_, here) in zip(_fields(blog), _fields(recipe), strict=True)
        if there != here
    ]
    about = "What is smaller than in the blog, and what is other:"
    return tables.Grid("blog", "", about, ["", "the blog", "here"], rows)


def _fields(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """What a recipe says that two studies of the same networks may differ in."""
    data, model = recipe.data, recipe.variants[0].model
    yield "models", ", ".join(variant.name for variant in recipe.variants)
    yield "images", data.source
    yield "size", f"{data.size}×{data.size}"
    yield "parameters of the baseline", f"{tables.parameters(model):,}"
    yield "optimiser", f"{recipe.optimiser.rule}, {recipe.optimiser.lr:g}"
    yield "batch", str(recipe.batch_size)
    yield "epochs", str(recipe.epochs)
    yield "precision", recipe.precision


def _where(results: Results) -> str:
    """On what the runs were trained."""
    sessions = [session for result in results.runs for session in result.run.sessions]
    versions = {name: version for one in sessions for name, version in one["versions"].items()}
    threads = " or ".join(sorted({str(one["OMP_NUM_THREADS"]) for one in sessions}))
    return f"{', '.join(f'{name} {version}' for name, version in versions.items())}; OMP_NUM_THREADS={threads}."


def said(results: Results) -> Iterator[str]:
    """What follows from the figures, in sentences that they decide."""
    blocks = [name for name in results.variants if name != results.baseline]
    alike = []
    for name in blocks:
        found = {backend: results.conclusion(name, backend, _top1) for backend in results.backends}
        alike.append(len(set(found.values())) == 1)
        same = {f"in {' and '.join(found)}": word for word in found.values()}
        words = same if alike[-1] else {f"in {backend}": word for backend, word in found.items()}
        yield f"{name}: " + "; ".join(f"{where} {WORDS[word]}" for where, word in words.items()) + "."
    yield f"Of {sum(alike)} of {len(blocks)} blocks all frameworks say the same."
    pairs = [results.apart(name, _top1) for name in results.variants]
    across, within = ([value for pair in pairs for value in pair[side]] for side in (0, 1))
    if across and within:
        yield (
            f"Two frameworks on one seed end {median(across):.1f} points of top-1 apart in the median of all models, "
            f"{max(across):.1f} at most; two seeds in one framework {median(within):.1f} and {max(within):.1f}."
        )


def _top1(epoch: Any) -> float:
    return 100 * float(epoch.top1)


def main(folder: Path, root: Path = ROOT) -> None:
    """Write the picture and the page."""
    results = Results.read(folder)
    text = filled((root / PAGE).read_text(encoding="utf-8"), MARKS, results_part(results))
    write_report(folder)
    (root / PICTURE).write_bytes((folder / "curves.png").read_bytes())
    (root / PAGE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m docs.study FOLDER: the folder of a study that was trained")
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(str(error))
