"""Judge abuse detection on a labelled log: data and a YAML spec in, ``report.json`` and ``report.html`` out."""

from __future__ import annotations

from pathlib import Path

from models.abuse.steps import Progress, steps
from models.abuse.study import StudySpec, load_study
from models.abuse.study_judge import judge_study
from models.abuse.study_report import study_report


def run_study(
    data: Path, spec: Path, out: Path, language: str = "en", seed: int = 0, progress: Progress | None = None
) -> Path:
    """Read, judge and report; gives the page's path. Raises InputError for data or a spec that make no sense."""
    with steps(progress) as step:
        step("reading the log")
        study = load_study(Path(data), StudySpec.load(Path(spec)))
        step("judging detectors")
        found = judge_study(study, seed)
        step("writing the report")
        report = study_report(study, found, language)
        report.add_figures({"seed": seed})
        return report.write(Path(out))
