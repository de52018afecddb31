"""The label-free detector: named pieces of evidence for and against, added up to a score that can be read.

Each term is a function of the past-only linkage columns, at least zero, with a weight in points of log odds. Sharing a
value counts only as far as the others on it look like coupon-only accounts too and nothing marks the value as a hub:
``purity`` is the share of such accounts among everyone known there. The weights come from the meaning of the terms
(a device says more than an address, an address more than an IP) and were checked on two unlike simulated shops; they
need no verdicts, so this is the detector of a shop's first weeks and part of every later one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BASE = -6.5  # log odds of abuse of an account that shares nothing
NEW_SCALE_DAYS = 7.0


@dataclass(frozen=True)
class Sharing:
    """How one kind of value tells: points for one like-minded account, and how evidence ages over the windows."""

    kind: str
    points: float
    ages: tuple[tuple[str, float], ...]


SHARING = (
    Sharing("device", 4.0, (("24h", 1.0), ("7d", 0.9), ("30d", 0.75), ("ever", 0.5))),
    Sharing("address", 3.0, (("24h", 1.0), ("7d", 0.9), ("30d", 0.75), ("ever", 0.5))),
    Sharing("ip", 2.0, (("1h", 1.0), ("24h", 0.6), ("7d", 0.2), ("30d", 0.05))),
    Sharing("block", 1.2, (("1h", 1.0), ("24h", 0.2))),
)
TERMS = (
    "device",
    "address",
    "ip",
    "block",
    "person",
    "burst",
    "drip",
    "drain",
    "takeovers",
    "resale",
    "merchant",
    "ring",
)


def evidence(rows: pd.DataFrame) -> pd.DataFrame:
    """Linkage rows -> one column of points per term (TERMS without ``ring``), aligned with ``rows``."""
    own = coupon_only(rows)
    terms: dict[str, Floats] = {}
    for sharing in SHARING:
        alike = alike_on(rows, sharing)
        terms[sharing.kind] = sharing.points * np.log2(1.0 + alike) * purity(rows, sharing, alike) * own
    terms["person"] = 4.0 * np.log2(1.0 + _of(rows, "person_n_ever"))
    claim = (rows["kind"] == "claim").to_numpy()
    surge = np.log2(np.maximum(_of(rows, "template_burst"), 1.0)) * claim
    terms["burst"] = 0.8 * surge * own * _fast(rows)
    drip = np.minimum(_of(rows, "device_gaps"), 6.0) * _of(rows, "device_even")
    terms["drip"] = 0.5 * drip * own * purity(rows, SHARING[0], alike_on(rows, SHARING[0]))
    terms["drain"] = 0.45 * _of(rows, "drain")
    others = _of(rows, "device_drained_7d") + 0.5 * _of(rows, "address_drained_7d") + 0.5 * _of(rows, "ip_drained_7d")
    terms["takeovers"] = 2.0 * np.log2(1.0 + others) * (_of(rows, "drain") > 0)
    odd = 0.6 * _of(rows, "delivery_strange_7d") + 0.4 * _of(rows, "delivery_strange_30d")
    lone = np.divide(odd, odd + 0.7 * _of(rows, "delivery_full_ever"), out=np.zeros(len(rows)), where=odd > 0)
    terms["resale"] = 3.0 * np.log2(1.0 + odd) * lone * np.minimum(_of(rows, "strange"), 1.0)
    often = np.log2(1.0 + _of(rows, "own_merchant_spends_7d"))
    crowd = _of(rows, "merchant_returns_7d") / (
        0.25 * _of(rows, "merchant_returns_30d") + 0.25 * _of(rows, "merchant_spends_7d") + 1.0
    )
    terms["merchant"] = 1.0 * often * np.minimum(crowd, 3.0)
    return pd.DataFrame(terms, index=rows.index)


def coupon_only(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: how far the account exists for the coupon, by what it had done before and how new it is."""
    new = np.exp(-_of(rows, "age_days") / NEW_SCALE_DAYS)
    return np.sqrt(_of(rows, "bare")) * (0.4 + 0.6 * new)


def alike_on(rows: pd.DataFrame, sharing: Sharing) -> Floats:
    """How many coupon-only accounts were on the value before, weighted by age and, for networks, by their pace."""
    return aged(rows, f"{sharing.kind}_same_bare", sharing.ages) * pace(rows, sharing.kind)


def pace(rows: pd.DataFrame, kind: str) -> Floats:
    """Share of the day's like-minded accounts that came within the last hour, from 0.1 to 1; 1 for what people own.

    Students who move in meet behind one IP all day long, each on a phone of their own; bots come within minutes.
    """
    if kind not in ("ip", "block"):
        return np.ones(len(rows))
    hour, day = _of(rows, f"{kind}_same_bare_1h"), _of(rows, f"{kind}_same_bare_24h")
    return np.maximum(np.divide(hour, day, out=np.zeros(len(rows)), where=day > 0), 0.1)


def aged(rows: pd.DataFrame, column: str, ages: tuple[tuple[str, float], ...]) -> Floats:
    """Counts in nested windows as one number in which older counts weigh less."""
    total = np.zeros(len(rows))
    inside = np.zeros(len(rows))
    for window, weight in ages:
        count = _of(rows, f"{column}_{window}")
        total += weight * (count - inside)
        inside = count
    return total


def hub(rows: pd.DataFrame, kind: str) -> Floats:
    """How many accounts on the value speak for a shared place: in use for more than coupons, at home elsewhere, old."""
    weight = (
        0.7 * _of(rows, f"{kind}_engaged_ever")
        + (1.5 if kind == "device" else 0.5) * _of(rows, f"{kind}_elsewhere_ever")
        + 0.3 * _of(rows, f"{kind}_old_ever")
    )
    if kind == "device":  # people at a kiosk go home to many doors, puppets to few
        weight += 0.45 * np.maximum(_of(rows, "device_addresses_ever") - 1.0, 0.0)
        weight += 6.0 * _of(rows, "device_house_ever")
    return weight


def purity(rows: pd.DataFrame, sharing: Sharing, alike: Floats) -> Floats:
    """Share of coupon-only accounts among those known on the value, 0 to 1; 0 where nobody is alike."""
    against = hub(rows, sharing.kind)
    return np.divide(alike, alike + against, out=np.zeros_like(alike), where=alike > 0)


def score(points: Floats) -> Floats:
    """Points of evidence (sum over terms) -> score in (0, 1)."""
    return 1.0 / (1.0 + np.exp(-(BASE + points)))


def _fast(rows: pd.DataFrame) -> Floats:
    return 1.0 / (1.0 + _of(rows, "minutes_to_claim") / 60.0)


def _of(rows: pd.DataFrame, column: str) -> Floats:
    return np.nan_to_num(rows[column].to_numpy(np.float64))
