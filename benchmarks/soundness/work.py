"""The jobs of a run, in processes of their own: some mutants take a framework's process down."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from benchmarks.soundness.outcome import DIED, Outcome

Job = tuple[str, int, int, str]
"""A kind ("mutants" or "right"), the seed, an index, and what names of models or mutations must contain."""


def run(jobs: list[Job], processes: int) -> Iterator[list[Outcome]]:
    """The outcomes of each job, as they come."""
    left = list(jobs)
    while left:
        try:
            for job, found in _pooled(left, processes):
                left.remove(job)
                yield found
        except BrokenProcessPool:
            for job in left[: 2 * processes + 1]:  # those that can have been under way: one by one
                left.remove(job)
                yield _alone(job)


def _pooled(jobs: list[Job], processes: int) -> Iterator[tuple[Job, list[Outcome]]]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _alone(job: Job) -> list[Outcome]:
    try:
        return next(_pooled([job], 1))[1]
    except BrokenProcessPool:
        return [Outcome(kind=DIED, index=job[2], recipe=f"{job[0]} {job[2]} ends its process", mutation="")]


def work(job: Job) -> list[Outcome]:
    """The outcomes of one job, in whichever process."""
    import torch

    from benchmarks.soundness.mutants import mutants
    from benchmarks.soundness.right import right

    torch.set_num_threads(1)
    kind, seed, index, only = job
    return mutants(seed, index, only=only) if kind == "mutants" else right(seed, index, only=only)
