"""Fit contenders on one trial in a process of their own and write down what they said, how long they took and how
much memory. Runs under Fairdeal's Python and under the peers': the standard library and numpy only.

    python CONTENDERS.py DATA.npz JOBS.json OUT.npz

DATA: ``X`` (n, d), ``treatment``, ``outcome``, ``propensity`` (n, K), ``categorical``, ``test_X`` (m, d) and
``test_propensity`` (m, K). JOBS: ``[{"name", "contender", "trees", "single_rows"}]`` with ``trees`` null (the
contender's own defaults) or ``[rounds, leaves, rows a leaf]``. OUT: ``name`` -> (m, K-1) effects, and ``facts``: JSON
of ``name`` -> figures.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SINGLE_WARM_UP = 20
Data = Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """``fit()`` learns; ``effect()`` gives (m, K-1) for the test rows; ``answer(rows)``, where it can be asked, is what
    a service would call for new rows (n, d)."""

    fit: Callable[[], None]
    effect: Callable[[], np.ndarray]
    answer: Callable[[np.ndarray], object] | None = None


def main(contender: Callable[[str, tuple[int, int, int] | None, Data], Contender]) -> None:
    """Run the jobs that the command line names."""
    data_file, jobs_file, out_file = map(Path, sys.argv[1:4])
    with np.load(data_file) as stored:
        data = {key: stored[key] for key in stored.files}
    effects: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, float]] = {}
    for job in json.loads(jobs_file.read_text()):
        trees = None if job["trees"] is None else tuple(job["trees"])
        built = contender(job["contender"], trees, data)
        effects[job["name"]], facts[job["name"]] = _measure(built, data, job.get("single_rows", 0))
    np.savez(out_file, facts=json.dumps(facts), **effects)


def _measure(built: Contender, data: Data, single_rows: int) -> tuple[np.ndarray, dict[str, float]]:
    before = peak_megabytes()
    found = {"fit_seconds": _seconds(built.fit), "fit_megabytes": peak_megabytes() - before}
    found["process_megabytes"] = peak_megabytes()
    if single_rows and built.answer is not None:
        rows = data["test_X"][: single_rows + SINGLE_WARM_UP]
        waits = [_seconds(partial(built.answer, row[None, :])) for row in rows][SINGLE_WARM_UP:]
        found["row_milliseconds"] = 1e3 * median(waits)
        found["batch_rows_a_second"] = len(data["test_X"]) / _seconds(partial(built.answer, data["test_X"]))
    return np.asarray(built.effect(), dtype=float), found


def _seconds(work: Callable[[], object]) -> float:
    """Processor time, which other programs on the machine do not change; every contender has one thread."""
    started = time.process_time()
    work()
    return time.process_time() - started


def peak_megabytes() -> float:
    """The most memory this process has held so far.

    ``ru_maxrss`` starts at the size of the process that started this one, so Linux's own counter is read instead.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
