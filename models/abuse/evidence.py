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
DRIP_POINTS = 0.5  # for each even gap
BEATS = 4  # gaps after which an even pace is a habit and not chance
HOUSE_LEFT = 0.1  # how far company counts at a terminal that the shop calls its own
UNKNOWN_BARE = 0.35  # how coupon-only an account counts where nothing but its claims is known
ORDERS_BARE = 0.6  # and where its orders are known, but not what it looks at
SWIFT_MINUTES = 2.0  # people need minutes from registering to claiming, programs seconds
COLLUSION_CAP = 8.0  # points: past this much surprise, more accounts say nothing new
SURGE_CAP = 4.5  # points: a crowd alone, without anything shared, never holds anybody


@dataclass(frozen=True)
class Sharing:
    """How one kind of value tells: points for one like-minded account, and how evidence ages over the windows."""

    kind: str
    points: float
    ages: tuple[tuple[str, float], ...]


SHARING = (
    Sharing("device", 4.0, (("1h", 1.4), ("24h", 1.25), ("7d", 0.9), ("30d", 0.75), ("ever", 0.5))),
    Sharing("address", 3.0, (("24h", 1.0), ("7d", 0.9), ("30d", 0.75), ("ever", 0.5))),
    Sharing("ip", 2.0, (("1h", 1.0), ("24h", 0.6), ("7d", 0.2), ("30d", 0.05))),
    Sharing("block", 1.2, (("1h", 1.0), ("24h", 0.4), ("7d", 0.25), ("30d", 0.15))),
)
LEAST_PACE = {"ip": 0.1, "block": 0.3}  # a gateway is crowded every day, a block of nobody but a ring hardly ever
TERMS = (
    "device",
    "address",
    "ip",
    "block",
    "person",
    "burst",
    "lockstep",
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
    terms["burst"] = np.minimum(1.1 * surge(rows), SURGE_CAP) * own
    terms["lockstep"] = 1.5 * lockstep(rows) * own
    terms["drip"] = DRIP_POINTS * np.maximum(*(drip(rows, sharing) for sharing in SHARING[:2])) * own
    terms["drain"] = 0.45 * _of(rows, "drain")
    others = _of(rows, "device_drained_7d") + 0.5 * _of(rows, "address_drained_7d") + 0.5 * _of(rows, "ip_drained_7d")
    terms["takeovers"] = 2.0 * np.log2(1.0 + others) * (_of(rows, "drain") > 0)
    odd = 0.6 * _of(rows, "delivery_strange_7d") + 0.4 * _of(rows, "delivery_strange_30d")
    lone = np.divide(odd, odd + 0.7 * _of(rows, "delivery_full_ever"), out=np.zeros(len(rows)), where=odd > 0)
    terms["resale"] = 3.0 * np.log2(1.0 + odd) * lone * np.minimum(_of(rows, "strange"), 1.0)
    terms["merchant"] = np.minimum(1.2 * collusion(rows), COLLUSION_CAP)
    return pd.DataFrame(terms, index=rows.index)


def surge(rows: pd.DataFrame) -> Floats:
    """Doublings of the usual number of new accounts on a template, by how far the crowd is one of programs.

    A flash sale is a crowd too, but people look around first, take minutes, and old customers are among them.
    """
    crowd = np.minimum(_of(rows, "template_bare_10m") / np.maximum(_of(rows, "template_claims_10m"), 1.0), 1.0)
    more = np.log2(np.maximum(_of(rows, "template_burst"), 1.0))
    return more * crowd**3 * _swift(rows)


def lockstep(rows: pd.DataFrame) -> Floats:
    """Doublings of the like-minded accounts that came from one network within the hour, each claiming at once.

    A script registers, claims and registers again, with new devices and addresses but over few lines; neighbours
    behind a gateway do not all claim within moments of registering.
    """
    block = SHARING[3]
    (hour,) = like_minded(rows, "block", "1h")
    return np.log2(1.0 + hour) * purity(rows, block, alike_on(rows, block)) * _swift(rows)


def drip(rows: pd.DataFrame, sharing: Sharing) -> Floats:
    """How many even gaps (at most six) lie between the accounts that claimed on a value, by the value's purity."""
    even = np.minimum(_of(rows, f"{sharing.kind}_gaps"), 6.0) * _of(rows, f"{sharing.kind}_even")
    return even * purity(rows, sharing, alike_on(rows, sharing))


def collusion(rows: pd.DataFrame) -> Floats:
    """Surprise, in nats, that so many accounts came back to the merchant with coupons within a week.

    Against a Poisson count with the mean that the shop's rate, or the merchant's own of the weeks before, gives for
    its coupon orders: k·ln(k/mean) - (k - mean), Kulldorff's scan statistic. Only for an account that itself came back
    within the week, by the share of its coupon orders that this merchant has.
    """
    k, orders = _of(rows, "merchant_returns_7d"), _of(rows, "merchant_spends_7d")
    usual = _of(rows, "trade_returns_30d") / np.maximum(_of(rows, "trade_spends_30d"), 1.0)
    before = np.maximum(_of(rows, "merchant_returns_30d") - k, 0.0)
    habit = before / np.maximum(_of(rows, "merchant_spends_30d") - orders, 5.0)
    mean = 0.5 + np.maximum(usual, habit) * orders
    surprise = np.where(k > mean, k * np.log(np.maximum(k, 1e-9) / mean) - (k - mean), 0.0)
    mine = _of(rows, "own_merchant_spends_30d") / np.maximum(_of(rows, "spends_ever"), 1.0)
    return surprise * np.minimum(mine, 1.0) * (_of(rows, "own_merchant_spends_7d") > 0)


def coupon_only(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: how far the account exists for the coupon, by what it had done before and how new it is."""
    new = np.maximum(np.exp(-_of(rows, "age_days") / NEW_SCALE_DAYS), 0.5 * _of(rows, "idle"))
    return np.sqrt(_of(rows, "bare")) * (0.4 + 0.6 * new)


def alike_on(rows: pd.DataFrame, sharing: Sharing) -> Floats:
    """How many coupon-only accounts were on the value before, weighted by age and, for networks, by their pace."""
    total = np.zeros(len(rows))
    inside = np.zeros(len(rows))
    counts = like_minded(rows, sharing.kind, *(window for window, _ in sharing.ages))
    for count, (_, weight) in zip(counts, sharing.ages, strict=True):
        total += weight * np.maximum(count - inside, 0.0)
        inside = count
    return total * pace(rows, sharing.kind)


def like_minded(rows: pd.DataFrame, kind: str, *windows: str) -> list[Floats]:
    """Coupon-only accounts on the value within each window; on a network, without those that a shared device explains.

    Who queues at a kiosk is on the kiosk's line too, and would count again there, where nobody else vouches for them.
    """
    counts = [_of(rows, f"{kind}_same_bare_{window}") for window in windows]
    if kind not in LEAST_PACE:
        return counts
    device = SHARING[0]
    explained = 1.0 - purity(rows, device, alike_on(rows, device))
    there = (_of(rows, f"device_same_bare_{window}") for window in windows)
    return [np.maximum(count - explained * near, 0.0) for count, near in zip(counts, there, strict=True)]


def pace(rows: pd.DataFrame, kind: str) -> Floats:
    """Share of the day's like-minded accounts of the last hour, at least LEAST_PACE; 1 for what people own.

    Students who move in meet behind one IP all day long, each on a phone of their own; bots come within minutes.
    """
    if kind not in LEAST_PACE:
        return np.ones(len(rows))
    hour, day = like_minded(rows, kind, "1h", "24h")
    return np.maximum(np.divide(hour, day, out=np.zeros(len(rows)), where=day > 0), LEAST_PACE[kind])


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
    """
    n = _of(rows, "device_n_ever")
    doors = _of(rows, "device_addresses_ever")
    apart = np.where(doors > 0, np.minimum(doors / (n + 1.0), 1.0) ** 2, 1.0)
    beat = np.where(_of(rows, "device_gaps") >= BEATS, np.clip((_of(rows, "device_even") - 0.7) / 0.2, 0.0, 1.0), 0.0)
    stands = 1.0 / np.maximum(_of(rows, "device_blocks_ever"), 1.0) ** 2
    return np.where(n >= 2, _unhurried(rows) * apart * (1.0 - beat) * stands, 0.0)


def _unhurried(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: the device had company before the last day, and that day's did not come within its last hour."""
    hour, day = _of(rows, "device_n_1h"), _of(rows, "device_n_24h")
    rush = np.divide(np.maximum(hour - 1.0, 0.0), day, out=np.zeros(len(rows)), where=day > 0)
    return (1.0 - rush) * (_of(rows, "device_n_ever") > day)


def purity(rows: pd.DataFrame, sharing: Sharing, alike: Floats) -> Floats:
    """Share of coupon-only accounts among those known on the value, 0 to 1; 0 where nobody is alike.

    A terminal that the shop calls its own links next to nobody, and a network says no more than the device behind it.
    """
    against = hub(rows, sharing.kind)
    pure = np.divide(alike, alike + against, out=np.zeros_like(alike), where=alike > 0)
    if sharing.kind == "device":
        return pure * np.where(_of(rows, "device_house_ever") > 0, HOUSE_LEFT, 1.0)
    if sharing.kind in LEAST_PACE:
        near = alike_on(rows, SHARING[0])
        return pure * np.where(near > 0, purity(rows, SHARING[0], near), 1.0)
    return pure


def modest(score: Floats, automatic: float) -> Floats:
    """Scores of a shop that never saw what accounts do: in their order, all below what acts without a person."""
    return score * (automatic - 0.01)


def score(points: Floats) -> Floats:
    """Points of evidence (sum over terms) -> score in (0, 1)."""
    return 1.0 / (1.0 + np.exp(-(BASE + points)))


def _swift(rows: pd.DataFrame) -> Floats:
    """From 0 to 1: how little time there was for a person between registering and claiming; 0 for orders."""
    claim = (rows["kind"] == "claim").to_numpy()
    return np.where(claim, 1.0 / (1.0 + _of(rows, "minutes_to_claim") / SWIFT_MINUTES), 0.0)


def _of(rows: pd.DataFrame, column: str) -> Floats:
    return np.nan_to_num(rows[column].to_numpy(np.float64))
