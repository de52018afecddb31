"""Flags as cases for people: one case per ring, one per account that stands alone, the most urgent first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from features.errors import InputError


@dataclass(frozen=True)
class CaseInput:
    """What a reviewer is asked to decide: who, how sure, how much is at stake and why (reasons as code, en, zh)."""

    subject: str  # the ring's id, or the user's
    kind: str  # "ring" or "account"
    user_ids: tuple[str, ...]
    score: float
    action: str
    flagged_at: datetime
    amount_cents: int
    ring_id: str | None
    reasons: tuple[dict[str, object], ...]


def cases_of(flags: pd.DataFrame, coupons: pd.DataFrame | None = None) -> list[CaseInput]:
    """Cases from a flags table; with ``coupons`` (user_id, discount_cents?) the discounts spent are the amount at risk.

    Sorted by score × amount, then score: what a person should look at first.
    """
    for column in ("user_id", "score", "flagged_at", "action", "ring_id", "reasons"):
        if column not in flags.columns:
            raise InputError(f"flags.{column}", "no such column", "the columns that flag-abuse writes")
    flagged = flags[flags["flagged_at"].notna()]
    spent: dict[str, float] = {}
    if coupons is not None and "discount_cents" in coupons.columns:
        spent = coupons.groupby("user_id")["discount_cents"].sum().to_dict()
    subject = flagged["ring_id"].astype(object).where(flagged["ring_id"].notna(), flagged["user_id"])
    cases = [_case(str(name), part, spent) for name, part in flagged.groupby(subject, sort=True)]
    return sorted(cases, key=lambda c: (-c.score * max(c.amount_cents, 1), -c.score, c.subject))


def _case(subject: str, part: pd.DataFrame, spent: dict[str, float]) -> CaseInput:
    worst = part.sort_values(["score", "user_id"], ascending=[False, True]).iloc[0]
    users = tuple(sorted(part["user_id"]))
    ring = worst["ring_id"] if pd.notna(worst["ring_id"]) else None
    return CaseInput(
        subject=subject,
        kind="account" if ring is None else "ring",
        user_ids=users,
        score=float(worst["score"]),
        action=str(worst["action"]),
        flagged_at=part["flagged_at"].min().to_pydatetime(),
        amount_cents=round(sum(float(spent.get(user, 0) or 0) for user in users)),
        ring_id=ring,
        reasons=tuple(json.loads(worst["reasons"])),
    )
