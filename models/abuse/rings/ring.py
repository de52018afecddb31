"""A ring as a reviewer reads it: who is in it, what holds it together, what it took, and what speaks against it.

In: a detection, and the key of the hashes. Out: one ``Ring`` per ring with a flagged account, largest first, as known
strictly before a moment: its accounts are those that its links held together then. Devices, addresses, IPs and phones
appear only as the short keyed hash. Cost: one pass over the links, the rest over the rows of flagged rings only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.abuse.identifiers import short_hash
from models.abuse.rings.forest import bridges, forest
from models.abuse.rings.growth import LARGE, carry, ring_names
from models.abuse.rings.waists import clusters

if TYPE_CHECKING:
    from models.abuse.detect import Detected

MINUTE = 60_000_000
NAMED = 20  # outsiders listed by name on one value; all are counted


@dataclass(frozen=True)
class RingLink:
    """Account ``b`` joined ``a`` at ``us`` (µs since 1970) on the value ``mark``; ``bridge``: nothing goes round it."""

    a: str
    b: str
    kind: str
    strength: float
    us: int
    mark: str
    bridge: bool


@dataclass(frozen=True)
class Company:
    """Who was seen on one value that the ring shares.

    ``members`` of the ring, ``outsiders`` that are not (``named``: those with claims or coupon orders there, at most
    NAMED), ``in_use``: accounts there that are used for more than coupons; ``purity``: the members' share.
    """

    kind: str
    mark: str
    members: int
    outsiders: int
    in_use: int
    named: tuple[str, ...]

    @property
    def purity(self) -> float:
        return self.members / (self.members + self.outsiders)


@dataclass(frozen=True)
class Against:
    """Counter-evidence, in accounts: members that had paid in full, members older than 30 days when last seen,
    ``outsiders`` and accounts ``in_use`` on the most shared value; the weakest link needed to hold the ring."""

    paid_in_full: int
    old: int
    outsiders: int
    in_use: int
    weakest: float


@dataclass(frozen=True)
class Ring:
    """One ring. ``members`` in order of appearance, ``flagged`` of them; ``holding``: the smallest set of links that
    keeps them together (the strongest n - 1), strongest first; ``kinds``: all links by kind; ``parts``: the groups that
    a ring too large to look through falls into at its waists (none where it is small, or of one piece).

    ``coupons`` were claimed by members; ``redeemed_cents``: the discount those coupons have given so far;
    ``order_cents``: the discount on the members' orders, whatever gave it. The two are views of the same money.
    ``first_us`` and ``last_us``: members' first and last row on what the ring shares.
    """

    ring_id: str
    members: tuple[str, ...]
    flagged: int
    first_us: int
    last_us: int
    kinds: Mapping[str, int]
    holding: tuple[RingLink, ...]
    parts: tuple[tuple[str, ...], ...]
    company: tuple[Company, ...]
    templates: tuple[str, ...]
    coupons: int
    redeemed_cents: int
    order_cents: int
    against: Against

    @property
    def bridges(self) -> tuple[RingLink, ...]:
        """Links whose removal splits the ring."""
        return tuple(link for link in self.holding if link.bridge)

    @property
    def span_minutes(self) -> int:
        return (self.last_us - self.first_us) // MINUTE

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON holds it; moments as ISO 8601 in UTC."""
        found = asdict(self)
        found |= {"first_at": _iso(found.pop("first_us")), "last_at": _iso(found.pop("last_us"))}
        found |= {"span_minutes": self.span_minutes, "kinds": dict(self.kinds)}
        for company, line in zip(self.company, found["company"], strict=True):
            line["purity"] = round(company.purity, 4)
        for link in found["holding"]:
            link["at"] = _iso(link.pop("us"))
        return found | {"bridges": sum(link["bridge"] for link in found["holding"])}


def rings_of(found: Detected, key: str, until: int | None = None) -> list[Ring]:
    """The rings with a flagged account, as known strictly before ``until`` (µs since 1970; None: everything).

    ``key`` keys the hashes of shared values (``identifiers.short_hash``).
    """
    rows, links, accounts = found.rows, found.links, found.accounts
    since = accounts["since"].to_numpy(np.int64)
    flagged = accounts["flagged"].to_numpy(bool)
    if until is not None:
        rows, links = rows[rows["us"] < until], links[links["at"] < until]
        flagged = flagged & (since < until)
    names = accounts["user_id"].tolist()
    root = carry(len(names), links, found.rows["score"].to_numpy(np.float64), 1.0).root
    shown = np.isin(root, root[flagged & (root >= 0)])
    ends = links[["a", "b"]].to_numpy(np.int64)
    inside = (root[ends[:, 0]] == root[ends[:, 1]]) & shown[ends[:, 0]]
    of_links = dict(iter(links[inside].groupby(root[ends[inside, 0]])))
    who = rows["account"].to_numpy(np.int64)
    of_rows = dict(iter(rows[shown[who]].groupby(root[who[shown[who]]])))
    called = ring_names(links, root, names)
    on_values = _Values(rows, links[inside], key)
    made = [_ring(called[r], of_links[r], of_rows[r], names, flagged, on_values) for r in of_links]
    return sorted(made, key=lambda ring: (-len(ring.members), ring.ring_id))


class _Values:
    """The values that links share, and who was seen on each."""

    def __init__(self, rows: pd.DataFrame, links: pd.DataFrame, key: str) -> None:
        self.key = key
        self.columns = {
            str(kind): rows["phone"].fillna(rows["identity"]) if kind == "person" else rows[kind]
            for kind in links["kind"].unique()
        }
        self.rows: dict[str, Mapping[str, pd.DataFrame]] = {}
        for kind, column in self.columns.items():
            shared = column.loc[links.loc[links["kind"] == kind, "row"]].unique()
            there = rows[column.isin(shared)]
            self.rows[kind] = {str(value): seen for value, seen in there.groupby(column.loc[there.index])}

    def of(self, kind: str, row: int) -> str:
        """The value on which the row made a link."""
        return str(self.columns[kind].loc[row])

    def mark(self, value: str) -> str:
        return short_hash(value, self.key)

    def seen(self, kind: str, value: str) -> pd.DataFrame:
        """The rows on a value, in time order."""
        return self.rows[kind][value]


def _ring(
    ring_id: str,
    links: pd.DataFrame,
    rows: pd.DataFrame,
    names: Sequence[str],
    flagged: np.ndarray[Any, np.dtype[np.bool_]],
    values: _Values,
) -> Ring:
    members = np.unique(links[["a", "b"]].to_numpy(np.int64))
    shared = sorted({(link.kind, values.of(link.kind, link.row)) for link in links.itertuples(index=False)})
    company = tuple(_company(kind, value, set(members.tolist()), values) for kind, value in shared)
    holding = _holding(links, members, names, values)
    at = rows[_on(rows, shared, values)]["us"]
    last = rows.drop_duplicates("account", keep="last")
    claims, orders = rows[rows["kind"] == "claim"], rows[rows["kind"] == "order"]
    came = pd.unique(rows["account"])
    return Ring(
        ring_id=ring_id,
        members=tuple(names[i] for i in came),
        flagged=int(flagged[members].sum()),
        first_us=int(at.min()),
        last_us=int(at.max()),
        kinds={str(kind): int(n) for kind, n in links["kind"].value_counts().sort_index().items()},
        holding=holding,
        parts=_parts(links, members, names),
        company=company,
        templates=tuple(sorted(t for t in claims["template"].dropna().unique() if t)),
        coupons=len(claims),
        redeemed_cents=_cents(claims),
        order_cents=_cents(orders),
        against=Against(
            paid_in_full=int((last["full_orders_ever"] > 0).sum()),
            old=int((last["age_days"] > 30).sum()),
            outsiders=max((c.outsiders for c in company), default=0),
            in_use=max((c.in_use for c in company), default=0),
            weakest=min(link.strength for link in holding),
        ),
    )


def _holding(
    links: pd.DataFrame, members: np.ndarray[Any, Any], names: Sequence[str], values: _Values
) -> tuple[RingLink, ...]:
    a, b = (np.searchsorted(members, links[end].to_numpy(np.int64)) for end in ("a", "b"))
    held = forest(len(members), a, b, links["strength"].to_numpy(np.float64)).link.tolist()
    alone = bridges(list(zip(a.tolist(), b.tolist(), strict=True)), held)
    told = []
    for i in held:
        link = links.iloc[i]
        mark = values.mark(values.of(link["kind"], link["row"]))
        ends = names[link["a"]], names[link["b"]]
        told.append(RingLink(*ends, link["kind"], round(float(link["strength"]), 4), int(link["at"]), mark, i in alone))
    return tuple(told)


def _parts(links: pd.DataFrame, members: np.ndarray[Any, Any], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    if len(members) <= LARGE:
        return ()
    a, b = (np.searchsorted(members, links[end].to_numpy(np.int64)) for end in ("a", "b"))
    label = clusters(len(members), a, b, links["strength"].to_numpy(np.float64))
    parts = [members[label == part] for part in np.unique(label)]
    if len(parts) == 1:
        return ()
    return tuple(tuple(names[i] for i in part) for part in sorted(parts, key=len, reverse=True))


def _company(kind: str, value: str, members: set[int], values: _Values) -> Company:
    """Counts as of the last member's row on the value; accounts without a row of their own are known to it as well."""
    seen = values.seen(kind, value)
    mine = seen["account"].isin(members).to_numpy()
    last = seen.iloc[int(np.flatnonzero(mine)[-1])]
    here = int(seen.loc[mine, "account"].nunique())
    others = pd.unique(seen.loc[~mine, "user_id"])
    known = int(last.get(f"{kind}_n_ever", 0.0)) + 1 - here
    in_use = int(last.get(f"{kind}_engaged_ever", 0.0))
    return Company(kind, values.mark(value), here, max(known, len(others)), in_use, tuple(others[:NAMED]))


def _on(rows: pd.DataFrame, shared: Sequence[tuple[str, str]], values: _Values) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows are on one of the shared values."""
    found = np.zeros(len(rows), bool)
    for kind in {kind for kind, _ in shared}:
        column = values.columns[kind].loc[rows.index]
        found |= column.isin([value for of, value in shared if of == kind]).to_numpy()
    return found


def _cents(rows: pd.DataFrame) -> int:
    return int(rows["cents"].fillna(0.0).round().astype("int64").sum())


def _iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
