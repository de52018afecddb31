"""Links, rings and scores a second: against networkx and PyOD on the same data, and how they grow with the shop.

    python -m tests.benchmarks.abuse [largest]

``linked/sightings.py`` makes the shops; ``linked/measured.py`` measures each size in a process of its own, so that its
memory is its own. Against networkx: from the same weighted links to the rings that carry proof and to the clusters;
networkx does the components of the links that count and the maximum spanning forest (its pieces of what we do). Against
PyOD: from the same linkage columns to a score; Isolation Forest has been fitted before. Rounds take turns.
``growth_*``: seconds per account at the largest size over those at the smallest (1: linear).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

SMALLEST, LARGEST, ROUNDS, ROWS = 100_000, 1_000_000, 5, 50_000
STEPS = ("links", "rings", "clusters")


def run(smallest: int = SMALLEST, largest: int = LARGEST) -> dict[str, float]:
    """Flat figures; ``largest`` may be 10,000,000 where 6 GB are free."""
    sizes = [10**n for n in range(12) if smallest < 10**n < largest]
    found = {size: _measured(size) for size in (smallest, *sizes, largest)}
    figures = {f"{name}_{size}": value for size, by in found.items() for name, value in by.items()}
    for step in STEPS:
        few, many = (found[size][f"{step}_seconds"] / size for size in (smallest, largest))
        figures[f"growth_{step}"] = many / few
    figures["growth"] = (found[largest]["seconds"] / largest) / (found[smallest]["seconds"] / smallest)
    return figures | _against_networkx(smallest) | _against_pyod()


def _measured(accounts: int) -> dict[str, float]:
    script = HERE / "linked" / "measured.py"
    done = subprocess.run([sys.executable, str(script), str(accounts)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _against_networkx(accounts: int) -> dict[str, float]:
    import networkx as nx
    from linked.measured import linked
    from linked.sightings import shop

    from features.engine import connect, keep
    from models.abuse.rings import carry
    from models.abuse.rings.components import components
    from models.abuse.rings.forest import forest
    from models.abuse.rings.waists import clusters

    found, score = linked(shop(accounts))
    ends = tuple(found[name].to_numpy() for name in ("a", "b", "strength"))
    con = connect(threads=1)
    table = keep(con, "links", found[["a", "b", "strength"]])

    def graph() -> Any:
        made = nx.Graph()
        made.add_weighted_edges_from(zip(*(end.tolist() for end in ends), strict=True))
        return made

    known = graph()
    seconds = _in_turns(
        {
            "rings": lambda: carry(accounts, found, score, 0.25),
            "clusters": lambda: clusters(accounts, *ends),
            "forest": lambda: forest(accounts, *ends),
            "components_duckdb": lambda: con.to_pandas(components(con, table).count()),
            "networkx_graph": graph,
            "networkx_components": lambda: sum(1 for _ in nx.connected_components(known)),
            "networkx_forest": lambda: nx.maximum_spanning_tree(known, algorithm="kruskal"),
        },
        rounds=3,
    )
    con.disconnect()
    ours, theirs = seconds["clusters"], seconds["networkx_graph"] + seconds["networkx_forest"]
    return {f"{name}_seconds": value for name, value in seconds.items()} | {
        "links_a_second": len(found) / (seconds["rings"] + ours),
        "clusters_times_networkx": theirs / ours,
        "components_times_networkx": (seconds["networkx_graph"] + seconds["networkx_components"]) / seconds["forest"],
        "components_duckdb_over_forest": seconds["components_duckdb"] / seconds["forest"],
    }


def _against_pyod() -> dict[str, float]:
    from pyod.models.iforest import IForest

    from models.abuse.detect import matrix
    from models.abuse.evidence import evidence, score

    rows = _rows()
    columns = np.nan_to_num(matrix(rows, evidence(rows), np.ones(len(rows))).to_numpy())
    fitted = IForest(random_state=0).fit(columns[: ROWS // 10])
    seconds = _in_turns(
        {
            "score": lambda: score(evidence(rows).sum(axis=1).to_numpy()),
            "iforest": lambda: fitted.decision_function(columns),
        }
    )
    return {
        "scores_a_second": len(rows) / seconds["score"],
        "iforest_scores_a_second": len(rows) / seconds["iforest"],
        "scores_times_iforest": seconds["iforest"] / seconds["score"],
    }


def _rows() -> pd.DataFrame:
    """Linkage columns of a small planted shop, repeated: what they hold changes no time."""
    from features.engine import connect
    from models.abuse.decision.actions import Thresholds
    from models.abuse.detect import detect
    from models.abuse.folder import open_folder
    from models.abuse.shop import shop_before
    from oracles.abuse_scenes import scene

    con = connect(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in scene(seed=9, honest=150, copies=1)[0].items():
            frame.to_parquet(Path(folder) / f"{name}.parquet")
        rows = detect(shop_before(con, open_folder(con, Path(folder)), None), Thresholds()).rows
    con.disconnect()
    return rows.sample(ROWS, replace=True, random_state=0, ignore_index=True)


def _in_turns(work: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median processor seconds of each; all take turns, so that whatever else the machine does meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, do in work.items():
            started = time.process_time()
            do()
            if number:  # the first round compiles and warms
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(of) for name, of in taken.items()}


if __name__ == "__main__":
    print(json.dumps(run(largest=int(sys.argv[1]) if len(sys.argv) > 1 else LARGEST), indent=2))
