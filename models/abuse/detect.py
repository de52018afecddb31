"""From a shop to scored accounts: linkage, evidence, rings and, where verdicts allow, a model; past only throughout.

Every claim and discounted order is scored by what was known strictly before it; an account is flagged at the first
moment at which its own score, or what its ring carries to it, reaches the review threshold. How an account stands in
the end also counts what the newest model, which has seen all verdicts, says of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.boosted import Verdicts, learn
from models.abuse.decision.actions import Thresholds
from models.abuse.evidence import Floats, evidence, family, modest, score
from models.abuse.examples import probability
from models.abuse.linkage import linked
from models.abuse.rings import Carried, carry, links, ring_names, sizes_at, strongest
from models.abuse.shop import Shop
from models.abuse.spine import spine_of
from models.abuse.steps import Step

NEVER = np.iinfo(np.int64).max
RING_POINTS = 1.2  # per doubling of the ring that a row joins
TEXT = frozenset(
    {
        *("row", "user_id", "us", "kind", "template", "coupon_id", "cents", "merchant", "registered"),
        *("device", "ip", "block", "address", "phone", "identity"),
        *(
            "account",
            "score",
            "score_now",
            "score_label_free",
            "ring_size",
            "blind",
        ),  # what scoring itself adds to the rows
    }
)


@dataclass(frozen=True)
class Detected:
    """What the detector found.

    ``rows``: scored spine rows in time order (with ``score``, ``score_label_free``, ``account``, and ``score_now`` as
    the newest model sees them, at least ``score``); ``terms``: their evidence in points; ``accounts``: one line per
    user (user_id, score, since, ring_id, row: the row that decided); ``known``: the tables of activity that had rows.
    """

    rows: pd.DataFrame
    terms: pd.DataFrame
    accounts: pd.DataFrame
    links: pd.DataFrame
    verdicts_used: int
    known: frozenset[str] = frozenset()


def detect(shop: Shop, thresholds: Thresholds, use_verdicts: bool = True, step: Step = lambda _: None) -> Detected:
    """Score every user of the shop; ``step`` is told what is being done."""
    step("linking accounts")
    rows = linked(shop, spine_of(shop))
    users = shop.con.to_pandas(shop.users).sort_values(["us", "user_id"], ignore_index=True)
    judged = shop.con.to_pandas(shop.verdicts) if use_verdicts and shop.verdicts is not None else None
    shop.free()
    names = users["user_id"].tolist()
    number = {name: i for i, name in enumerate(names)}
    rows = rows[rows["user_id"].isin(number)].reset_index(drop=True)
    account = rows["user_id"].map(number).to_numpy(np.int64)
    step("weighing evidence")
    terms = evidence(rows)
    found = links(rows, account, terms)
    size = sizes_at(len(rows), account, len(names), found)
    terms["ring"] = RING_POINTS * np.log2(np.maximum(size - 1.0, 1.0)) * strongest(len(rows), found)
    terms["ring"] *= 1.0 - family(rows)
    free = score(terms.sum(axis=1).to_numpy())
    if "events" not in shop.known:
        free = modest(free, thresholds.automatic)
    final, present, used = free, free, 0
    if judged is not None:
        step("learning from verdicts")
        verdicts = _verdicts(judged, number)
        prior = log_odds(free)
        us = rows["us"].to_numpy(np.int64)
        learnt = learn(matrix(rows, terms, size), prior, us, account, names, verdicts)
        final = probability(prior + learnt.added)
        present = np.maximum(final, probability(prior + learnt.now))  # a model takes back no flag
        used = len(verdicts.user)
    step("following rings")
    carried = carry(len(names), found, final, thresholds.review)
    standing = carried if present is final else carry(len(names), found, present, thresholds.review)
    rows = rows.assign(score=final, score_now=present, score_label_free=free, account=account, ring_size=size)
    accounts = _accounts(users, rows, carried, standing, ring_names(found, carried.root, names), thresholds)
    return Detected(rows, terms, accounts, found, used, shop.known)


def matrix(rows: pd.DataFrame, terms: pd.DataFrame, size: Floats) -> pd.DataFrame:
    """The columns a model sees (float32): linkage, the account's own past, evidence and ring size."""
    own = [c for c in rows.columns if c not in TEXT]
    names = [*own, *(f"term_{c}" for c in terms.columns), "ring_size", "is_claim"]
    values = np.empty((len(rows), len(names)), np.float32)  # filled in place: this is the largest thing in memory
    columns = [*(rows[c] for c in own), *(terms[c] for c in terms.columns), size, rows["kind"] == "claim"]
    for number, column in enumerate(columns):
        values[:, number] = np.asarray(column, np.float32)
    return pd.DataFrame(values, columns=names, copy=False)


def log_odds(p: Floats) -> Floats:
    """Probabilities as log odds, bounded where certainty would be infinite."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _verdicts(judged: pd.DataFrame, number: dict[str, int]) -> Verdicts:
    frame = judged.sort_values(["us", "user_id", "abusive"], ignore_index=True)
    frame = frame[frame["user_id"].isin(number)]
    return Verdicts(
        frame["user_id"].map(number).to_numpy(np.int64),
        frame["us"].to_numpy(np.int64),
        frame["abusive"].to_numpy(bool),
    )


def _accounts(
    users: pd.DataFrame,
    rows: pd.DataFrame,
    carried: Carried,
    standing: Carried,
    names: dict[int, str],
    thresholds: Thresholds,
) -> pd.DataFrame:
    """How each account stands by the newest model, and since when it was flagged by what was known in time."""
    account, present = rows["account"].to_numpy(np.int64), rows["score_now"].to_numpy(np.float64)
    own = np.zeros(len(users))
    np.maximum.at(own, account, present)
    decided = np.full(len(users), -1, np.int64)
    best = present >= own[account]
    decided[account[best][::-1]] = np.flatnonzero(best)[::-1]  # the earliest of the highest rows
    since = np.full(len(users), NEVER)
    over = rows["score"].to_numpy(np.float64) >= thresholds.review
    np.minimum.at(since, account[over], rows["us"].to_numpy(np.int64)[over])
    since = np.where(carried.since >= 0, np.minimum(since, carried.since), since)
    total = np.maximum(own, standing.score)
    # Who is only seen with what was learnt since is flagged when that was: at the end of what is known.
    since = np.where((since == NEVER) & (total >= thresholds.review), rows["us"].max(), since)
    flagged: NDArray[np.bool_] = since < NEVER
    ring = [
        names.get(int(r)) if r >= 0 and s >= thresholds.review else None
        for r, s in zip(carried.root, total, strict=True)
    ]
    return pd.DataFrame(
        {
            "user_id": users["user_id"],
            "score": total,
            "since": pd.array(np.where(flagged, since, 0), dtype="Int64").astype("Int64"),
            "flagged": flagged,
            "ring_id": ring,
            "ring_size": np.where([r is not None for r in ring], carried.size, 0),
            "row": decided,
        }
    )
