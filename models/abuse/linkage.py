"""Who else was here, since when, and what for: linkage features of every spine row, past only.

For each kind of value (device, IP, its block, address, person) the other accounts that had arrived on the row's value
are counted in windows, with what was known of them: how new they were, whether they too had claimed the same template,
whether they use the shop for more than coupons, whether they also have a device elsewhere. Farms and hubs both have
many accounts; these tell them apart. Counts are of *other* accounts and strictly before the row.
"""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table

from models.abuse.marks import DAY, HOUR, WINDOWS, others_before, sums_before
from models.abuse.shop import Shop

NEW_ACCOUNT_DAYS = 7
WOKEN_AS_NEW = 0.5  # how far an old account that was never used before counts as a new one
KINDS = ("device", "ip", "block", "address")


def linked(shop: Shop, spine: Table) -> pd.DataFrame:
    """The spine with linkage columns ``<kind>_<what>_<window>``; a value that links nothing counts zero."""
    parts = [part for kind in KINDS for part in _of_kind(shop, spine, kind)]
    parts += [_person(shop, spine), _template(spine), _delivery(shop, spine), *_merchant(spine)]
    base = shop.con.to_pandas(spine).sort_values("row", ignore_index=True)
    columns: dict[str, np.ndarray] = {}
    for part in parts:  # fetched one by one into narrow columns: a join of all of them would hold the table twice
        found = shop.con.to_pandas(part)
        at = found.pop("row").to_numpy(np.int64)
        for name in found.columns:
            column = np.zeros(len(base), np.float32)
            column[at] = found[name].to_numpy(np.float32)
            columns[name] = column
    return pd.concat([base, pd.DataFrame(columns)], axis=1)


def _of_kind(shop: Shop, spine: Table, kind: str) -> list[Table]:
    asks = spine.select("row", "us", "user_id", key=spine[kind])
    met = shop.met[kind]
    users = shop.users.select("user_id", registered="us")
    arrived = met.left_join(users, "user_id").drop("user_id_right")
    age = (arrived.us - ibis.coalesce(arrived.registered, arrived.us)) / DAY
    arrivals = arrived.mutate(
        n=ibis.literal(1.0), new=(age < NEW_ACCOUNT_DAYS).cast("float64"), old=(age > 30).cast("float64")
    )
    parts = [_named(others_before(asks, arrivals, ["n", "new", "old"], WINDOWS), kind)]

    engaged = _since_both(met, shop.engaged)
    elsewhere = _own_elsewhere(met) if kind == "device" else _since_both(met, _second(shop.met["device"]))
    known = ibis.union(
        engaged.mutate(engaged=ibis.literal(1.0), elsewhere=ibis.literal(0.0)),
        elsewhere.mutate(engaged=ibis.literal(0.0), elsewhere=ibis.literal(1.0)),
    )
    parts.append(_named(others_before(asks, known, ["engaged", "elsewhere"], {"ever": None}), kind))

    claimed = spine.filter(spine.kind != "touch", spine[kind].notnull())
    same_key = claimed[kind] + "|" + claimed.template
    first = (
        claimed.mutate(key=same_key)
        .group_by(["key", "user_id"])
        .aggregate(
            us=lambda t: t.us.min(),
            age=lambda t: t.age_days.argmin(t.us),
            bare=lambda t: t.bare.argmin(t.us),
            idle=lambda t: t.idle.argmin(t.us),
        )
    )
    fresh = (first.age < NEW_ACCOUNT_DAYS).cast("float64")
    # The root: a few looks around must not hide an account among others who came for the same coupon.
    there_for_it = first.bare.sqrt() * ibis.greatest(fresh, WOKEN_AS_NEW * first.idle)
    claims = first.mutate(same=ibis.literal(1.0), same_new=fresh, same_bare=there_for_it)
    asks_same = spine.select("row", "us", "user_id", key=spine[kind] + "|" + spine.template)
    weights = ["same", "same_new", "same_bare"]
    parts.append(_named(others_before(asks_same, claims, weights, WINDOWS), kind))

    drained = claimed.filter(claimed.drain > 0).select("user_id", "us", key=kind, drained=ibis.literal(1.0))
    drains = drained.group_by(["key", "user_id"]).aggregate(us=drained.us.min(), drained=drained.drained.max())
    parts.append(_named(others_before(asks, drains, ["drained"], {"7d": 7 * DAY}), kind))

    asks_any = asks.drop("user_id")
    if kind == "device":
        house = shop.house.mutate(house=ibis.literal(1.0))
        parts.append(_named(sums_before(asks_any, house, ["house"], {"ever": None}), kind))
    if kind in ("device", "address"):
        parts.append(_named(_rhythm(asks_any, claims.mutate(key=claims.key.split("|")[0])), kind))
    other_kinds = {
        "device": ("block", "address"),
        "ip": ("device",),
        "block": ("device",),
        "address": ("device", "block"),
    }
    for other in other_kinds[kind]:
        pairs = shop.touches.filter(shop.touches[kind].notnull(), shop.touches[other].notnull())
        first_pair = pairs.group_by(key=pairs[kind], other=pairs[other]).aggregate(us=pairs.us.min())
        plural = f"{other}es" if other == "address" else f"{other}s"
        marks = first_pair.mutate(**{plural: ibis.literal(1.0)})
        parts.append(_named(sums_before(asks_any, marks, [plural], {"ever": None}), kind))
    return parts


def _named(part: Table, kind: str) -> Table:
    return part.rename({f"{kind}_{name}": name for name in part.columns if name != "row"})


def _since_both(met: Table, since: Table) -> Table:
    """(key, user_id, us): from when an account that arrived on a value is also known for something else."""
    both = met.join(since.rename(other="us"), "user_id")
    return both.select("key", "user_id", us=ibis.greatest(both.us, both.other))


def _second(met: Table) -> Table:
    """(user_id, us): when an account was first seen with its second different value of a kind."""
    ranked = met.mutate(rank=ibis.row_number().over(group_by="user_id", order_by=["us", "key"]))
    return ranked.filter(ranked.rank == 1).select("user_id", "us")


def _own_elsewhere(met: Table) -> Table:
    """(key, user_id, us): from when an account on a device is also known on a device of its own, where it came first.

    Devices of a farm do not count: an account that moves between them is the first on none but one.
    """
    came = met.mutate(place=ibis.row_number().over(group_by="key", order_by=["us", "user_id"]))
    own = came.filter(came.place == 0).select("user_id", own="key", since="us")
    both = met.join(own, "user_id")
    both = both.filter(both.key != both.own)
    moments = both.select("key", "user_id", us=ibis.greatest(both.us, both.since))
    return moments.group_by(["key", "user_id"]).aggregate(us=moments.us.min())


def _rhythm(asks: Table, claims: Table) -> Table:
    """Days between the accounts that claimed on a value: how many gaps, their mean and how even they are (0 to 1).

    A slow drip is even; families and second owners are not. Evenness is 1/(1 + variance/mean²) over three gaps or more.
    """
    first = claims.group_by(["key", "user_id"]).aggregate(us=claims.us.min())
    gap = (first.us - first.us.lag().over(ibis.window(group_by="key", order_by=["us", "user_id"]))) / DAY
    gaps = first.mutate(gap=gap).filter(lambda t: t.gap.notnull())
    marks = gaps.mutate(gaps=ibis.literal(1.0), gap=gaps.gap, square=gaps.gap * gaps.gap)
    sums = sums_before(asks, marks, ["gaps", "gap", "square"], {"ever": None})
    mean = sums.gap_ever / ibis.greatest(sums.gaps_ever, 1.0)
    spread = sums.square_ever / ibis.greatest(sums.gaps_ever, 1.0) - mean * mean
    even = ibis.ifelse(
        sums.gaps_ever >= 2, 1.0 / (1.0 + ibis.greatest(spread, 0.0) / ibis.greatest(mean * mean, 1e-9)), 0.0
    )
    return sums.select("row", gaps="gaps_ever", gap_mean_days=mean, even=even)


def _person(shop: Shop, spine: Table) -> Table:
    """Other accounts with the same phone or identity token, and the earliest known of them, in days."""
    counts = []
    for token in ("phone", "identity"):
        known = shop.users.filter(shop.users[token].notnull())
        marks = known.select("user_id", "us", key=token, n=ibis.literal(1.0))
        asks = spine.select("row", "us", "user_id", key=token)
        counts.append(others_before(asks, marks, ["n"], {"ever": None}))
    both = ibis.union(*counts)
    return both.group_by("row").aggregate(person_n_ever=both.n_ever.max())


def _template(spine: Table) -> Table:
    """How a template was being claimed: by how many accounts of a day, in the last minutes against the week before."""
    claims = spine.filter(spine.kind == "claim")
    asks = claims.select("row", "us", key="template")
    fresh = (claims.age_days < 1).cast("float64")
    marks = claims.select(key="template", us="us", all=ibis.literal(1.0), fresh=fresh, bare=claims.bare * fresh)
    windows: Mapping[str, int | None] = {"10m": HOUR // 6, "7d": 7 * DAY}
    sums = sums_before(asks, marks, ["all", "fresh", "bare"], windows)
    expected = (sums.bare_7d - sums.bare_10m) / (7 * 24 * 6)
    return sums.select(
        "row",
        template_claims_10m="all_10m",
        template_fresh_10m="fresh_10m",
        template_bare_10m="bare_10m",
        template_fresh_share=sums.fresh_7d / (sums.all_7d + 5.0),
        template_burst=(sums.bare_10m + 0.5) / (expected + 0.5),
    )


def _delivery(shop: Shop, spine: Table) -> Table:
    """Whose parcels go to the address: accounts to whom it was strange, and accounts that paid in full there."""
    orders = spine.filter(spine.kind == "order", spine.address.notnull())
    asks = orders.select("row", "us", "user_id", key="address")
    odd = orders.filter(orders.strange > 0).group_by(key="address", user_id="user_id")
    strange = odd.aggregate(us=lambda t: t.us.min(), strange=lambda t: t.strange.max()).mutate(full=ibis.literal(0.0))
    paid = shop.orders.filter(shop.orders.discount <= 0, shop.orders.address.notnull())
    first = paid.group_by(key="address", user_id="user_id").aggregate(us=paid.us.min())
    full = first.mutate(strange=ibis.literal(0.0), full=ibis.literal(1.0))
    both = ibis.union(strange, full.select(*strange.columns))
    counts = others_before(asks, both, ["strange", "full"], {"7d": 7 * DAY, "30d": 30 * DAY, "ever": None})
    return _named(counts.drop("full_7d", "full_30d"), "delivery")


def _merchant(spine: Table) -> list[Table]:
    """How far a merchant lives on accounts that come back with coupons, and how far the account lives on it.

    ``merchant_returns_*``: other accounts that had come back to the merchant with a coupon within a week, each counted
    once, by the share of its coupon orders that this merchant had; ``trade_*``: the same and all coupon orders of the
    whole shop, which say what is usual here.
    """
    spent = spine.filter(spine.merchant.notnull())
    asks = spent.select("row", "us", "user_id", key="merchant")
    own_key = spent.user_id + "|" + spent.merchant
    visits = spent.select("row", "us", key=own_key)
    mine = sums_before(
        visits, visits.select("us", "key", spends=ibis.literal(1.0)), ["spends"], {"7d": 7 * DAY, "30d": 30 * DAY}
    )
    # An account that comes back with a coupon within days: normal once, remarkable when many do it at one merchant.
    back = spent.join(mine, "row").filter(lambda t: t.spends_7d > 0)
    back = back.mutate(share=ibis.least(back.spends_30d / ibis.greatest(back.spends_ever, 1.0), 1.0))
    returns = back.group_by(key="merchant", user_id="user_id").aggregate(
        us=lambda t: t.us.min(), returns=lambda t: t.share.argmin(t.us)
    )
    marks = ibis.union(
        spent.select("user_id", "us", key="merchant", spends=ibis.literal(1.0), returns=ibis.literal(0.0)),
        returns.select("user_id", "us", "key", spends=ibis.literal(0.0), returns="returns"),
    )
    weights = ["spends", "returns"]
    of_merchant = others_before(asks, marks, weights, {"7d": 7 * DAY, "30d": 30 * DAY})
    everywhere = marks.mutate(key=ibis.literal("all"))
    of_trade = sums_before(asks.mutate(key=ibis.literal("all")), everywhere, weights, {"30d": 30 * DAY})
    return [_named(of_merchant, "merchant"), _named(of_trade, "trade"), _named(mine, "own_merchant")]
