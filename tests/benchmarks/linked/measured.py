"""One size of shop, measured in a process of its own: seconds of links, rings and clusters, and the memory they took.

    python tests/benchmarks/linked/measured.py 100000

Prints flat figures as JSON. Seconds are of the processor (one thread), which other programs on the machine hardly
change. Making the sightings is not timed, but is in the memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from linked.sightings import DAY, Shop, shop

from models.abuse.rings import LARGE, REACH_DAYS, carry
from models.abuse.rings.linking import chained
from models.abuse.rings.waists import clusters


def linked(seen: Shop) -> tuple[pd.DataFrame, np.ndarray]:
    """The links of a shop in time order, and the score of every row."""
    rows, columns = 0, {name: [] for name in ("at", "row", "a", "b", "strength")}
    for kind, part in (("device", seen.devices), ("address", seen.networks)):
        a, b, strength = chained(part.key, part.user, part.at, part.own, part.pure, int(REACH_DAYS[kind] * DAY))
        for name, values in (("at", part.at[b]), ("a", part.user[a]), ("b", part.user[b]), ("strength", strength)):
            columns[name].append(values)
        columns["row"].append(b + rows)
        rows += len(part.at)
    order = np.argsort(np.concatenate(columns["at"]), kind="stable")
    found = {name: np.concatenate(columns.pop(name))[order] for name in list(columns)}
    return pd.DataFrame(found, copy=False), np.concatenate([seen.devices.score, seen.networks.score])


def measure(accounts: int) -> dict[str, float]:
    """Seconds of each step, what they found, and the most memory held, in gigabytes."""
    tiny = shop(2_000)
    carry(2_000, linked(tiny)[0], linked(tiny)[1], 0.25)  # compiled before the clock starts
    clusters(2_000, *(linked(tiny)[0][name].to_numpy() for name in ("a", "b", "strength")))
    seen = shop(accounts)
    started = time.process_time()
    found, score = linked(seen)
    made = time.process_time()
    carried = carry(accounts, found, score, 0.25)
    grown = time.process_time()
    label = clusters(accounts, *(found[name].to_numpy() for name in ("a", "b", "strength")))
    cut = time.process_time()
    size = np.bincount(label, minlength=accounts)
    return {
        "links": float(len(found)),
        "links_seconds": made - started,
        "rings_seconds": grown - made,
        "clusters_seconds": cut - grown,
        "seconds": cut - started,
        "largest_ring": float(carried.size.max()),
        "largest_cluster": float(size.max()),
        "clusters_over_50": float((size > LARGE).sum()),
        "planted_rings_found": _found(seen.ring, label),
        "peak_gigabytes": _peak(),
    }


def _found(ring: np.ndarray, label: np.ndarray) -> float:
    """The share of planted rings that are a cluster: all of their accounts and no other."""
    members = np.flatnonzero(ring >= 0)
    pairs = pd.DataFrame({"ring": ring[members], "label": label[members]})
    one = pairs.groupby("ring")["label"].agg(["nunique", "first", "size"])
    whole = np.bincount(label, minlength=len(label))[one["first"].to_numpy()] == one["size"].to_numpy()
    return float((whole & (one["nunique"] == 1).to_numpy()).mean())


def _peak() -> float:
    """The most memory this process has held, in gigabytes (Linux; its counter survives no ``exec``)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 2**20


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
