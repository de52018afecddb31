"""Who else was seen on the things of a case, and what tells what kind of place each is: one statement.

On each thing the newest ``MOST`` claims and ``MOST`` links of accounts outside of the case are looked at: a gateway
that carries a city costs as much as a home, and the counts there mean "at least".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Integer, String, bindparam, text

from serving.review.evidence.parts import KINDS
from serving.review.evidence.people import moments
from serving.review.evidence.sights import SEEN_ON
from serving.store.rows import Prepared
from serving.store.schema import Moment

MOST = 400

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Others:
    """Accounts outside of the case on one thing.

    ``settled``: known for thirty days, with orders of their own, or cleared by a person, and not held themselves;
    ``engaged``: with orders of their own; ``housed`` of them named ``addresses`` there, all of them came over
    ``networks`` IPs; ``days``: on which each was there, summed; ``work``: percent of claims from Monday to Friday, 9 to
    18 o'clock in the shop; ``at_least``: more were there than were looked at.
    """

    accounts: int = 0
    settled: int = 0
    engaged: int = 0
    housed: int = 0
    addresses: int = 0
    networks: int = 0
    days: int = 0
    work: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    at_least: bool = False


NOBODY = Others()


def others(
    connection: Connection, case_id: str, things: Sequence[Key], now: datetime, shift: int
) -> Mapping[Key, Others]:
    """By thing; things on which nobody else was are left out. ``shift``: seconds by which the shop's clock is ahead."""
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for kind, value in things:
        by_kind[kind].append(value)
    if not by_kind:
        return {}
    # Statements are made for 1, 2, 4 … things of a kind, so that few of them are ever made; the last one repeats.
    sizes = tuple((kind, 1 << (len(by_kind[kind]) - 1).bit_length()) for kind in KINDS if kind in by_kind)
    given: dict[str, Any] = {"of_case": case_id, "shift": shift, **moments(now)}
    for kind, size in sizes:
        values = by_kind[kind]
        for place in range(size):
            given[f"{kind}_{place}"] = values[place] if place < len(values) else ""
    return {
        (row.kind, row.value): Others(
            int(row.accounts),
            int(row.settled),
            int(row.engaged),
            int(row.housed),
            int(row.addresses),
            int(row.networks),
            int(row.days),
            100 * int(row.working) // max(int(row.claims), 1),
            row.first_at,
            row.last_at,
            int(row.looked_at) >= MOST,
        )
        for row in _statement(sizes).all(connection, given)
    }


_OUTSIDE = "NOT EXISTS (SELECT 1 FROM flags f WHERE f.user_id = c.user_id AND f.case_id = :of_case)"
_CLAIMS = """SELECT * FROM (
    SELECT '{kind}' AS kind, c.{kind} AS value, c.user_id, c.claimed_at AS at, c.address, c.ip, 'claim' AS source
    FROM coupons c WHERE c.{kind} = :{name} AND c.claimed_at <= :now AND {outside}
    ORDER BY c.claimed_at DESC LIMIT {most}) AS claims_{name}"""
_LINKS = """SELECT * FROM (
    SELECT c.kind, c.value, c.user_id, c.first_seen AS at, CAST(NULL AS VARCHAR(64)) AS address,
        CAST(NULL AS VARCHAR(64)) AS ip, 'link' AS source
    FROM user_links c WHERE c.kind = '{kind}' AND c.value = :{name} AND c.first_seen <= :now AND {outside}
    ORDER BY c.user_id LIMIT {most}) AS links_{name}"""
# A day of the shop is not asked for: how many different days is nearly the same in every zone.
_COUNTED = """
WITH touch AS ({touched}),
pairs AS (
    SELECT kind, value, user_id, min(at) AS first_at, max(at) AS last_at, count(DISTINCT at / 86400000000) AS days
    FROM touch GROUP BY kind, value, user_id
),
known AS (
    SELECT p.*, CASE WHEN u.orders > (
            SELECT count(*) FROM orders o WHERE o.user_id = p.user_id AND o.state = 'redeemed' AND o.redeemed_at <= :now
        ) THEN 1 ELSE 0 END AS engaged,
        CASE WHEN coalesce(u.registered_at, p.first_at) <= :before OR p.first_at <= :before OR EXISTS (
            SELECT 1 FROM flags f WHERE f.user_id = p.user_id AND f.standing = 'allow' AND f.flagged_at <= :now
        ) THEN 1 ELSE 0 END AS old,
        CASE WHEN EXISTS (
            SELECT 1 FROM flags f WHERE f.user_id = p.user_id AND f.flagged_at <= :now
            AND f.standing IN ('hold', 'step_up', 'withhold', 'revoke', 'freeze', 'block')
        ) THEN 1 ELSE 0 END AS held
    FROM pairs p LEFT JOIN users u ON u.user_id = p.user_id
),
places AS (
    SELECT kind, value, count(DISTINCT address) AS addresses, count(DISTINCT ip) AS networks,
        count(DISTINCT CASE WHEN address IS NOT NULL THEN user_id END) AS housed,
        sum(CASE WHEN source = 'claim' THEN 1 ELSE 0 END) AS claims,
        sum(CASE WHEN source = 'claim' AND ((at / 1000000 + :shift) / 86400 + 3) % 7 < 5
            AND (at / 1000000 + :shift) / 3600 % 24 BETWEEN 9 AND 17 THEN 1 ELSE 0 END) AS working,
        max(looked_at) AS looked_at
    FROM (SELECT t.*, count(*) OVER (PARTITION BY kind, value, source) AS looked_at FROM touch t) AS looked
    GROUP BY kind, value
)
SELECT k.kind, k.value, count(*) AS accounts,
    sum(CASE WHEN k.old + k.engaged > 0 AND k.held = 0 THEN 1 ELSE 0 END) AS settled,
    sum(k.engaged) AS engaged, sum(k.days) AS days,
    min(k.first_at) AS first_at, max(k.last_at) AS last_at, max(p.addresses) AS addresses,
    max(p.networks) AS networks, max(p.housed) AS housed, max(p.claims) AS claims,
    max(p.working) AS working, max(p.looked_at) AS looked_at
FROM known k JOIN places p ON p.kind = k.kind AND p.value = k.value
GROUP BY k.kind, k.value
"""


@lru_cache(maxsize=64)
def _statement(sizes: tuple[tuple[str, int], ...]) -> Prepared:
    """Names of columns and parameters are our own; every value is a parameter."""
    touched, names = [], []
    for kind, size in sizes:
        for place in range(size):
            fill = {"kind": kind, "name": f"{kind}_{place}", "outside": _OUTSIDE, "most": MOST}
            names.append(fill["name"])
            if kind in SEEN_ON:
                touched.append(_CLAIMS.format(**fill))
            if kind != "ip":
                touched.append(_LINKS.format(**fill))
    statement = text(_COUNTED.format(touched=" UNION ALL ".join(touched))).bindparams(
        *(bindparam(str(name), type_=String()) for name in (*names, "of_case")),
        *(bindparam(name, type_=Moment()) for name in ("now", "before")),
        bindparam("shift", type_=Integer()),
    )
    number = Integer()
    return Prepared(
        statement.columns(
            kind=String(), value=String(), accounts=number, settled=number, engaged=number, days=number,
            first_at=Moment(), last_at=Moment(), addresses=number, networks=number, housed=number, claims=number,
            working=number, looked_at=number,
        )
    )  # fmt: skip
