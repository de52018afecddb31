"""Who shares a thing: counts per device, network or address, from sightings strictly before a moment.

In: prepared tables with ``sightings`` (``features.links``). Out: one row per key with the columns of ``COUNTS``; keys
that nobody was seen with do not appear. Counts only, no shares, so that two engines agree to the last bit and whoever
reads them can add what they like. A user without a registration time counts as new: nobody vouches for it.

An account is *new* on a thing when it came within a week of its registration, and *engaged* once it has placed an order
without a discount or was active on four different days. *Hollow* is a new account that claimed a coupon here and is
not engaged: what a farm consists of, and what every gateway has a few of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import ibis

from features.clock import local_day, local_hour, local_seconds, local_weekday
from features.definition import SECONDS_A_DAY, Tables, epoch
from features.engaged import engaged_since

NEW_DAYS = 7
SHORT_STAY = (1, 10)
"""Days from the first to the last sighting of a guest."""

COLUMNS: Mapping[str, str] = {"device": "device", "ip": "network", "address": "unit", "building": "building"}
"""Kinds of shared things and their column in ``sightings``."""

COUNTS: Mapping[str, str] = {
    "accounts": "accounts seen on it",
    "sightings": "sightings on it",
    "new": "accounts new when they came",
    "claimers": "accounts that claimed a coupon on it",
    "hollow": "new accounts that claimed on it and are not engaged",
    "engaged": "accounts that use the shop for more than coupons",
    "house": "accounts seen on it as a terminal of the shop",
    "once": "accounts seen on one day only",
    "stays": "days on which an account was seen on it, summed over accounts",
    "guests": "accounts that stayed between one and ten days",
    "after": "accounts that came after the one before had left for good",
    "work": "sightings from Monday to Friday, 9 to 18",
    "night": "sightings from 0 to 6",
    "weekend": "sightings on Saturday and Sunday",
    "devices": "different devices seen on it",
    "networks": "different networks seen with it",
    "units": "different doors that orders and claims on it named",
    "housed": "accounts that named a door on it",
    "life_seconds": "from the first sighting to the last",
}


def hub_facts(tables: Tables, kind: str, at: datetime, timezone: str) -> Any:
    """(key, counts): what was known before ``at`` (naive UTC) of every thing of a kind of ``COLUMNS``.

    Hours and days are those of the shop's clock.
    """
    moment = ibis.literal(at).cast("timestamp")
    seen = tables["sightings"].filter(tables["sightings"].seen_at < moment)
    local = local_seconds(seen.seen_at, timezone)
    seen = seen.mutate(day=local_day(local), hour=local_hour(local), weekday=local_weekday(local))
    here = seen.mutate(key=seen[COLUMNS[kind]]).filter(lambda t: t.key.notnull())
    pairs = _accounts_of(here, tables["users"], engaged_since(tables), moment)
    counts = pairs.group_by("key").aggregate(
        accounts=pairs.count(),
        **{name: pairs[name].sum() for name in ("sightings", "work", "night", "weekend")},
        stays=pairs.days.sum(),
        **{
            name: pairs[name].cast("int64").sum()
            for name in ("new", "engaged", "guests", "after", "claimed", "hollow", "at_home", "once", "named")
        },
        life_seconds=epoch(pairs["last"].max()) - epoch(pairs["first"].min()),
    )
    counts = counts.rename(claimers="claimed", house="at_home", housed="named")
    things = here.group_by("key").aggregate(
        devices=here.device.nunique(), networks=here.network.nunique(), units=here.unit.nunique()
    )
    return counts.join(things, "key").select("key", **{name: ibis._[name].cast("int64") for name in COUNTS})


def _accounts_of(here: Any, users: Any, engaged: Any, moment: Any) -> Any:
    """One row per thing and account, with yes-or-no columns for what is counted."""
    office = (here.weekday < 5) & (here.hour >= 9) & (here.hour < 18)
    pairs = here.group_by(["key", "user_id"]).aggregate(
        first=here.seen_at.min(),
        last=here.seen_at.max(),
        sightings=here.count(),
        days=here.day.nunique(),
        work=office.cast("int64").sum(),
        night=(here.hour < 6).cast("int64").sum(),
        weekend=(here.weekday >= 5).cast("int64").sum(),
        claims=(here.source == "coupons").cast("int64").sum(),
        doors=here.unit.count(),
        house=here.house.cast("int64").max(),
    )
    known = users.select("user_id", "registered_at")
    pairs = pairs.left_join(known, "user_id").drop("user_id_right").left_join(engaged, "user_id").drop("user_id_right")
    came = ibis.window(group_by="key", order_by=["first", "user_id"])
    stay = epoch(pairs["last"]) - epoch(pairs["first"])
    shortest, longest = (days * SECONDS_A_DAY for days in SHORT_STAY)
    aged = epoch(pairs["first"]) - epoch(pairs.registered_at)
    pairs = pairs.mutate(
        engaged=(pairs.engaged_at < moment).fill_null(False),
        new=(aged < NEW_DAYS * SECONDS_A_DAY).fill_null(True),
        guests=(stay >= shortest) & (stay <= longest),
        after=(pairs["first"] > pairs["last"].lag().over(came)).fill_null(False),
        claimed=pairs.claims > 0,
        at_home=pairs.house > 0,
        once=pairs.days == 1,
        named=pairs.doors > 0,
    )
    return pairs.mutate(hollow=pairs.new & pairs.claimed & ~pairs.engaged)
