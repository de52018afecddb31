"""Random small shops as data frames: few users, much sharing, nulls, junk identifiers, ties in time."""

from __future__ import annotations

import numpy as np
import pandas as pd

START = np.datetime64("2026-03-01T00:00:00", "us")
DAYS = 100
DEVICES = ["d1", "d2", "d3", "d4", None, "unknown", "0000"]
IPS = ["8.8.8.8", "9.1.2.3", "114.1.1.1", "10.0.0.1", "192.168.1.4", "100.64.3.2", None, ""]
ADDRESSES = [
    "上海市浦东新区世纪大道100号3号楼2单元501室",
    "上海浦东新区 世纪大道100号 三栋2单元501",
    "Apt 5, 12 Main Street, Springfield",
    "12 MAIN ST. #5 Springfield",
    "12 Main Street, Springfield",
    None,
    "unknown",
]
CATEGORIES = ["fruit", "books", "beauty", "toys"]
KINDS = ["view", "view", "view", "add_to_cart", "add_to_cart", "remove_from_cart", "checkout", "cancel", "share",
         "sign_in", "review", "search"]  # fmt: skip
TEMPLATES = ["t1", "t2", "t3"]


def small_shop(
    seed: int, users: int = 8, orders: int = 60, events: int = 250, coupons: int = 50
) -> dict[str, pd.DataFrame]:
    """All tables that features read; times have microseconds and some fall on midnights and on each other."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"u{i}" for i in range(users)], dtype=object)
    moments = _times(rng, 40)

    def times(n: int) -> np.ndarray:
        return np.where(rng.random(n) < 0.3, rng.choice(moments, n), _times(rng, n))

    def pick(values: list, n: int) -> np.ndarray:
        return np.array(values, dtype=object)[rng.integers(0, len(values), n)]

    def maybe(values: np.ndarray, share: float) -> pd.Series:
        return pd.Series(values).mask(rng.random(len(values)) < share)

    registered = START + (rng.random(users) * 60 * 86_400e6).astype("timedelta64[us]") - np.timedelta64(20, "D")
    tables = {
        "users": pd.DataFrame(
            {
                "user_id": ids,
                "registered_at": registered,
                "member_tier": pick(["gold", "silver", None], users),
                "acquisition_channel": pick(["ad", "friend"], users),
                "phone_token": pick(["p1", "p2", "p3", None], users),
                "identity_token": pick(["i1", "i2", "i3", None], users),
            }
        )
    }
    placed = times(orders)
    goods = rng.integers(100, 30_000, orders)
    discount = np.where(rng.random(orders) < 0.4, goods // 7, 0)
    tables["orders"] = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(orders)],
            "user_id": ids[rng.integers(0, users, orders)],
            "placed_at": placed,
            "paid_at": maybe(placed + (rng.random(orders) * 2 * 86_400e6).astype("timedelta64[us]"), 0.2),
            "state": pick(["pending", "paid", "shipped", "completed", "cancelled", "refunded"], orders),
            "goods_cents": goods,
            "freight_cents": 0,
            "discount_cents": discount,
            "paid_cents": goods - discount,
            "margin_cents": goods // 3 - discount,
            "device_id": pick(DEVICES, orders),
            "ip": pick(IPS, orders),
            "address": pick(ADDRESSES, orders),
        }
    )
    lines = orders * 2
    tables["order_lines"] = pd.DataFrame(
        {
            "order_id": [f"o{i // 2}" for i in range(lines)],
            "line_no": np.tile([1, 2], orders),
            "sku": "s",
            "category": pick(CATEGORIES, lines),
            "quantity": rng.integers(1, 4, lines),
            "unit_price_cents": rng.integers(100, 9000, lines),
            "unit_cost_cents": 50,
            "discount_cents": 0,
        }
    )
    tables["events"] = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(events)],
            "user_id": ids[rng.integers(0, users, events)],
            "occurred_at": times(events),
            "kind": pick(KINDS, events),
            "category": pick([*CATEGORIES, None], events),
            "dwell_seconds": maybe(rng.integers(0, 400, events).astype(float), 0.3),
            "terminal": "app",
            "device_id": pick(DEVICES, events),
            "ip": pick(IPS, events),
        }
    )
    claimed = times(coupons)
    redeemed = maybe(claimed + (rng.random(coupons) * 12 * 86_400e6).astype("timedelta64[us]"), 0.5)
    decisions = 30
    tables["coupons"] = pd.DataFrame(
        {
            "coupon_id": [f"c{i}" for i in range(coupons)],
            "template_id": pick(TEMPLATES, coupons),
            "user_id": ids[rng.integers(0, users, coupons)],
            "decision_id": pick([*(f"x{i}" for i in range(decisions)), None], coupons),
            "claimed_at": claimed,
            "valid_from": claimed,
            "valid_until": claimed + np.timedelta64(7, "D"),
            "state": "unused",
            "redeemed_at": redeemed,
            "order_id": pd.Series(pick([f"o{i}" for i in range(orders)], coupons)).mask(redeemed.isna()),
            "discount_cents": pd.Series(rng.integers(100, 2000, coupons)).astype("Int64").mask(redeemed.isna()),
            "device_id": pick(DEVICES, coupons),
            "ip": pick(IPS, coupons),
            "address": pick(ADDRESSES, coupons),
        }
    )
    tables["templates"] = pd.DataFrame(
        {
            "template_id": TEMPLATES,
            "kind": ["threshold_cut", "percent", "no_threshold"],
            "face_cents": pd.array([1000, None, 800], dtype="Int64"),
            "minimum_cents": pd.array([10_000, 5000, 0], dtype="Int64"),
            "percent_off": [np.nan, 10.0, np.nan],
            "cap_cents": pd.array([None, 3000, None], dtype="Int64"),
            "scope": "all",
            "valid_days": pd.array([7, 7, 7], dtype="Int64"),
        }
    )
    tables["decisions"] = pd.DataFrame(
        {
            "decision_id": [f"x{i}" for i in range(decisions)],
            "user_id": ids[rng.integers(0, users, decisions)],
            "decided_at": times(decisions),
            "trigger": "session",
            "eligible": [["none", "t1"] for _ in range(decisions)],
            "offer": pick(["none", "t1"], decisions),
            "propensity": 0.5,
            "holdout": False,
            "policy_version": "v1",
        }
    )
    return tables


def moments_of(tables: dict[str, pd.DataFrame], seed: int, n: int = 12) -> list[pd.Timestamp]:
    """Moments worth asking about: midnights, exact times of rows, a microsecond after, before everything, after it."""
    rng = np.random.default_rng(seed)
    exact = rng.choice(tables["orders"].placed_at.to_numpy(), n // 3)
    just_after = rng.choice(tables["events"].occurred_at.to_numpy(), n // 3) + np.timedelta64(1, "us")
    midnights = START + rng.integers(0, DAYS, n // 3).astype("timedelta64[D]")
    ends = np.array([START - np.timedelta64(30, "D"), START + np.timedelta64(DAYS + 40, "D")])
    return [
        pd.Timestamp(moment) for moment in np.concatenate([exact, just_after, midnights, ends]).astype("datetime64[us]")
    ]


def before(tables: dict[str, pd.DataFrame], moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The shop as it was known at a moment: later rows are gone and later facts are blank."""
    times = {"users": "registered_at", "orders": "placed_at", "events": "occurred_at", "coupons": "claimed_at",
             "decisions": "decided_at"}  # fmt: skip
    known = {
        name: frame[frame[times[name]] < moment].copy() if name in times else frame for name, frame in tables.items()
    }
    orders, coupons = known["orders"], known["coupons"]
    orders["paid_at"] = orders.paid_at.where(orders.paid_at < moment)
    unused = ~(coupons.redeemed_at < moment)
    for column in ("redeemed_at", "order_id", "discount_cents"):
        coupons[column] = coupons[column].mask(unused)
    known["order_lines"] = known["order_lines"][known["order_lines"].order_id.isin(orders.order_id)]
    return known


def _times(rng: np.random.Generator, n: int) -> np.ndarray:
    times = START + (rng.random(n) * DAYS * 86_400e6).astype("timedelta64[us]")
    return np.where(rng.random(n) < 0.1, times.astype("datetime64[D]").astype("datetime64[us]"), times)
