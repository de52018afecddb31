"""Judge any randomised experiment: a table and a YAML spec in, ``report.json`` and ``report.html`` out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.report import check_folder
from models.uplift.checks import check_trial
from models.uplift.judge import judge
from models.uplift.reading import read_table
from models.uplift.spec import TrialSpec
from models.uplift.trial_report import trial_report


def run_trial(
    data: Path,
    spec: Path,
    out: Path,
    splits: int = 20,
    seed: int = 0,
    language: str = "en",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Check the trial, judge learners and policies on repeated splits, write the report; gives the page's path.

    ``progress(done, splits)`` is called after each split. Raises ``InputError`` for data or a spec that make no sense,
    or a folder that cannot be written.
    """
    check_folder(Path(out))
    trial = TrialSpec.load(Path(spec)).table(read_table(Path(data)))
    checks = check_trial(trial)
    judgement = judge(trial, splits, seed, progress)
    report = trial_report(trial, judgement, checks, Path(data).stem, splits, language)
    report.add_figures({"seed": seed})
    return report.write(Path(out))
