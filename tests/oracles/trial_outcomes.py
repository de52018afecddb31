"""What a trial earned, read from the tables row by row: the plain-Python reading of the outcome window."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from typing import Any

Tables = dict[str, list[dict[str, Any]]]


def outcomes(tables: Tables, end: Any, horizon: timedelta = timedelta(days=7)) -> list[dict[str, Any]]:
    """Every decision whose window closed by ``end``, with the value and the cost that followed it."""
    kept = defaultdict(list)
    for order in tables["orders"]:
        if order["paid_at"] is not None and order["state"] not in ("cancelled", "refunded"):
            kept[order["user_id"]].append(order)
    spent: dict[str, int] = defaultdict(int)
    for coupon in tables["coupons"]:
        if coupon["decision_id"] is not None and coupon["state"] == "used":
            spent[coupon["decision_id"]] += coupon["discount_cents"]
    found = []
    for decision in tables["decisions"]:
        start, last = decision["decided_at"], decision["decided_at"] + horizon
        if last > end:
            continue
        value = sum(
            order["margin_cents"] + order["discount_cents"]
            for order in kept[decision["user_id"]]
            if start < order["placed_at"] <= last
        )
        found.append(decision | {"value": value, "cost": spent[decision["decision_id"]]})
    return found


def weighted_mean(rows: list[dict[str, Any]], offer: str, outcome: str) -> tuple[float, float]:
    """Inverse-propensity weighted mean of an outcome under an offer, and its standard error (Hajek)."""
    weights = [(row["offer"] == offer) / row["propensity"] for row in rows]
    total = sum(weights)
    mean = sum(w * row[outcome] for w, row in zip(weights, rows, strict=True)) / total
    spread = sum((w * (row[outcome] - mean)) ** 2 for w, row in zip(weights, rows, strict=True))
    return mean, math.sqrt(spread) / total
