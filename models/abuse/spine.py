"""The moments at which an account is scored, and what the account itself had done until then.

In: a ``Shop``. Out: one row per claim and per discounted order (every order and every first touch where the shop has no
coupons): row, user_id, us, kind, template, coupon_id, cents, merchant, the identifiers in use and the account's own
past. An identifier that the row itself lacks is the last one that the account showed before.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import Table, Value

from features.engine import keep
from models.abuse.evidence import ORDERS_BARE, UNKNOWN_BARE
from models.abuse.marks import DAY, HOUR, WINDOWS, sums_before
from models.abuse.shop import KEYS, Shop

OWN = (
    "age_days", "minutes_to_claim", "claims_24h", "claims_ever", "spends_24h", "spends_ever", "orders_ever",
    "full_orders_ever", "views_7d", "views_ever", "cancels_30d", "devices_ever", "ips_ever", "addresses_ever",
    "ips_24h", "hours_on_device", "new_device", "new_ip", "new_address", "bare", "drain", "discount_share", "strange",
    "idle",
)  # fmt: skip
FIRST_PARCEL = 0.5  # how strange the first door of a new account is: everybody has one
WOKEN = 0.7  # how strange the first door of an account that had long been there is


def spine_of(shop: Shop) -> Table:
    """Rows to score, with the columns OWN; nothing in a row depends on anything at or after its ``us``."""
    rows = _carried(shop, _moments(shop))
    rows = keep(shop.con, "abuse_moments", rows)
    registered = shop.users.select("user_id", registered="us", phone="phone", identity="identity")
    spine = rows.left_join(registered, "user_id").drop("user_id_right")
    for part in (_history(shop, rows), _novelty(shop, rows)):
        spine = spine.left_join(part, "row").drop("row_right")
    names = [n for n in spine.columns if n.endswith(("_24h", "_7d", "_30d", "_ever"))]
    spine = spine.mutate(**{n: spine[n].fill_null(0.0) for n in names})
    # An account that acts before it is known to exist is as new as can be.
    age = ibis.greatest((spine.us - ibis.coalesce(spine.registered, spine.us)) / DAY, 0.0)
    spine = spine.mutate(
        age_days=age,
        minutes_to_claim=ibis.least(age * 24 * 60, 30.0 * 24 * 60),
        # Without events nobody knows what accounts look at: claims and orders come out of the dark.
        blind=ibis.literal(0.0 if "events" in shop.known else 1.0),
        bare=_bare(spine, shop.known),
    )
    spine = spine.mutate(
        # A parcel of an account in use to a door it never had: a gift, a move, or somebody else's business.
        strange=spine.new_address
        + ibis.ifelse(spine.first_address > 0, ibis.ifelse(age > 14, WOKEN, FIRST_PARCEL * spine.bare), 0.0),
        # An account that woke up today for a coupon is as good as new, however long ago it was registered.
        idle=(
            (age > 7)
            & (spine.bare > 0.45)
            & (spine.claims_ever == spine.claims_24h)
            & (spine.orders_ever == spine.spends_24h)
        ).cast("float64"),
        discount_share=spine.spends_ever / ibis.greatest(spine.orders_ever, 1.0),
    )
    return keep(
        shop.con,
        "abuse_spine",
        spine.mutate(
            # Takeover: a long-lived account, everything about it new at once, coupons going out.
            drain=ibis.ifelse(
                (spine.age_days > 14) & (spine.new_device > 0) & (spine.new_ip > 0),
                (1.0 + spine.new_address) * ibis.least(spine.claims_24h + spine.spends_24h, 5.0),
                0.0,
            )
        ),
    )


def _bare(spine: Table, known: frozenset[str]) -> Value:
    """From 0 to 1: how far nothing but coupons is known of the account; what nobody recorded says nothing."""
    if "events" in known:
        return 1.0 / (1.0 + spine.views_ever / 4.0 + 2.0 * spine.full_orders_ever)
    if "orders" in known:
        return ORDERS_BARE / (1.0 + 2.0 * spine.full_orders_ever)
    return ibis.literal(UNKNOWN_BARE)


def _moments(shop: Shop) -> Table:
    common = ("user_id", "us", *KEYS)
    claims = shop.claims.select(
        *common,
        "template",
        "coupon_id",
        "cents",
        kind=ibis.literal("claim"),
        merchant=ibis.null("string"),
        goods=ibis.null("float64"),
        pieces=ibis.null("float64"),
    )
    spent = shop.orders.filter(shop.orders.discount > 0) if shop.has_claims else shop.orders
    orders = spent.select(
        *common,
        template=ibis.literal(""),
        coupon_id=ibis.null("string"),
        cents=spent.discount,
        kind=ibis.literal("order"),
        merchant=spent.merchant,
        goods=spent.goods,
        pieces=spent.pieces,
    )
    parts = [claims, orders.select(*claims.columns)]
    if not shop.has_claims:
        met = shop.touches.group_by(["user_id", *KEYS]).aggregate(us=shop.touches.us.min())
        parts.append(
            met.select(
                *common,
                template=ibis.literal(""),
                coupon_id=ibis.null("string"),
                cents=ibis.null("float64"),
                kind=ibis.literal("touch"),
                merchant=ibis.null("string"),
                goods=ibis.null("float64"),
                pieces=ibis.null("float64"),
            ).select(*claims.columns)
        )
    rows = ibis.union(*parts)
    # Rows are numbered in an order that later rows cannot disturb: by time first.
    order = [rows.us, rows.user_id, rows.kind, rows.template, rows.coupon_id.fill_null("")]
    return rows.mutate(row=ibis.row_number().over(order_by=order).cast("int64"))


def _carried(shop: Shop, rows: Table) -> Table:
    """Missing identifiers filled with the account's last known ones of the month before."""
    rows = keep(shop.con, "abuse_rows", rows)
    filled = rows
    for key in KEYS:  # only of rows that lack it: most rows lack none but the address
        asks = rows.filter(rows[key].isnull()).select("row", "user_id", "us", told=ibis.null("string"))
        shown = (t.filter(t[key].notnull()) for t in (rows, shop.touches))
        seen = ibis.union(*(t.select("user_id", "us", value=key) for t in shown))
        # max_by would need an ordered aggregate; packing time and key keeps it one window.
        told = seen.semi_join(asks, "user_id").select(
            "user_id", "us", row=ibis.null("int64"), told=seen.us.cast("string").lpad(20, "0") + seen.value
        )
        both = ibis.union(asks, told.select(*asks.columns))
        frame = ibis.range_window(group_by="user_id", order_by="us", preceding=(30 * DAY, 1))
        last = both.mutate(last=both.told.max().over(frame)).filter(lambda t: t.row.notnull()).select("row", "last")
        filled = filled.left_join(last, "row").drop("row_right")
        filled = filled.mutate(**{key: ibis.coalesce(filled[key], filled["last"].substr(20))}).drop("last")
    return filled


def _history(shop: Shop, rows: Table) -> Table:
    """What the account had done: sums of its own marks before each row."""
    asks = rows.select("row", "us", key=rows.user_id)
    orders = shop.orders
    marks = {
        "claims": shop.claims.select(key="user_id", us="us", claims=ibis.literal(1.0)),
        "spends": orders.select(key="user_id", us="us", spends=(orders.discount > 0).cast("float64")),
        "orders": orders.select(key="user_id", us="us", orders=ibis.literal(1.0)),
        "full_orders": orders.select(key="user_id", us="us", full_orders=(orders.discount <= 0).cast("float64")),
        "views": shop.acts.select(key="user_id", us="us", views="views"),
        "cancels": shop.acts.select(key="user_id", us="us", cancels="cancels"),
    }
    names = list(marks)
    both = ibis.union(
        *(
            m.select("key", "us", **{n: (m[n].cast("float64") if n == own else ibis.literal(0.0)) for n in names})
            for own, m in marks.items()
        )
    )
    windows = {name: WINDOWS[name] for name in ("24h", "7d", "30d", "ever")}
    sums = sums_before(asks, both, names, windows)
    kept = [n for n in OWN if n in sums.columns]
    return sums.select("row", *kept)


def _novelty(shop: Shop, rows: Table) -> Table:
    """How many identifiers the account had shown, and whether today's are news to it."""
    seen = {}
    parts = rows.select("row")
    for kind in ("device", "ip", "address"):
        met = shop.met[kind]
        marks = met.select(key="user_id", us="us", n=ibis.literal(1.0))
        asks = rows.select("row", "us", key=rows.user_id)
        plural = f"{kind}{'es' if kind == 'address' else 's'}"
        counts = sums_before(asks, marks, ["n"], {"24h": DAY, "ever": None}).rename(
            {f"{plural}_24h": "n_24h", f"{plural}_ever": "n_ever"}
        )
        here = rows.select("row", "us", "user_id", key=rows[kind]).join(met.rename(first="us"), ["user_id", "key"])
        age = here.filter(here.first < here.us).select("row", **{f"hours_on_{kind}": (here.us - here.first) / HOUR})
        parts = parts.left_join(counts, "row").drop("row_right").left_join(age, "row").drop("row_right")
        seen[kind] = plural
    news = {
        f"new_{kind}": (
            (parts[f"{plural}_ever"].fill_null(0.0) - parts[f"{plural}_24h"].fill_null(0.0) > 0)
            & (parts[f"hours_on_{kind}"].fill_null(0.0) < 24)
        ).cast("float64")
        for kind, plural in seen.items()
    }
    # A claim of the same hour may have told the address already: what counts is that none was known the day before.
    before = parts.addresses_ever.fill_null(0.0) - parts.addresses_24h.fill_null(0.0)
    first = ((before <= 0) & (parts.hours_on_address.fill_null(0.0) < 24)).cast("float64")
    return parts.mutate(**news, first_address=first).drop("hours_on_ip", "hours_on_address")
