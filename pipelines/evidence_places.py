"""Who else was seen on the things of flagged accounts, and what kind of place each is (``features.hubs``).

Only rows on these things are counted, by the spelling that members used: what the nightly run says of all things of a
shop is said here of a few thousand, at a small part of its cost. An account is *engaged* here once it has an order
without any discount; four days of activity, which the nightly features count too, would need every row of the shop.
"""

# ruff: noqa: S608 - names in the queries are our own

from __future__ import annotations

import pandas as pd

from features.hub_facts import COUNTS, NEW_DAYS, SHORT_STAY
from features.hub_lists import hub_lists
from features.hubs import NETWORK_KINDS, WORDED, classify
from features.network import named
from pipelines.evidence_rows import Rows

TIMEZONE = "Asia/Shanghai"
OLD_DAYS = 30
KEY = ["kind", "value"]


def places(rows: Rows, things: pd.DataFrame) -> pd.DataFrame:
    """(kind, value, accounts, settled, hub, first_seen, last_seen): one row per thing of ``things``.

    ``things`` (kind, raw, hashed, value) maps what members' rows say to the hash; a thing may have several spellings.
    *Settled* accounts registered thirty days before the moment or are engaged, and nobody flagged is.
    """
    nothing = pd.DataFrame(columns=[*KEY, "accounts", "settled", "hub", "first_seen", "last_seen"])
    if things.empty:
        return nothing
    rows.con.create_table("evidence_things", things, temp=True, overwrite=True)
    counted = rows.frame(_counts(rows))
    if counted.empty:
        return nothing
    seen = counted[counted["kind"].isin(("device", "ip", "address"))].reset_index(drop=True)
    facts = seen.fillna(dict.fromkeys(COUNTS, 0))
    facts["listed"] = _listed(facts, things)
    seen["hub"] = classify(facts)["hub"] if len(facts) else ""
    told = counted.merge(seen[[*KEY, "hub"]], on=KEY, how="left")
    told["hub"] = told["hub"].fillna("").replace(["private", "unclear"], "")
    return told[[*KEY, "accounts", "settled", "hub", "first_seen", "last_seen"]]


def _listed(facts: pd.DataFrame, things: pd.DataFrame) -> list[str | None]:
    """A kind by which the lists name a thing: the range of an IP, a word in an address."""
    lists = hub_lists()
    words = {name: getattr(lists, f"{name}_words") for name in WORDED}
    spelt = things[~things["hashed"]].groupby(KEY)["raw"].agg(list).to_dict()
    found: list[str | None] = []
    for kind, value in zip(facts["kind"], facts["value"], strict=True):
        texts = [str(text) for text in spelt.get((kind, value), ())]
        if kind == "ip":
            found.append(next((name for name in NETWORK_KINDS if any(named(text, name) for text in texts)), None))
        elif kind == "address":
            low = [text.lower() for text in texts]
            found.append(next((n for n, of in words.items() if any(w in text for w in of for text in low)), None))
        else:
            found.append(None)
    return found


def _counts(rows: Rows) -> str:
    """SQL: the columns of ``features.hub_facts.COUNTS`` of each thing, with ``settled`` accounts and the ends."""
    on = [
        f"SELECT t.kind, t.value, s.* FROM ({rows.seen(name)}) s JOIN evidence_things t "
        f"ON t.kind = '{kind}' AND s.{kind} = t.raw AND s.hashed = t.hashed"
        for name in rows.sources()
        for kind in (("device", "ip") if name == "events" else ("device", "ip", "address"))
    ]
    on += [
        "SELECT t.kind, t.value, CAST(u.user_id AS VARCHAR), u.registered_at, NULL, NULL, NULL, false, false, 'users' "
        f"FROM folder_users u JOIN evidence_things t ON t.kind = '{kind}' "
        f"AND {rows.value('users', f'{kind}_token')} = t.raw WHERE u.registered_at < {rows.moment}"
        for kind in ("phone", "identity")
    ]
    own = "SELECT NULL::VARCHAR AS user_id, NULL::TIMESTAMP AS engaged_at WHERE false"
    if "orders" in rows.tables:
        discount = rows.value("orders", "discount_cents", "DOUBLE")
        own = (
            "SELECT CAST(user_id AS VARCHAR) AS user_id, min(placed_at) AS engaged_at FROM folder_orders "
            f"WHERE coalesce({discount}, 0) <= 0 AND placed_at < {rows.moment} GROUP BY 1"
        )
    day = "86400"
    return f"""
        WITH touch AS ({" UNION ALL ".join(on)}),
        here AS (SELECT *, timezone('{TIMEZONE}', timezone('UTC', seen_at)) AS clock FROM touch),
        pairs AS (
            SELECT kind, value, user_id, min(seen_at) AS first, max(seen_at) AS last, count(*) AS sightings,
                count(DISTINCT clock::DATE) AS days,
                count(*) FILTER (WHERE isodow(clock) < 6 AND hour(clock) BETWEEN 9 AND 17) AS work,
                count(*) FILTER (WHERE hour(clock) < 6) AS night,
                count(*) FILTER (WHERE isodow(clock) >= 6) AS weekend,
                bool_or(source = 'coupons') AS claimed, bool_or(house) AS at_home, count(address) > 0 AS housed
            FROM here GROUP BY ALL
        ),
        known AS (
            SELECT p.*, o.engaged_at IS NOT NULL AS engaged,
                coalesce(epoch(p.first) - epoch(u.registered_at) < {NEW_DAYS} * {day}, true) AS new,
                (o.engaged_at IS NOT NULL OR u.registered_at <= {rows.moment} - INTERVAL {OLD_DAYS} DAY)
                    AND p.user_id NOT IN (SELECT user_id FROM evidence_members) AS settled,
                epoch(p.last) - epoch(p.first) BETWEEN {SHORT_STAY[0]} * {day} AND {SHORT_STAY[1]} * {day} AS guest,
                coalesce(p.first > lag(p.last) OVER (PARTITION BY p.kind, p.value ORDER BY p.first, p.user_id), false)
                    AS after
            FROM pairs p LEFT JOIN ({own}) o USING (user_id)
            LEFT JOIN (
                SELECT CAST(user_id AS VARCHAR) AS user_id, min(registered_at) AS registered_at FROM folder_users
                GROUP BY 1
            ) u USING (user_id)
        ),
        things AS (
            SELECT kind, value, count(DISTINCT device) AS devices, count(DISTINCT ip) AS networks,
                count(DISTINCT address) AS units
            FROM touch GROUP BY ALL
        )
        SELECT k.kind, k.value, count(*) AS accounts, coalesce(sum(settled::INT), 0)::BIGINT AS settled,
            min(first) AS first_seen, max(last) AS last_seen, sum(sightings)::BIGINT AS sightings,
            sum(new::INT)::BIGINT AS new, sum(claimed::INT)::BIGINT AS claimers,
            sum((new AND claimed AND NOT engaged)::INT)::BIGINT AS hollow, sum(engaged::INT)::BIGINT AS engaged,
            sum(at_home::INT)::BIGINT AS house, sum((days = 1)::INT)::BIGINT AS once, sum(days)::BIGINT AS stays,
            sum(guest::INT)::BIGINT AS guests, sum(after::INT)::BIGINT AS after, sum(work)::BIGINT AS work,
            sum(night)::BIGINT AS night, sum(weekend)::BIGINT AS weekend, max(t.devices) AS devices,
            max(t.networks) AS networks, max(t.units) AS units, sum(housed::INT)::BIGINT AS housed,
            epoch(max(last)) - epoch(min(first)) AS life_seconds
        FROM known k JOIN things t ON t.kind = k.kind AND t.value = k.value GROUP BY ALL ORDER BY k.kind, k.value
    """
