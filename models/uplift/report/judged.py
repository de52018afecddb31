"""Everything that is measured on one trial, in the order of its cost, before any of it is put on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from features.errors import InputError
from models.uplift.checks import Check, check_trial
from models.uplift.report.contest import Contest, contest
from models.uplift.report.effort import Effort, effort
from models.uplift.report.findings import ArmFindings, find
from models.uplift.report.held_out import DR, FOLDS, HeldOut, hold_out
from models.uplift.report.judge import Judgement, judge, thinned
from models.uplift.report.spending import Spending, spend
from models.uplift.trial import Trial

Progress = Callable[[str, float], None]
FEWEST = 2 * FOLDS  # units (or clusters) an arm needs to be in the training and the held-out rows of most folds


@dataclass(frozen=True)
class Judged:
    """A trial with its checks, the figures of repeated splits, and the findings on held-out units."""

    trial: Trial
    checks: Sequence[Check]
    effort: Effort
    judgement: Judgement
    held: HeldOut
    findings: Sequence[ArmFindings]
    contest: Contest
    spending: Spending


def measure(trial: Trial, splits: int, seed: int, progress: Progress | None = None) -> Judged:
    """Judge a trial; the same seed gives the same figures.

    ``progress(step, share)`` is called as each step goes on. Raises ``InputError`` for an arm too small to be judged.
    """
    _check_size(trial)

    def told(step: str) -> Callable[[float], None]:
        return lambda share: progress(step, share) if progress is not None else None

    plan = effort(trial, splits)
    checks = check_trial(trial)
    on_split = told("judge repeated splits")
    judgement = judge(trial, plan.splits, seed, lambda done, of: on_split(done / of), plan.rows_a_split)
    whole = trial
    if plan.held_out_rows < len(trial):
        rng = np.random.default_rng([seed, 2])
        whole = trial.rows(thinned(trial, np.arange(len(trial)), plan.held_out_rows / len(trial), rng))
    held = hold_out(whole, seed, told("predict every unit once"))
    findings = find(held, seed, told("calibration and segments"))
    on_spend = told("spend budgets")
    spending = spend(held, seed)
    on_spend(1.0)
    return Judged(trial, checks, plan, judgement, held, findings, contest(held, DR), spending)


def _check_size(trial: Trial) -> None:
    names = np.arange(len(trial)) if trial.cluster is None else np.unique(trial.cluster, return_inverse=True)[1]
    for arm, name in enumerate(trial.arms):
        found = len(np.unique(names[trial.treatment == arm]))
        if found < FEWEST:
            what = "units" if trial.cluster is None else "clusters"
            expected = f"an arm with at least {FEWEST} {what} to be judged, found {found}; `arms` can leave it out"
            raise InputError("arm", name, expected)
