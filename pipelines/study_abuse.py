"""Judge abuse detection on a labelled log: data and a YAML spec in, ``report.json`` and ``report.html`` out.

A log without usable labels gets ``scores.parquet`` beside the report: ``row`` (of the file, from 0), ``user_id`` and
``score`` (label-free, higher is more suspicious), highest score first.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.abuse.steps import Progress, steps
from models.abuse.study.judge import Judgement, judge_study
from models.abuse.study.log import Study, StudySpec, load_study
from models.abuse.study.report import study_report
from models.report import check_folder

SCORES = "scores.parquet"


def run_study(
    data: Path, spec: Path, out: Path, language: str = "en", seed: int = 0, progress: Progress | None = None
) -> Path:
    """Read, judge and report; gives the page's path.

    Raises InputError for data or a spec that make no sense, or a folder that cannot be written.
    """
    with steps(progress) as step:
        step("reading the log")
        check_folder(Path(out))
        study = load_study(Path(data), StudySpec.load(Path(spec)))
        step("judging detectors")
        found = judge_study(study, seed)
        step("writing the report")
        report = study_report(study, found, language)
        report.add_figures({"seed": seed})
        page = report.write(Path(out))
        (Path(out) / SCORES).unlink(missing_ok=True)  # of an earlier study
        if found.lead is None:
            scores_of(study, found).to_parquet(Path(out) / SCORES, index=False)
        return page


def scores_of(study: Study, found: Judgement) -> pd.DataFrame:
    """The label-free score of every row that was not left out, highest first."""
    rows = pd.DataFrame({"row": study.log["place"], "user_id": study.log["user_id"], "score": found.scores})
    return rows.sort_values(["score", "row"], ascending=[False, True], ignore_index=True)
