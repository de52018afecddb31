"""Judge any randomised experiment: a table and a YAML spec in, ``report.json`` and ``report.html`` out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from models.report import check_folder
from models.uplift.ladders.fit import declared
from models.uplift.reading import read_table
from models.uplift.report.judged import measure
from models.uplift.report.page import trial_report
from models.uplift.spec import TrialSpec

SHARES = {"judge repeated splits": 0.7, "predict every unit once": 0.2, "calibration and segments": 0.06}


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

    A large table is judged on fewer splits than asked for, and says so. ``progress(done, 100)`` is called as the work
    goes on. Raises ``InputError`` for data or a spec that make no sense, or a folder that cannot be written.
    """
    started = time.monotonic()
    check_folder(Path(out))
    loaded = TrialSpec.load(Path(spec))
    trial = loaded.table(read_table(Path(data)))
    judged = measure(trial, splits, seed, _hundredths(progress))
    source = {"data": Path(data).name, "data_sha256": _fingerprint(Path(data)), "spec": Path(spec).name}
    ladder = None if loaded.ladder is None else declared("ladder", loaded.ladder)
    report = trial_report(judged, Path(data).stem, seed, language, source, ladder)
    report.add_figures({"seconds": time.monotonic() - started})
    return report.write(Path(out))


def _hundredths(progress: Callable[[int, int], None] | None) -> Callable[[str, float], None] | None:
    """The steps of the work as one bar of 100, each step by its usual share of the time."""
    if progress is None:
        return None
    shares, done = dict(SHARES), dict.fromkeys(SHARES, 0.0)

    def told(step: str, share: float) -> None:
        done[step] = share
        rest = 1 - sum(shares.values())
        whole = sum(shares.get(name, rest) * part for name, part in done.items())
        progress(min(100, round(100 * whole)), 100)

    return told


def _fingerprint(path: Path) -> str:
    """The first 12 hex digits of the file's (or of all the folder's files') SHA-256."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as content:
                while block := content.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()[:12]
