"""Is the experiment sound? A trial that fails here is judged all the same, under a first line that says so."""

from __future__ import annotations

from models.uplift.checks.balance import Design, balance, overlap
from models.uplift.checks.check import SURE, Check
from models.uplift.checks.ratio import sample_ratio, sample_ratio_over_time
from models.uplift.checks.units import arm_size, attrition, interference, repeated_units
from models.uplift.trial import Trial

__all__ = ["SURE", "Check", "check_trial"]


def check_trial(trial: Trial) -> tuple[Check, ...]:
    """All checks, in the order in which they matter."""
    design = Design.of(trial)
    return (
        sample_ratio(trial),
        sample_ratio_over_time(trial),
        balance(trial, design),
        overlap(trial, design),
        attrition(trial),
        repeated_units(trial),
        interference(trial),
        arm_size(trial),
    )
