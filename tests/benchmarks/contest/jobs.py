"""Run contenders in processes of their own, ours under this Python and the peers' under theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.contest.drawn import Drawn

from features.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "tests" / "benchmarks" / "peers"
OWN = ROOT / "tests" / "benchmarks" / "contest"
VARIABLE = "FAIRDEAL_PEERS_PYTHON"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Job:
    """``contender``: ``own_``, ``causalml_`` or ``econml_`` and the kind of learner. ``trees``: rounds, leaves and rows
    a leaf; None for the contender's own defaults. ``single_rows``: how many rows are asked for one by one."""

    name: str
    contender: str
    trees: tuple[int, int, int] | None = None
    single_rows: int = 0

    @property
    def own(self) -> bool:
        return self.contender.startswith("own_")


@dataclass(frozen=True)
class Result:
    """``effect``: (m, K-1) for the test rows. Seconds, megabytes and rows a second by name in ``facts``."""

    effect: np.ndarray
    facts: dict[str, float]


def peers_python() -> Path:
    """The interpreter with the peers; ``InputError`` when ``make bench-peers`` has not built it."""
    python = Path(os.environ.get(VARIABLE) or ROOT / ".venv-peers" / "bin" / "python")
    if not python.exists():
        raise InputError("peers", str(python), f"the peers' Python; run `make bench-peers`, or set {VARIABLE}")
    return python


def save(file: Path, train: Drawn, test: Drawn) -> None:
    """Write a trial for the processes to read; what is true stays here."""
    np.savez(
        file,
        X=train.X,
        treatment=train.treatment,
        outcome=train.outcome,
        propensity=train.propensity,
        categorical=np.array(train.categorical),
        test_X=test.X,
        test_propensity=test.propensity,
    )


def run(data: Path, jobs: Sequence[Job]) -> dict[str, Result]:
    """Run jobs one after the other, those of one Python together in one process."""
    results: dict[str, Result] = {}
    for own in (True, False):
        chosen = [job for job in jobs if job.own is own]
        if chosen:
            python, script = (Path(sys.executable), OWN / "ours.py") if own else (peers_python(), PEERS / "peers.py")
            results |= _process(python, script, data, chosen)
    return {job.name: results[job.name] for job in jobs}


def _process(python: Path, script: Path, data: Path, jobs: Sequence[Job]) -> dict[str, Result]:
    with TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "jobs.json", Path(folder) / "out.npz"
        asked.write_text(json.dumps([asdict(job) for job in jobs]))
        call(python, script, data, asked, answered)
        with np.load(answered) as stored:
            facts = json.loads(str(stored["facts"]))
            return {job.name: Result(stored[job.name], facts[job.name]) for job in jobs}


def call(python: Path, script: Path, *words: Path) -> None:
    """Run a script with one thread for every library; its error is ours."""
    command = [str(python), str(script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **_ONE_THREAD})
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr[-4000:]}")
