"""How good and how fast the effect learners are beside causalml's and EconML's, on a trial with known effects.

    make bench-peers
    python -m tests.benchmarks.uplift

The peers run in an environment of their own, every contender with one thread. ``docs/benchmarks.md`` says what the
figures mean. At full size this takes the better part of an hour.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.contest import jobs, quality, speed, ties

ROWS, LARGE, TEST_ROWS, SEEDS, REPEATS = 200_000, 1_000_000, 50_000, 5, 3
FIRST_SEED = 910_001


def ready() -> None:
    """Whether it can run at all, asked before the first measurement; raises ``InputError`` when peers are missing."""
    jobs.peers_python()


def run(
    rows: int = ROWS,
    large: int = LARGE,
    test_rows: int = TEST_ROWS,
    seeds: int = SEEDS,
    repeats: int = REPEATS,
    first_seed: int = FIRST_SEED,
    peers: bool = True,
) -> dict[str, float]:
    """Flat figures. ``large`` 0 leaves the large fits out; ``peers`` False measures our own learners only."""
    figures = {"rows": float(rows), "seeds": float(seeds), "repeats": float(repeats)} | ties.run(first_seed, peers)
    figures |= quality.measure(rows, test_rows, range(first_seed, first_seed + seeds), peers, say)
    for size in (rows, large):
        if size:
            figures |= speed.measure(size, test_rows, repeats, first_seed + seeds, peers, say)
    return figures


def say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
