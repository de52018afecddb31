"""The company of a claim by plain loops over all claims, with nothing known of accounts but their claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

STEPS = {"10m": 10, "1h": 60, "24h": 24 * 60, "7d": 7 * 24 * 60}
Row = Mapping[str, object]


def company_windows(claims: Sequence[Row], asking: Row, now: datetime) -> dict[str, float]:
    """``{kind}_{window}`` of new accounts that claimed the asked template, each at its closest thing only."""
    found: dict[str, float] = {}
    week = [row for row in claims if now - timedelta(days=7) <= row["claimed_at"] <= now]  # type: ignore[operator]
    for user in {row["user_id"] for row in week} - {asking["user_id"]}:
        own = [row for row in week if row["user_id"] == user]
        shared = [kind for kind in ("device", "address", "ip") if any(row[kind] == asking[kind] for row in own)]
        if not shared:
            continue
        there = [row for row in own if row[shared[0]] == asking[shared[0]]]
        same = [row["claimed_at"] for row in there if row["template_id"] == asking["template_id"]]
        if not same:
            continue
        last: datetime = max(same)  # type: ignore[type-var, assignment]
        first: datetime = min(  # type: ignore[type-var, assignment]
            row["claimed_at"]
            for row in claims
            if row["user_id"] == user and row["claimed_at"] <= now  # type: ignore[operator]
        )
        age = last - first
        weight = 0.0 if age >= timedelta(days=30) else 0.4 if age >= timedelta(days=7) else 1.0
        for step, minutes in STEPS.items():
            if now - last <= timedelta(minutes=minutes):
                name = f"{shared[0]}_{step}"
                found[name] = found.get(name, 0.0) + weight
    return {name: value for name, value in found.items() if value}
