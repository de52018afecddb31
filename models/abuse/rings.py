"""Rings: accounts that act together, grown link by link in time order.

A link joins an account to the previous and to the first account that claimed the same template on the same device,
address, person, IP or block within that kind's window. It is made only where the evidence of the later row holds: both
accounts are there for the coupon and the value is no hub, so components cannot melt together through a campus or a
locker. A ring is a component; its level is the highest score at which an account joined, and its members carry it from
the moment the ring reaches it. Cost: one sort and a union–find pass, near-linear in links.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.evidence import SHARING, Floats, alike_on, coupon_only, pace, purity
from models.abuse.marks import DAY

REACH_DAYS = {"device": 60.0, "address": 60.0, "ip": 1.0, "block": 1 / 24, "person": 365.0}
LEAST_STRENGTH = 0.35
CARRIED = 0.97  # a member's share of its ring's level: the account that gave the proof ranks first
_RISE = 0.002
_CHUNK = ["at", "row", "a", "b", "kind", "strength"]


@dataclass(frozen=True)
class Carried:
    """What rings say about accounts: score carried over, since when, and the ring's root (-1: none)."""

    score: Floats
    since: NDArray[np.int64]
    root: NDArray[np.int64]
    size: NDArray[np.int64]


def links(rows: pd.DataFrame, user: NDArray[np.int64], terms: pd.DataFrame) -> pd.DataFrame:
    """Links (at, row, a, b, kind, strength): account ``b`` joined ``a`` with spine row ``row`` at ``at``; by time."""
    own = coupon_only(rows)
    drained = rows["drain"].to_numpy(np.float64) > 0
    parts = []
    for sharing in SHARING:
        pure = purity(rows, sharing, alike_on(rows, sharing)) * pace(rows, sharing.kind)
        claim = (rows["kind"] == "claim").to_numpy()
        key = rows[sharing.kind] + "|" + rows["template"]
        parts.append(_chained(rows, user, key.where(claim), own, pure, sharing.kind))
    resale = np.minimum(terms["resale"].to_numpy() / 3.0, 1.0)
    order = ((rows["kind"] == "order") & (rows["strange"] > 0)).to_numpy()
    parts.append(_chained(rows, user, rows["address"].where(order), np.ones(len(rows)), resale, "address"))
    taken = np.minimum(terms["takeovers"].to_numpy() / 2.0, 1.0)
    parts.append(_chained(rows, user, rows["device"].where(drained), np.ones(len(rows)), taken, "device"))
    known = rows["phone"].fillna(rows["identity"])
    parts.append(_chained(rows, user, known, np.ones(len(rows)), np.ones(len(rows)), "person"))
    found = pd.concat([p for p in parts if len(p)] or [pd.DataFrame(columns=_CHUNK)], ignore_index=True)
    return found.sort_values(["at", "row", "kind", "a"], ignore_index=True)


def _chained(
    rows: pd.DataFrame, user: NDArray[np.int64], key: pd.Series, own: Floats, pure: Floats, kind: str
) -> pd.DataFrame:
    """Links of one kind: each account's first row on a key to the previous and to the first account's, within reach."""
    usable = key.notna().to_numpy()
    frame = pd.DataFrame(
        {"key": key[usable], "user": user[usable], "at": rows["us"].to_numpy()[usable], "row": np.flatnonzero(usable)}
    )
    first = frame.drop_duplicates(["key", "user"])  # rows come in time order
    first = first[first.groupby("key")["user"].transform("size") > 1]
    if first.empty:
        return pd.DataFrame(columns=_CHUNK)
    reach = int(REACH_DAYS[kind] * DAY)
    grouped = first.groupby("key", sort=False)
    # A reach-long silence starts a new chain, so that the anchor is the first account of this one.
    gap = grouped["at"].diff().fillna(0) > reach
    chain = gap.groupby(first["key"]).cumsum()
    found = []
    for before in (
        grouped[["user", "at", "row"]].shift(),
        first.groupby(["key", chain])[["user", "at", "row"]].transform("first"),
    ):
        ok = before["user"].notna() & (before["at"] < first["at"]) & (first["at"] - before["at"] <= reach)
        a, b = before["row"][ok].to_numpy(np.int64), first["row"][ok].to_numpy(np.int64)
        strength = pure[b] * np.sqrt(own[a] * own[b])
        part = pd.DataFrame(
            {"at": rows["us"].to_numpy()[b], "row": b, "a": user[a], "b": user[b], "kind": kind, "strength": strength}
        )
        found.append(part[part["strength"] >= LEAST_STRENGTH])
    return pd.concat(found, ignore_index=True).drop_duplicates(["row", "a", "kind"])


class _Components:
    """Union–find over account numbers with the members of each component."""

    def __init__(self, count: int) -> None:
        self.parent = np.arange(count, dtype=np.int64)
        self.members: dict[int, list[int]] = {}

    def root(self, of: int) -> int:
        parent = self.parent
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = int(parent[of])
        return of

    def size(self, of: int) -> int:
        return len(self.members.get(self.root(of), (of,)))

    def join(self, a: int, b: int) -> tuple[int, int]:
        """The root that stays and the one that went (equal when both were together already)."""
        a, b = self.root(a), self.root(b)
        if a == b:
            return a, a
        if len(self.members.get(a, (a,))) < len(self.members.get(b, (b,))):
            a, b = b, a
        self.parent[b] = a
        self.members.setdefault(a, [a]).extend(self.members.pop(b, [b]))
        return a, b


def sizes_at(rows: int, user: NDArray[np.int64], accounts: int, found: pd.DataFrame) -> Floats:
    """Size of the account's component at each spine row, counting the links that the row itself makes."""
    size = np.ones(rows)
    together = _Components(accounts)
    by_row: dict[int, list[tuple[int, int]]] = {}
    for row, a, b in zip(found["row"], found["a"], found["b"], strict=True):
        by_row.setdefault(int(row), []).append((int(a), int(b)))
    linked = set(found["a"]) | set(found["b"])
    asked = np.flatnonzero(np.isin(user, np.fromiter(linked, np.int64, len(linked))))
    for row in asked:  # in time order
        for a, b in by_row.get(int(row), ()):
            together.join(a, b)
        size[row] = together.size(int(user[row]))
    return size


def strongest(rows: int, found: pd.DataFrame) -> Floats:
    """The strength of the best link that each spine row makes; 0 where it makes none."""
    best = np.zeros(rows)
    np.maximum.at(best, found["row"].to_numpy(np.int64), found["strength"].to_numpy(np.float64))
    return best


def carry(accounts: int, found: pd.DataFrame, row_score: Floats, threshold: float) -> Carried:
    """Let every ring's level reach its members: those who came before the proof, and those who join after it."""
    score, since = np.zeros(accounts), np.full(accounts, -1, np.int64)
    together = _Components(accounts)
    level: dict[int, float] = {}

    def raise_to(members: Sequence[int], value: float, at: int) -> None:
        for member in members:
            score[member] = max(score[member], CARRIED * value)
            if CARRIED * value >= threshold and since[member] < 0:
                since[member] = at

    for at, row, a, b in zip(found["at"], found["row"], found["a"], found["b"], strict=True):
        roots = together.root(int(a)), together.root(int(b))
        levels = [level.get(root, 0.0) for root in roots]
        joining = [together.members.get(root, [root]) for root in roots]
        stays, gone = together.join(int(a), int(b))
        highest = max(*levels, float(row_score[row]))
        # Everyone is told again only of a real rise: a ring of n accounts would otherwise cost n² steps.
        for had, members in zip(levels, joining, strict=True):
            if highest > had + _RISE or had < threshold / CARRIED <= highest:
                raise_to(members, highest, int(at))
        if gone != stays:
            level.pop(gone, None)
        level[stays] = highest
    root = np.array([together.root(i) for i in range(accounts)], np.int64)
    size = np.bincount(root, minlength=accounts)[root]
    return Carried(score, since, np.where(size > 1, root, -1), size)


def ring_names(found: pd.DataFrame, root: NDArray[np.int64], names: Sequence[str]) -> dict[int, str]:
    """A name per ring from its earliest link: the same on every run, revealing nobody."""
    named: dict[int, str] = {}
    for at, a, b, kind in zip(found["at"], found["a"], found["b"], found["kind"], strict=True):
        ring = int(root[a])
        if ring not in named:
            text = f"{at}|{kind}|" + "|".join(sorted((names[int(a)], names[int(b)])))
            named[ring] = "ring-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    return named
