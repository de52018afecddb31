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
HOME = 4  # accounts on one device at one address that a family explains
PASSERS_BY = 1.0  # how much each account at a public terminal speaks against
AT_HOME = 0.5  # how much of a family's evidence goes where behaviour is known and speaks for itself
BEATS = 4  # gaps after which an even pace is a habit and not chance
UNKNOWN_BARE = 0.5  # how coupon-only an account counts where nothing but its claims is known


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
    calm = 1.0 - family(rows)
    for sharing in SHARING:
        terms[sharing.kind] = terms[sharing.kind] * calm
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
        weight += PASSERS_BY * terminal(rows) * _of(rows, "device_n_ever")
    return weight


def family(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: how far the company on the row's device is a home: few accounts, one door, days between them."""
    n = _of(rows, "device_n_ever")
    few = (n >= 1) & (n < HOME) & (_of(rows, "address_n_ever") < HOME)
    at_home = few & rows["address"].notna().to_numpy() & (_of(rows, "device_addresses_ever") <= 1)
    before = 1.0 - np.divide(_of(rows, "device_n_1h"), n, out=np.ones(len(rows)), where=n > 0)
    return np.where(at_home, before, 0.0) * (AT_HOME + (1.0 - AT_HOME) * _of(rows, "blind"))


def terminal(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: how far the row's device is a public terminal.

    Its accounts come one by one on many days and at no beat, from one network, and go home to as many doors (or to
    doors that nobody knows). A farm comes in a burst, a drip keeps its beat, and both change networks or share doors.
    Only asked where claims are all that is known: behaviour tells terminals better (``hub``).
    """
    n = _of(rows, "device_n_ever")
    doors = _of(rows, "device_addresses_ever")
    apart = np.where(doors > 0, np.minimum(doors / (n + 1.0), 1.0) ** 2, 1.0)
    beat = np.where(_of(rows, "device_gaps") >= BEATS, np.clip((_of(rows, "device_even") - 0.7) / 0.2, 0.0, 1.0), 0.0)
    stands = 1.0 / np.maximum(_of(rows, "device_blocks_ever"), 1.0) ** 2
    return np.where(n >= 2, _unhurried(rows) * apart * (1.0 - beat) * stands * _of(rows, "blind"), 0.0)


def _unhurried(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: the device had company before the last day, and that day's did not come within its last hour."""
    hour, day = _of(rows, "device_n_1h"), _of(rows, "device_n_24h")
    rush = np.divide(np.maximum(hour - 1.0, 0.0), day, out=np.zeros(len(rows)), where=day > 0)
    return (1.0 - rush) * (_of(rows, "device_n_ever") > day)


def purity(rows: pd.DataFrame, sharing: Sharing, alike: Floats) -> Floats:
    """Share of coupon-only accounts among those known on the value, 0 to 1; 0 where nobody is alike."""
    against = hub(rows, sharing.kind)
    return np.divide(alike, alike + against, out=np.zeros_like(alike), where=alike > 0)


def modest(score: Floats, automatic: float) -> Floats:
    """Scores of a shop that knows claims alone: in their order, all below what acts without a person."""
    return score * (automatic - 0.01)


def score(points: Floats) -> Floats:
    """Points of evidence (sum over terms) -> score in (0, 1)."""
    return 1.0 / (1.0 + np.exp(-(BASE + points)))


def _fast(rows: pd.DataFrame) -> Floats:
    return 1.0 / (1.0 + _of(rows, "minutes_to_claim") / 60.0)


def _of(rows: pd.DataFrame, column: str) -> Floats:
    return np.nan_to_num(rows[column].to_numpy(np.float64))
