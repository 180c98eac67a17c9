"""Steps of training: both models with their optimisers, and why the weights part."""

from __future__ import annotations

from dataclasses import replace

from nlblocks.backend import State
from nlblocks.parity.judging.judge import Judge
from nlblocks.parity.running.history import History
from nlblocks.parity.running.optimisers import Maker, differing, explain, words


def judge_training(judge: Judge, left: History, right: History, before: State) -> None:
    """Compare the states step by step; where they part, try each setting that differs on the side that has it."""
    report = judge.report
    report.optimisers = left.optimiser, right.optimiser
    apart = differing(left.settings, right.settings)
    found = judge.steps(left.states, right.states, before, words(apart))
    if found is None or not apart:
        return

    def trial(side: str, maker: Maker) -> float:
        """How far apart the weights are when one side trains with another optimiser."""
        assert left.train is not None
        assert right.train is not None
        if side == "left":
            return judge.trained_apart(left.train(maker), right.states, before)
        return judge.trained_apart(left.states, right.train(maker), before)

    error = max(error for _, error, _ in report.steps)
    frameworks, settings = (left.framework, right.framework), (left.settings, right.settings)
    said = explain(frameworks, settings, error, trial if left.train and right.train else None)
    report.findings[-1] = replace(report.findings[-1], explanation=f"{found.explanation.partition(';')[0]}; {said}")
