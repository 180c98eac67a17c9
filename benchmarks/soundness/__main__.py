"""The benchmark of soundness: ``python -m benchmarks.soundness``. Exit status 1 where the lab contradicts the truth."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.soundness.outcome import DIED, RAISED, SAME, SETTING, UNJUDGED, Outcome
from benchmarks.soundness.work import Job, run


@click.command()
@click.option("--mutants", "mutant_count", default=300, help="How many mutants.")
@click.option("--right", "right_count", default=60, help="How many right pairs in two spellings.")
@click.option("--seed", default=0, help="Other mutants and other pairs; -1 draws one.")
@click.option("--index", type=int, help="Only the mutant or pair of this index, with all that the lab says.")
@click.option("--only", default="", help="Only mutations, or else models, whose names contain this.")
@click.option("--processes", default=1, help="Each holds both frameworks.")
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="A line an outcome; goes on where it ends."
)
@click.option("--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here.")
def main(
    mutant_count: int, right_count: int, seed: int, index: int | None, only: str, processes: int, log: Path | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Spoil models at random places, spell others in two ways, and hold what the lab says against what is true."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are too small to gain by more
    start = time.perf_counter()
    seed = seed if seed >= 0 else secrets.randbelow(10**6)
    counts = {"mutants": mutant_count, "right": right_count}
    jobs: list[Job] = [
        (kind, seed, i, only) for kind, count in counts.items() for i in range(count) if index is None or index == i
    ]
    done = list(_logged(log, seed)) if log else []
    known = {(o.kind == "right", o.index) for o in done}
    jobs = [job for job in jobs if (job[0] == "right", job[2]) not in known]
    outcomes = list(done)
    for found in run(jobs, processes):
        outcomes += found
        for outcome in found:
            if outcome.wrong or index is not None or outcome.kind == DIED:
                _tell(outcome, seed, only, whole=index is not None)
        if log:
            with log.open("a") as file:
                file.writelines(json.dumps({"seed": seed, **asdict(outcome)}) + "\n" for outcome in found)
    figures = summary(outcomes)
    figures["seed"], figures["seconds"] = seed, round(time.perf_counter() - start, 1)
    for name, value in figures.items():
        click.echo(f"{name.replace('_', ' '):>28}  {value}")
    if out:
        out.write_text(json.dumps(figures, indent=1))
    sys.exit(1 if any(outcome.wrong for outcome in outcomes) else 0)


def _logged(log: Path, seed: int) -> Iterator[Outcome]:
    """The outcomes of an earlier run; of an index that was cut off between two of its lines, the last line counts."""
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        row = json.loads(line)
        if row.pop("seed") == seed:
            yield Outcome(**row)


def _tell(outcome: Outcome, seed: int, only: str, *, whole: bool) -> None:
    title = outcome.title if outcome.wrong else outcome.kind
    click.echo(f"{title}: {outcome.recipe}")
    click.echo(f"  true difference {outcome.difference:.1e} {outcome.where}; the lab: {outcome.verdict}")
    for line in outcome.said.splitlines() if whole else [s for s in outcome.said.splitlines() if "✗" in s][:2]:
        click.echo(f"    {line}")
    kind = "--right 0 --mutants" if outcome.kind != "right" else "--mutants 0 --right"
    rest = f"--seed {seed} --index {outcome.index}" + (f" --only '{only}'" if only else "")
    click.echo(f"  again: python -m benchmarks.soundness {kind} {outcome.index + 1} {rest}")


def summary(outcomes: list[Outcome]) -> dict[str, object]:
    """The figures of a run."""
    kinds = {kind: [o for o in outcomes if o.kind == kind] for kind in ("mutant", "equivalent", "right")}
    verdicts = {kind: Counter(o.verdict for o in found) for kind, found in kinds.items()}
    dropped: Counter[str] = Counter()
    for outcome in outcomes:
        dropped.update({reason.split(":")[0]: count for reason, count in outcome.dropped.items()})
    said = verdicts["mutant"]
    return {
        "mutants": len(kinds["mutant"]),
        "caught": said["different"],
        "not_compared": said[UNJUDGED],
        "raised": said[RAISED],
        "missed": said[SAME],
        "right_pairs": len(kinds["right"]),
        "false_alarms": sum(o.wrong for o in kinds["right"]),
        "equivalent_mutants": len(kinds["equivalent"]),
        "of_these_by_a_setting": verdicts["equivalent"][SETTING],
        "of_these_false_alarms": sum(o.wrong for o in kinds["equivalent"]),
        "processes_that_died": sum(o.kind == DIED for o in outcomes),
        "dropped": dict(dropped),
        "seconds_in_the_lab": round(sum(o.seconds for o in outcomes), 1),
    }


if __name__ == "__main__":
    main()
