"""The live scorecard: what a claim's company of this very hour says, in points of log odds that anybody can add up.

In: the issuer's figures (``serving.store.company``) and stored features of the things; out: points by name, whose sum
with the base is the log odds of abuse. New accounts on one thing count by doublings (the second says little, the third
a lot), less where the thing is a place that people share, and as far as the asking account is new itself. More company
within minutes never lowers the score; more of it hours ago may, where it tells a kiosk or a campus from a burst. The
weights are data: an artefact carries its own under ``live``; without one ``RULES`` answer, which is how a shop's first
day is guarded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from features.errors import InputError

STEPS = ("10m", "1h", "24h", "7d")
KINDS = ("device", "address", "ip")
RULES_VERSION = "live-rules-1"
RULES: Mapping[str, Any] = MappingProxyType(
    {
        "base": -6.5,
        "doubling": 4.0,  # for each doubling of new company, this account included
        "rush": 1.5,  # the same for those of the last ten minutes, from the second other one on
        "guilt": 2.5,  # company on the device or at the address that is held or worse by now
        "age": {"device": [1.0, 1.0, 0.8, 0.5], "address": [0.75, 0.6, 0.2, 0.05], "ip": [0.55, 0.35, 0.1, 0.0]},
        "other": 0.4,  # company on a device or at an address that took other coupons
        "spared": 2.0,  # people of a household who live on a thing make it no public place
        "place": 3.0,  # people beyond them by whom the weight of company falls to a quarter
        "doors": 0.05,  # what is left where all go home to different addresses, on a device if they were in no hurry
        "terminal": 0.02,  # what is left where the shop says that it is its own terminal
        "terminals": ["kiosk", "pos"],
        "stranger": 0.8,  # how new an account counts of which nothing is known
        "drain": 2.0,  # for each doubling of what was paid within the hour, at a device or address that is new
        "new_device": 2.5,
        "new_address": 1.5,
        "hold": 0.25,
        "withhold": 0.7,
    }
)


@dataclass(frozen=True, slots=True)
class Weights:
    """The scorecard's numbers; see ``RULES`` for what each means."""

    base: float
    doubling: float
    rush: float
    guilt: float
    age: Mapping[str, tuple[float, ...]]
    other: float
    spared: float
    place: float
    doors: float
    terminal: float
    terminals: frozenset[str]
    stranger: float
    drain: float
    new_device: float
    new_address: float
    hold: float
    withhold: float

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Weights:
        """From plain data; raises ``InputError`` for a weight that is missing, unknown or not at least 0."""
        if set(spec) != set(cls.__dataclass_fields__) or set(spec["age"]) != set(KINDS):
            raise InputError("live scorecard", sorted(spec), f"exactly: {', '.join(cls.__dataclass_fields__)}")
        age = {kind: tuple(float(weight) for weight in spec["age"][kind]) for kind in KINDS}
        plain = {name: float(spec[name]) for name in spec if name not in ("age", "terminals")}
        wrong = [name for name, value in plain.items() if not (value >= 0 or name == "base")]
        wrong += [f"age of {kind}" for kind, of in age.items() if len(of) != len(STEPS) or list(of) != _falling(of)]
        if wrong or plain["place"] == 0 or not plain["hold"] <= plain["withhold"]:
            raise InputError("live scorecard", wrong or "place, hold, withhold", "weights of at least 0 that fit")
        return cls(**plain, age=age, terminals=frozenset(spec["terminals"]))


@lru_cache(maxsize=8)
def _rules() -> Weights:
    return Weights.of(RULES)


@dataclass(frozen=True, slots=True)
class Live:
    """Log odds = ``base`` + the sum of ``points``; ``lowered``: by which figures, and to what share of its points."""

    base: float
    points: Mapping[str, float]
    lowered: Mapping[str, float]
    action: str

    @property
    def score(self) -> float:
        return 1.0 / (1.0 + math.exp(-(self.base + sum(self.points.values()))))


def weigh(
    live: Mapping[str, float],
    stored: Mapping[str, float],
    terminal: str | None = None,
    weights: Weights | None = None,
) -> Live:
    """Points of the issuer's figures ``live``, with what is ``stored`` of the account and its things.

    Both are numbers by name, ``stored`` by the names of features; a missing one says nothing.
    """
    by = weights or _rules()
    own, lowered = _own(live, stored, by), {}
    if own < 0.5:
        lowered["own"] = own
    near: dict[str, float] = {}
    rush = 0.0
    for kind in KINDS:
        share, why = _share(kind, live, stored, terminal, by)
        alike = _aged(kind, live, by)
        near[kind] = alike * share
        rush += live.get(f"{kind}_10m", 0.0) * share * _pace(kind, live)
        if alike and share < 0.5:
            lowered[f"{kind}_{why}"] = share
    total = sum(near.values())
    points: dict[str, float] = {}
    if total > 0:
        company = by.doubling * math.log2(1.0 + total) * own
        points = {kind: company * part / total for kind, part in near.items() if part > 0}
    if rush > 1.0:
        points["rush"] = by.rush * math.log2(rush) * own
    guilty = live.get("device_flagged", 0.0) + live.get("address_flagged", 0.0)
    if guilty:
        points["guilt"] = by.guilt * min(guilty, 1.0) * own
    points |= _drain(live, by)
    action = _action(by, points)
    return Live(by.base, points, lowered, action)


def company_of(counts: Mapping[str, float]) -> dict[str, float]:
    """What a caller that only counted others says of the company: nothing is known of who they are.

    >>> company_of({"device_others_1h": 2.0, "ip_others_7d": 0.0})
    {'device_1h': 2.0}
    """
    named = {f"{kind}_{step}": counts.get(f"{kind}_others_{step}", 0.0) for kind in KINDS for step in STEPS}
    return {name: count for name, count in named.items() if count > 0}


def known_places(stored: Mapping[str, float]) -> dict[str, float]:
    """What the stored features say of account and things, as ``weigh`` reads it: enough to weigh again without them."""
    found = {f"{kind}_bystanders": _bystanders(kind, stored) for kind in KINDS}
    found |= {name: stored[name] for name in ("account_age_days", "orders_life") if name in stored}
    return {name: value for name, value in found.items() if value > 0 and math.isfinite(value)}


def _own(live: Mapping[str, float], stored: Mapping[str, float], by: Weights) -> float:
    """From 0 to 1: how far the account itself is new and has done nothing but take coupons."""
    age = _most(live.get("age_days"), stored.get("account_age_days"))
    orders = _most(live.get("orders"), stored.get("orders_life")) or 0.0
    if age is None:
        return (1.0 if live.get("once") else by.stranger) / math.sqrt(1.0 + orders)
    return (0.4 + 0.6 * math.exp(-age / 7.0)) / math.sqrt(1.0 + orders)


def _aged(kind: str, live: Mapping[str, float], by: Weights) -> float:
    """New accounts on a thing as one number in which older claims weigh less."""
    total, inside = 0.0, 0.0
    for step, weight in zip(STEPS, by.age[kind], strict=True):
        count = live.get(f"{kind}_{step}", 0.0)
        total += weight * max(count - inside, 0.0)
        inside = max(count, inside)
    if kind == "ip":
        return total * _pace(kind, live)
    return total + by.other * by.age[kind][-1] * live.get(f"{kind}_other_7d", 0.0)


def _share(
    kind: str, live: Mapping[str, float], stored: Mapping[str, float], terminal: str | None, by: Weights
) -> tuple[float, str]:
    """What is left of the company on a thing after what speaks for a place that people share, and what spoke most."""
    people = live.get(f"{kind}_settled", 0.0) + _bystanders(kind, stored)
    shares = {"settled": (1.0 + max(people - by.spared, 0.0) / by.place) ** -2}
    apart = live.get(f"{kind}_doors", 0.0) ** 2
    if kind == "device":  # puppets come within the hour, customers at a kiosk all day long
        apart *= 1.0 - _hurry(live) ** 2
    shares["doors"] = 1.0 - (1.0 - by.doors) * apart
    if kind != "address" and terminal in by.terminals:
        shares["terminal"] = by.terminal
    return math.prod(shares.values()), min(shares, key=lambda name: shares[name])


def _pace(kind: str, live: Mapping[str, float]) -> float:
    """Bots come within minutes; students who move in meet behind one IP all day long, each on a phone of their own."""
    day = live.get("ip_24h", 0.0)
    return max(live.get("ip_10m", 0.0) / day, 0.1) ** 2 if kind == "ip" and day else 1.0


def _hurry(live: Mapping[str, float]) -> float:
    """Share of the day's new accounts on the device that came within its last hour; 1 where there were none."""
    day = live.get("device_24h", 0.0)
    return live.get("device_1h", 0.0) / day if day else 1.0


def _bystanders(kind: str, stored: Mapping[str, float]) -> float:
    """Accounts ever seen on a thing beyond all that took the coupon which was taken most there."""
    known = stored.get(f"{kind}_bystanders")
    if known is not None:
        return known
    seen = _most(stored.get(f"{kind}_accounts_life")) or 0.0
    return max(seen - (_most(stored.get(f"{kind}_claimers_life")) or 0.0), 0.0)


def _drain(live: Mapping[str, float], by: Weights) -> dict[str, float]:
    """An account that pays from where it has never been, several times within the hour: somebody else's hand."""
    paid = live.get("redeemed_1h", 0.0)
    strange = {name: getattr(by, name) for name in ("new_device", "new_address") if live.get(name)}
    if not strange or not paid:
        return {}
    return {**strange, "drain": by.drain * math.log2(1.0 + paid)}


def _action(by: Weights, points: Mapping[str, float]) -> str:
    score = 1.0 / (1.0 + math.exp(-(by.base + sum(points.values()))))
    if score < by.hold:
        return "allow"
    if sum(points.get(name, 0.0) for name in ("new_device", "new_address", "drain")) * 2 > sum(points.values()):
        return "step_up"  # whoever really owns the account can show it
    return "withhold" if score >= by.withhold else "hold"


def _falling(of: tuple[float, ...]) -> list[float]:
    return sorted((max(weight, 0.0) for weight in of), reverse=True)


def _most(*values: float | None) -> float | None:
    """The largest that is known."""
    return max((value for value in values if value is not None and not math.isnan(value)), default=None)
