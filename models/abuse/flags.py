"""Detected accounts as the flags table: user_id, score, flagged_at, action, ring_id, reasons (JSON, both languages).

Reasons are made for flagged accounts only; a ring's sentences are made once and stand before those of each member.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from models.abuse.decision.actions import ALLOW, Decider
from models.abuse.decision.standing import spending, stakes, typical_coupon_cents
from models.abuse.decompose import decompose
from models.abuse.detect import Detected
from models.abuse.reasons import Reason, as_json, explain
from models.abuse.ring_reasons import ring_reasons
from models.abuse.rings.ring import rings_of

COLUMNS = ("user_id", "score", "flagged_at", "action", "ring_id", "reasons")


def flags_of(found: Detected, decider: Decider, key: str) -> pd.DataFrame:
    """One row per user; accounts that are allowed have no flag, no ring and an empty list of reasons.

    Args:
        decider: chooses each flagged account's action by what it stood to take when it was last seen.
        key: keys the hashes of identifiers in reasons.
    """
    accounts = found.accounts
    actions = _actions(found, decider)
    flagged = accounts["flagged"].to_numpy(bool) & (actions != ALLOW)
    at = pd.to_datetime(accounts["since"].where(flagged).astype("Int64"), unit="us")
    reasons = np.full(len(accounts), "[]", object)
    reasons[flagged] = _reasons(found, np.flatnonzero(flagged), key)
    table = pd.DataFrame(
        {
            "user_id": accounts["user_id"],
            "score": accounts["score"].round(6),
            "flagged_at": at.astype("datetime64[us]"),
            "action": actions,
            "ring_id": accounts["ring_id"].where(flagged).astype("string"),
            "reasons": pd.Series(reasons, dtype="string"),
        }
    )
    return table.sort_values("user_id", ignore_index=True)


def _actions(found: Detected, decider: Decider) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    accounts = found.accounts
    spent = spending(found)
    last = np.zeros(len(accounts), np.int64)
    np.maximum.at(last, found.rows["account"].to_numpy(np.int64), found.rows["us"].to_numpy(np.int64))
    typical = typical_coupon_cents(spent)
    stake = stakes(spent, last + 1, typical)
    size = np.maximum(accounts["ring_size"].to_numpy(np.int64), 1)
    chosen = (
        replace(decider, coupon_cents=typical)
        .actions(accounts["score"].to_numpy(np.float64), stake, size)
        .astype(object)
    )
    return np.where(accounts["flagged"].to_numpy(bool), chosen, ALLOW)


def _reasons(found: Detected, flagged: np.ndarray[tuple[int], np.dtype[np.int64]], key: str) -> list[str]:
    rings: dict[object, list[Reason]] = {ring.ring_id: ring_reasons(ring) for ring in rings_of(found, key)}
    accounts = found.accounts.iloc[flagged]
    rows = found.rows.loc[accounts["row"]]
    parts = decompose(rows, found.terms.loc[rows.index])
    told = []
    for place, (ring, score) in enumerate(zip(accounts["ring_id"], accounts["score"], strict=True)):
        own = explain(rows.iloc[place], parts.iloc[place], float(score), key, found.known)
        told.append(as_json([*rings.get(ring, ()), *own]))
    return told
