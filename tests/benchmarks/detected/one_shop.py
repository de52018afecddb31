"""What is told of one shop: families and look-alikes by action, rings and money before detection, held-out attacks.

The account is the unit (its score at the end of the period); early detection goes by the order of events. Counts, not
shares, so that shops can be pooled.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from benchmarks.detected.rivals import boosted, linkage
from benchmarks.detected.shops import NEVER, THRESHOLDS, Accounts, JudgedShop, full_say

from models.abuse.boosted import Learnt
from models.abuse.examples import probability
from models.abuse.marks import DAY
from models.abuse.metrics import recall_at_fpr

TRIPLES = (("A2", "A5", "A7"), ("A1", "A6", "A9"))
CAPACITY = 5  # accounts that a shop of this size reviews a day
EDGES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.7, 0.9, 1.000001)
_EARLY = 3
Counts = dict[str, list[float]]


def actions(shop: JudgedShop, who: Accounts) -> dict[str, Counts]:
    """[accounts, at review or above, at automatic] per family, and per group of innocent look-alikes (and others)."""
    reviewed, withheld = who.score >= THRESHOLDS.review, who.score >= THRESHOLDS.automatic
    honest = ~shop.abusive
    groups = shop.people["look_alike"].fillna("none").to_numpy(object)
    family = shop.people["family"].fillna("none").to_numpy(object)

    def counts(of: np.ndarray, among: np.ndarray) -> Counts:
        found = {}
        for name in sorted(set(of[among])):
            here = among & (of == name)
            found[str(name)] = [float(here.sum()), float(reviewed[here].sum()), float(withheld[here].sum())]
        return found

    return {"families": counts(family, shop.abusive), "look_alikes": counts(groups, honest)}


def rings(shop: JudgedShop, who: Accounts) -> dict[str, list[int]]:
    """Per family, for every ring: how many of its accounts had acted when the first of it was flagged; 0: never."""
    first = np.full(len(shop.people), NEVER)
    np.minimum.at(first, shop.account, shop.at)
    found: dict[str, list[int]] = {}
    people = shop.people[shop.people["ring"].notna() & shop.people["abusive"]]
    for (family, _), members in people.groupby(["family", "ring"]).groups.items():
        acted = first[members]
        at = who.since[members].min()
        found.setdefault(str(family), []).append(int((acted <= at).sum()) if at != NEVER else 0)
    return found


def money(shop: JudgedShop, who: Accounts) -> list[float]:
    """Cents of discount that abusive accounts were paid: before they were flagged, and in all."""
    bad = shop.cents[shop.abusive[shop.cents["account"]]]
    before = bad["us"].to_numpy() < who.since[bad["account"]]
    return [float(bad["cents"][before].sum()), float(bad["cents"].sum())]


def daily(who: Accounts, abusive: np.ndarray) -> list[float]:
    """[abusive, all] among the CAPACITY highest of the accounts flagged on each day: what a day's reviewers see."""
    flagged = np.flatnonzero(who.since != NEVER)
    day = who.since[flagged] // DAY
    order = np.lexsort((flagged, -who.score[flagged], day))
    place = np.arange(len(order)) - np.searchsorted(day[order], day[order])
    seen = flagged[order][place < CAPACITY]
    return [float(abusive[seen].sum()), float(len(seen))]


def reliability(score: np.ndarray, abusive: np.ndarray) -> list[list[float]]:
    """Per bin of EDGES: accounts, sum of scores, abusive."""
    bins = np.digitize(score, EDGES[1:-1])
    return [
        [float((bins == b).sum()), float(score[bins == b].sum()), float(abusive[bins == b].sum())]
        for b in range(len(EDGES) - 1)
    ]


def chance(learnt: Learnt, score: np.ndarray) -> np.ndarray:
    """Account scores as the newest calibration reads them (the identity where no model was trained)."""
    weeks = learnt.weeks
    if not weeks:
        return score
    p = np.clip(score, 1e-6, 1 - 1e-6)
    return probability(weeks[-1][2].of(np.log(p / (1 - p))))


def held_out(
    shop: JudgedShop, without: Collection[str], ours: np.ndarray, lightgbm: np.ndarray
) -> dict[str, list[float]]:
    """[accounts, found] of the families without verdicts and of the others, at review and at 0.5 % false positives.

    ``ours``: combined; ``full``: the model wholly believed; ``lightgbm``: the rival with links, rescored at the end (at
    its own 0.5 %). ``all``, ``lightgbm_all``: the arguments, account scores of both when all verdicts are there.
    """
    family = shop.people["family"].to_numpy(object)
    out = shop.abusive & np.isin(family.astype(str), list(without))
    parts = {"out": out, "seen": shop.abusive & ~out}
    learnt = shop.learnt(without)
    scores = {
        "ours": shop.combined(learnt).score,
        "full": shop.accounts(full_say(shop, learnt)).score,
        "all": ours,
        "lightgbm": shop.accounts(boosted(shop, linkage(shop.X), without)[1], rings=False).score,
        "lightgbm_all": lightgbm,
    }
    found: dict[str, list[float]] = {}
    for name, score in scores.items():
        for part, who in parts.items():
            rows = who | ~shop.abusive
            at_fpr = recall_at_fpr(who[rows], score[rows], 0.005) if who.any() else 0.0
            hits = float((score[who] >= THRESHOLDS.review).sum())
            found[f"{name}_{part}"] = [float(who.sum()), hits, at_fpr * float(who.sum())]
    return found


def by_third(counts: Collection[int]) -> int:
    """How many rings were flagged when at most three of their accounts had acted."""
    return sum(0 < n <= _EARLY for n in counts)
