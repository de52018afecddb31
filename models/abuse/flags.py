"""Detected accounts as the flags table: user_id, score, flagged_at, action, ring_id, reasons (JSON, both languages)."""

from __future__ import annotations

import pandas as pd

from models.abuse.actions import Thresholds
from models.abuse.detect import Detected
from models.abuse.reasons import Reason, as_json, explain_row, model_reason, ring_reason

COLUMNS = ("user_id", "score", "flagged_at", "action", "ring_id", "reasons")
_LEARNT = 0.2  # a score this far above the label-free one owes itself to past verdicts


def flags_of(found: Detected, thresholds: Thresholds, key: str) -> pd.DataFrame:
    """One row per user; accounts that are allowed have no flag, no ring and an empty list of reasons."""
    accounts = found.accounts
    rings = _rings(found)
    reasons = ["[]"] * len(accounts)
    for i, account in enumerate(accounts.itertuples(index=False)):
        if account.flagged:
            reasons[i] = as_json(_reasons(found, account, rings.get(account.ring_id), key))
    at = pd.to_datetime(accounts["since"].where(accounts["flagged"]).astype("Int64"), unit="us")
    table = pd.DataFrame(
        {
            "user_id": accounts["user_id"],
            "score": accounts["score"].round(6),
            "flagged_at": at.astype("datetime64[us]"),
            "action": [thresholds.action(s) for s in accounts["score"]],
            "ring_id": accounts["ring_id"].where(accounts["flagged"]).astype("string"),
            "reasons": pd.Series(reasons, dtype="string"),
        }
    )
    return table.sort_values("user_id", ignore_index=True)


def _rings(found: Detected) -> dict[str, Reason]:
    """The sentence of every ring that was given a name."""
    accounts = found.accounts
    named = accounts[accounts["ring_id"].notna()]
    ring_of = dict(zip(named["user_id"], named["ring_id"], strict=True))
    users = accounts["user_id"].to_numpy()
    ends = pd.concat([found.links["row"], found.links["row"]], ignore_index=True)
    who = pd.concat([found.links["a"], found.links["b"]], ignore_index=True)
    members = pd.DataFrame({"row": ends, "ring": pd.Series(users[who.to_numpy(int)]).map(ring_of)}).dropna()
    # The earlier end's own row is its first claim; its account number leads to it.
    first = (
        found.rows.drop_duplicates("account").assign(ring=lambda t: t["user_id"].map(ring_of)).dropna(subset=["ring"])
    )
    rows = pd.concat([found.rows.loc[members["row"]].assign(ring=members["ring"].to_numpy()), first])
    return {str(ring): ring_reason(str(ring), part) for ring, part in rows.groupby("ring", sort=True)}


def _reasons(found: Detected, account: object, ring: Reason | None, key: str) -> list[Reason]:
    row = int(account.row)  # type: ignore[attr-defined]
    reasons = [ring] if ring is not None else []
    if row >= 0:
        reasons += explain_row(found.rows.loc[row], found.terms.loc[row], key, found.known)
        gain = float(found.rows["score"].iat[row] - found.rows["score_label_free"].iat[row])
        if gain > _LEARNT:
            reasons.insert(0, model_reason(gain))
    return reasons
