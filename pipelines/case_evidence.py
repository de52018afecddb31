"""What the tables of a shop tell of flagged accounts: one bounded document per ring or account.

In: the folder that the flags were made of. Out: ``Brought`` (``serving.review.evidence.brought``), which goes to the
review desk with the flags. Identifiers leave here only as keyed hashes, the ledger's own: a device in the tables
and the same device at a claim are one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from models.abuse.identifiers import device_key, ip_key
from pipelines.evidence_places import KEY, OLD_DAYS, places
from pipelines.evidence_rows import Rows
from serving.coupons.money import MAX_CENTS
from serving.privacy import Hasher
from serving.review.evidence.brought import (
    COUPONS,
    LINES,
    MEMBERS,
    SIGHTS,
    THINGS,
    Account,
    Brought,
    Cents,
    Place,
    Sums,
)
from serving.review.evidence.parts import WHATS, Moment, Sight

ALLOW = "allow"
_ID = re.compile(r"[\x21-\x7e]{1,120}")
_LINE = ["subject", "at", "user_id", "what", "coupon_id", "template_id", "order_id", "cents"]
_MONEY = ("unused", "redeemed", "refunded")
_USABLE = {"device": device_key, "ip": ip_key}


def evidence_of_flags(
    con: Any,
    tables: Mapping[str, Any],
    folder: Path,
    flags: pd.DataFrame,
    as_of: datetime | None,
    key: str,
    models: Mapping[str, str],
) -> Iterator[Brought]:
    """One per ring and lone account, by subject."""
    members = _members(flags)
    if members.empty:
        return
    rows = Rows(con, tables, members, as_of)
    sights = _hashed(rows.sightings(), key)
    accounts, coupons = rows.accounts(), rows.coupons(folder)
    things = _things(rows, sights, accounts)
    parts = {
        "accounts": accounts,
        "coupons": coupons,
        "sights": sights,
        "things": things,
        "lines": _lines(rows, accounts, coupons),
    }
    grouped = {name: dict(iter(frame.groupby("subject", sort=False))) for name, frame in parts.items()}
    for subject in sorted(grouped["accounts"]):
        of = {name: found.get(subject, parts[name].iloc[:0]) for name, found in grouped.items()}
        yield _brought(subject, of, rows.as_of, models)


def _members(flags: pd.DataFrame) -> pd.DataFrame:
    """(user_id, subject, place): everybody flagged, the strongest of each ring first."""
    found = flags[flags["action"] != ALLOW].sort_values(["score", "user_id"], ascending=[False, True])
    ring = found["ring_id"].astype(object)
    subject = ("ring:" + ring.astype(str)).where(ring.notna(), "user:" + found["user_id"].astype(str))
    members = pd.DataFrame({"user_id": found["user_id"].astype(str), "subject": subject.astype(str)})
    return members.assign(place=members.groupby("subject").cumcount()).reset_index(drop=True)


def _hashed(seen: pd.DataFrame, key: str) -> pd.DataFrame:
    """Sightings with the ``value`` of each thing; what may not link is left out, spellings of one thing are one."""
    hasher = Hasher(key)
    texts = seen[["kind", "raw", "hashed"]].drop_duplicates()
    values = [_value(hasher, *row) for row in texts.itertuples(index=False)]
    return seen.merge(texts.assign(value=pd.Series(values, index=texts.index, dtype=object)).dropna(subset=["value"]))


def _value(hasher: Hasher, kind: str, raw: str, hashed: bool) -> str | None:
    if hashed and len(raw) == 32:
        return raw
    if kind in ("phone", "identity"):
        return hasher(f"{kind}_token", raw)  # a token is the shop's own name of a number, not a number to be levelled
    usable = _USABLE.get(kind)
    return hasher(kind, raw) if usable is None or usable(raw) is not None else None


def _things(rows: Rows, sights: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """(subject, kind, value, members, outsiders, settled, hub, first_seen, last_seen): things that tell something."""
    each = sights.drop_duplicates(["subject", *KEY, "user_id"])
    count = each.groupby(["subject", *KEY], as_index=False).agg(members=("user_id", "size"))
    size = accounts.groupby("subject").size()
    shared = count[(count["members"] > 1) | (count["subject"].map(size) == 1)]
    spelt = sights[[*KEY, "raw", "hashed"]].drop_duplicates().merge(shared[KEY].drop_duplicates())
    found = shared.merge(places(rows, spelt), on=KEY)
    found["outsiders"] = (found["accounts"] - found["members"]).clip(lower=0)
    found["settled"] = found[["settled", "outsiders"]].min(axis=1)
    found = found[(found["members"] > 1) | (found["outsiders"] > 0)]
    return found.sort_values(["subject", "members", *KEY], ascending=[True, False, True, True], ignore_index=True)


def _lines(rows: Rows, accounts: pd.DataFrame, coupons: pd.DataFrame) -> pd.DataFrame:
    """(subject, at, user_id, what, coupon_id, template_id, order_id, cents): what the listed members did."""
    listed = coupons[coupons["place"] < MEMBERS]
    parts = [accounts[accounts["place"] < MEMBERS].dropna(subset=["registered_at"]).assign(what="registered")]
    parts[0] = parts[0].rename(columns={"registered_at": "at"})[["subject", "at", "user_id", "what"]]
    if "redeemed" in listed.columns:
        about = ["subject", "user_id", "coupon_id", "template_id"]
        claims = listed.assign(what="claim", cents=listed["face"])[[*about, "what", "at", "cents"]]
        paid = listed.dropna(subset=["redeemed_at"]).drop(columns="at").rename(columns={"redeemed_at": "at"})
        paid = paid.assign(what="redemption", cents=paid["redeemed"])[[*about, "what", "at", "order_id", "cents"]]
        parts += [claims, paid]
    orders = rows.orders()
    if "order_id" in listed.columns:
        orders = orders[~orders["order_id"].isin(set(listed["order_id"].dropna()))]
    parts.append(orders.assign(what="order"))
    # Columns that a part lacks are empty objects: what is missing changes no type of the others.
    found = pd.concat([part.reindex(columns=_LINE).astype(object) for part in parts], ignore_index=True)
    return found.assign(at=pd.to_datetime(found["at"]))


def _brought(subject: str, of: Mapping[str, pd.DataFrame], as_of: datetime, models: Mapping[str, str]) -> Brought:
    accounts, coupons, things = of["accounts"], of["coupons"], of["things"]
    listed = accounts[accounts["place"] < MEMBERS]
    sights = _sights(of["sights"])
    lines = of["lines"].assign(order=of["lines"]["what"].map(WHATS.index))
    lines = lines.sort_values(["at", "order", "user_id", "coupon_id"], na_position="first")
    return Brought(
        subject,
        as_of,
        tuple(sorted(models.items())),
        tuple(Account(r.user_id, _time(r.registered_at), int(r.orders)) for r in listed.itertuples()),
        tuple(_cents(coupons)),
        tuple(sights),
        tuple(
            Place(r.kind, r.value, int(r.members), int(r.outsiders), int(r.settled), r.hub, *_ends(r))
            for r in things.head(THINGS).itertuples()
        ),
        tuple(_moment(r) for r in lines.tail(LINES).itertuples()),
        len(lines) > LINES,
        _sums(accounts, coupons, things),
    )


def _sights(seen: pd.DataFrame) -> Iterable[Sight]:
    """The listed members' sights, those of the strongest members first where there are too many."""
    by = ["place", "user_id", *KEY]
    seen = seen[seen["place"] < MEMBERS].groupby(by, as_index=False, sort=True)
    whole = seen.agg(first_seen=("first_seen", "min"), last_seen=("last_seen", "max"), times=("times", "sum"))
    for row in whole.head(SIGHTS).itertuples():
        yield Sight(row.user_id, row.kind, row.value, *_ends(row), int(row.times))


def _cents(coupons: pd.DataFrame) -> Iterable[Cents]:
    if "redeemed" not in coupons.columns:
        return
    for row in coupons[coupons["coupon_id"].map(_text).notna()].head(COUPONS).itertuples():
        yield Cents(row.coupon_id, row.user_id, _whole(row.unused), _whole(row.redeemed), _whole(row.refunded))


def _sums(accounts: pd.DataFrame, coupons: pd.DataFrame, things: pd.DataFrame) -> Sums:
    money = {name: _whole(coupons[name].sum()) if name in coupons.columns else 0 for name in _MONEY}
    templates = coupons["template_id"].nunique() if "template_id" in coupons.columns else 0
    return Sums(
        len(accounts),
        _old(accounts, coupons),
        int((accounts["own_orders"] > 0).sum()),
        len(coupons),
        money["unused"],
        money["redeemed"],
        money["refunded"],
        int(templates),
        len(things),
        _time(coupons["at"].min()) if len(coupons) else None,
        _time(coupons["at"].max()) if len(coupons) else None,
    )


def _old(accounts: pd.DataFrame, coupons: pd.DataFrame) -> int:
    """Accounts that had been registered for thirty days at their first claim."""
    if not len(coupons):
        return 0
    first = accounts["user_id"].map(coupons.groupby("user_id")["at"].min())
    return int((first - accounts["registered_at"] >= pd.Timedelta(days=OLD_DAYS)).sum())


def _moment(row: Any) -> Moment:
    cents = None if pd.isna(row.cents) else _whole(row.cents)
    texts = (_text(row.coupon_id), _text(row.template_id), _text(row.order_id))
    return Moment(row.at.to_pydatetime(), row.user_id, row.what, *texts, cents)


def _whole(cents: Any) -> int:
    """Cents as the desk takes them: amounts that no shop has are cut."""
    return min(max(int(cents), 0), MAX_CENTS)


def _text(value: Any) -> str | None:
    """An id as the desk takes them; one that it would refuse is left out, not the flags with it."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _ends(row: Any) -> tuple[datetime, datetime]:
    return row.first_seen.to_pydatetime(), row.last_seen.to_pydatetime()


def _time(value: Any) -> datetime | None:
    return None if pd.isna(value) else value.to_pydatetime()
