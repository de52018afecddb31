"""Seconds, memory and rows a second of our DR-learner and the peers', interleaved, every fit in its own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contest.drawn import draw
from benchmarks.contest.jobs import Job, run, save
from benchmarks.contest.quality import SETTINGS

SAME = SETTINGS["100x31"]  # the peers' own default is this size too
CONTENDERS = {
    "own": ("own_dr", SAME),
    "own_default": ("own_dr", None),
    "causalml": ("causalml_dr", SAME),
    "econml": ("econml_dr_shares", SAME),
}
LIBRARIES = ("causalml", "econml")
SINGLE_ROWS = 200


def measure(
    rows: int, test_rows: int, repeats: int, seed: int, peers: bool, say: Callable[[str], None]
) -> dict[str, float]:
    """Flat figures for one number of training rows; medians of the repeats. More is better in ``times_`` figures."""
    size = f"{rows // 1_000_000}m" if rows % 1_000_000 == 0 else f"{rows // 1000}k"
    names = [name for name in CONTENDERS if peers or name.startswith("own")]
    found: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory() as folder:
        data = Path(folder) / "trial.npz"
        save(data, draw(rows, 2 * seed), draw(test_rows, 2 * seed + 1))
        for repeat in range(repeats):
            for name in names:
                contender, trees = CONTENDERS[name]
                facts = run(data, [Job(name, contender, trees, SINGLE_ROWS)])[name].facts
                for fact, value in facts.items():
                    found.setdefault(fact, {}).setdefault(name, []).append(value)
                say(f"speed: {size}, repeat {repeat + 1} of {repeats}, {name}, {facts['fit_seconds']:.1f} s")
    middle = {fact: {name: median(values) for name, values in table.items()} for fact, table in found.items()}
    figures = {f"{fact}_{size}_{name}": value for fact, table in middle.items() for name, value in table.items()}
    for peer in LIBRARIES if peers else ():
        for ours, label in (("own", "same_trees"), ("own_default", "defaults")):
            figures |= {
                f"fit_{label}_{size}_times_faster_than_{peer}": _ratio(middle["fit_seconds"], peer, ours),
                f"fit_{label}_{size}_memory_over_{peer}": _ratio(middle["fit_megabytes"], ours, peer),
                f"process_{label}_{size}_memory_over_{peer}": _ratio(middle["process_megabytes"], ours, peer),
                f"row_{label}_{size}_times_faster_than_{peer}": _ratio(middle["row_milliseconds"], peer, ours),
                f"batch_{label}_{size}_times_rows_of_{peer}": _ratio(middle["batch_rows_a_second"], ours, peer),
            }
    return figures


def _ratio(table: dict[str, float], top: str, bottom: str) -> float:
    return table[top] / table[bottom]
