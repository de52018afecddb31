"""Every feature once more, in plain Python loops over rows: slow, and nothing in common with the definitions."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from features.address import normalise

Row = dict
NAN = math.nan
LOCAL = ZoneInfo("Asia/Shanghai")
UTC = ZoneInfo("UTC")
LENGTHS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
           "90d": timedelta(days=90), "life": None}  # fmt: skip


def rows_of(tables: dict[str, pd.DataFrame]) -> dict[str, list[Row]]:
    """Frames as lists of dicts with None for every kind of missing value and naive datetimes."""

    def clean(value: object) -> object:
        if isinstance(value, list):
            return value
        if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return None
        return value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value

    return {
        name: [{key: clean(value) for key, value in row.items()} for row in frame.to_dict("records")]
        for name, frame in tables.items()
    }


def inside(time: datetime | None, moment: datetime, window: str) -> bool:
    """moment − w ≤ time < moment."""
    length = LENGTHS[window]
    return time is not None and time < moment and (length is None or time >= moment - length)


def days(later: datetime, earlier: datetime | None) -> float:
    if earlier is None:
        return NAN
    return (later.replace(microsecond=0) - earlier.replace(microsecond=0)).total_seconds() / 86_400


def share(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else NAN


def spread(counts: Counter) -> float:
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values() if n) if total else NAN


def user(
    shop: dict[str, list[Row]], user_id: str, at: datetime, vocabulary: dict[str, tuple[str, ...]]
) -> dict[str, float]:
    """The features of one user at one moment; {} for an unknown user."""
    person = next((u for u in shop["users"] if u["user_id"] == user_id and u["registered_at"] < at), None)
    if person is None:
        return {}
    out = {"account_age_days": days(at, person["registered_at"])}
    for name in ("member_tier", "acquisition_channel"):
        out[name] = vocabulary[name].index(person[name]) if person[name] is not None else NAN
    mine = [o for o in shop["orders"] if o["user_id"] == user_id]
    paid = sorted((o for o in mine if inside(o["paid_at"], at, "life")), key=lambda o: o["paid_at"])
    out["orders_life"], out["paid_cents_life"] = len(paid), sum(o["paid_cents"] for o in paid)
    for w in ("7d", "30d", "90d"):
        now = [o for o in paid if inside(o["paid_at"], at, w)]
        out[f"orders_{w}"] = len(now)
        out[f"paid_cents_{w}"] = sum(o["paid_cents"] for o in now)
        out[f"margin_cents_{w}"] = sum(o["margin_cents"] for o in now)
    quarter = [o for o in paid if inside(o["paid_at"], at, "90d")]
    first, last = (paid[0]["paid_at"], paid[-1]["paid_at"]) if paid else (None, None)
    out["basket_cents_90d"] = mean([o["paid_cents"] for o in quarter])
    out["days_since_order"], out["days_since_first_order"] = days(at, last), days(at, first)
    out["order_gap_days"] = days(last, first) / (len(paid) - 1) if len(paid) > 1 else NAN
    placed = [o for o in mine if inside(o["placed_at"], at, "30d")]
    out["placed_30d"] = len(placed)
    out["unpaid_30d"] = sum(not inside(o["paid_at"], at, "life") for o in placed)
    out["discounted_share_90d"] = mean([float(o["discount_cents"] > 0) for o in quarter])
    out["discount_depth_90d"] = mean([o["discount_cents"] / o["goods_cents"] for o in quarter if o["goods_cents"]])
    out["unit_price_ratio_90d"] = mean(_price_levels(shop, quarter))
    if not paid:
        out["lifecycle"] = 0
    elif out["days_since_order"] >= 60:
        out["lifecycle"] = 4
    elif out["days_since_order"] >= 15:
        out["lifecycle"] = 3
    else:
        out["lifecycle"] = 1 if out["days_since_first_order"] < 30 else 2
    out |= _interest(shop, user_id, quarter, at, vocabulary["category"])
    out |= _coupon_use(shop, user_id, at)
    out["coupon_order_share_90d"] = share(out["redemptions_90d"], out["orders_90d"])
    out |= _behaviour(shop, user_id, at)
    for name, started in (("cart", out["cart_days_30d"]), ("checkout", out["checkouts_30d"])):
        out[f"{name}_abandon_rate_30d"] = 1 - min(1.0, out["placed_30d"] / started) if started else NAN
    return out


def _price_levels(shop: dict[str, list[Row]], orders: list[Row]) -> list[float]:
    placed = {o["order_id"]: o["placed_at"] for o in shop["orders"]}
    levels = []
    for order in orders:
        for line in (x for x in shop["order_lines"] if x["order_id"] == order["order_id"]):
            earlier = [
                x["unit_price_cents"]
                for x in shop["order_lines"]
                if x["category"] == line["category"] and placed[x["order_id"]].date() < order["placed_at"].date()
            ]
            if earlier:
                levels.append(line["unit_price_cents"] / mean(earlier))
    return levels


def _interest(shop: dict, user_id: str, quarter: list[Row], at: datetime, codes: tuple[str, ...]) -> dict[str, float]:
    weights: Counter = Counter()
    for event in shop["events"]:
        if event["user_id"] == user_id and event["category"] is not None and inside(event["occurred_at"], at, "90d"):
            weights[event["category"]] += {"view": 1, "add_to_cart": 3}.get(event["kind"], 0)
    for order in quarter:
        for line in shop["order_lines"]:
            if line["order_id"] == order["order_id"]:
                weights[line["category"]] += 5
    weights = +weights
    best = max(weights, key=lambda c: (weights[c], -codes.index(c)), default=None)
    return {
        "favourite_category": codes.index(best) if best is not None else NAN,
        "favourite_category_share": share(weights[best], sum(weights.values())) if best is not None else NAN,
        "category_entropy": spread(weights),
        "categories_90d": len(weights),
    }


def _coupon_use(shop: dict[str, list[Row]], user_id: str, at: datetime) -> dict[str, float]:
    kinds = {t["template_id"]: t["kind"] for t in shop["templates"]}
    mine = [c for c in shop["coupons"] if c["user_id"] == user_id and c["claimed_at"] < at]
    used = [c for c in mine if inside(c["redeemed_at"], at, "life")]
    ran_out = [c for c in mine if c not in used and c["valid_until"] < at]
    recent = [c for c in mine if inside(c["claimed_at"], at, "90d")]
    out: dict[str, float] = {"open_coupons": len(mine) - len(used) - len(ran_out)}
    for w in ("7d", "30d", "90d"):
        out[f"claims_{w}"] = sum(inside(c["claimed_at"], at, w) for c in mine)
        out[f"redemptions_{w}"] = sum(inside(c["redeemed_at"], at, w) for c in used)
    out["redemption_share_90d"] = mean([float(c in used) for c in recent])
    out["expired_share_90d"] = mean([float(c in ran_out) for c in recent])
    out["coupon_discount_cents_90d"] = sum(c["discount_cents"] for c in used if inside(c["redeemed_at"], at, "90d"))
    out["days_since_claim"] = days(at, max((c["claimed_at"] for c in mine), default=None))
    out["days_since_redemption"] = days(at, max((c["redeemed_at"] for c in used), default=None))
    for short, kind in (("threshold", "threshold_cut"), ("percent", "percent"), ("no_threshold", "no_threshold")):
        of_kind = [c for c in recent if kinds[c["template_id"]] == kind]
        out[f"claims_{short}_90d"] = len(of_kind)
        out[f"redemption_share_{short}_90d"] = mean([float(c in used) for c in of_kind])
    return out


def _behaviour(shop: dict[str, list[Row]], user_id: str, at: datetime) -> dict[str, float]:
    mine = [e for e in shop["events"] if e["user_id"] == user_id and inside(e["occurred_at"], at, "90d")]

    def count(kind: str, window: str) -> int:
        return sum(e["kind"] == kind and inside(e["occurred_at"], at, window) for e in mine)

    out: dict[str, float] = {}
    for w in ("7d", "30d", "90d"):
        out[f"views_{w}"], out[f"carts_{w}"] = count("view", w), count("add_to_cart", w)
    plural = {"remove_from_cart": "cart_removals", "search": "searches"}
    for kind in ("remove_from_cart", "checkout", "search", "share", "sign_in", "review", "cancel"):
        out[f"{plural.get(kind, kind + 's')}_30d"] = count(kind, "30d")
    views = [e for e in mine if e["kind"] == "view" and inside(e["occurred_at"], at, "30d")]
    dwells = [e["dwell_seconds"] for e in views if e["dwell_seconds"] is not None]
    out["long_views_30d"], out["dwell_seconds_30d"] = sum(d > 180 for d in dwells), mean(dwells)
    out["cart_removal_share_30d"] = share(out["cart_removals_30d"], out["carts_30d"])
    out["days_since_event"] = days(at, max((e["occurred_at"] for e in mine), default=None))
    local = {e["event_id"]: e["occurred_at"].replace(tzinfo=UTC).astimezone(LOCAL) for e in mine}
    for w in ("7d", "30d", "90d"):
        out[f"active_days_{w}"] = len({local[e["event_id"]].date() for e in mine if inside(e["occurred_at"], at, w)})
    carted = [e for e in mine if e["kind"] == "add_to_cart" and inside(e["occurred_at"], at, "30d")]
    out["cart_days_30d"] = len({local[e["event_id"]].date() for e in carted})
    for part, first in (("night", 0), ("morning", 6), ("afternoon", 12), ("evening", 18)):
        out[f"{part}_share_90d"] = mean([float(first <= t.hour < first + 6) for t in local.values()])
    out["weekend_share_90d"] = mean([float(t.weekday() >= 5) for t in local.values()])
    out["hour_entropy_90d"] = spread(Counter(t.hour for t in local.values()))
    out["weekday_entropy_90d"] = spread(Counter(t.weekday() for t in local.values()))
    return out


def sightings(shop: dict[str, list[Row]]) -> dict[tuple[str, str], list[tuple[str, datetime]]]:
    """(kind, key) → (user, time) of every sighting on a thing that can link."""
    seen: dict[tuple[str, str], list[tuple[str, datetime]]] = defaultdict(list)
    for name, time in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at")):
        for row in shop[name]:
            for thing in things(row):
                seen[thing].append((row["user_id"], row[time]))
    for row in shop["users"]:
        for kind in ("phone", "identity"):
            if row[f"{kind}_token"] is not None:
                seen[kind, row[f"{kind}_token"]].append((row["user_id"], row["registered_at"]))
    return seen


def things(row: Row) -> list[tuple[str, str]]:
    found = []
    if row.get("device_id") not in (None, "", "unknown", "0000"):
        found.append(("device", row["device_id"]))
    if row.get("ip") and ipaddress.ip_address(row["ip"]).is_global:
        found.append(("ip", row["ip"]))
    address = normalise(row.get("address"))
    if address is not None:
        found += [("address", address.unit_key), ("building", address.building_key)]
    return found


def engaged_since(shop: dict[str, list[Row]]) -> dict[str, datetime]:
    """When a user first ordered without a discount or was active on a fourth day, whichever came first."""
    found: dict[str, datetime] = {}
    active: dict[str, dict] = defaultdict(dict)
    for name, time in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at")):
        for row in sorted(shop[name], key=lambda r: r[time]):
            days = active[row["user_id"]]
            days[row[time].date()] = min(row[time], days.get(row[time].date(), row[time]))
            if name == "orders" and row["discount_cents"] <= 0:
                found[row["user_id"]] = min(row[time], found.get(row["user_id"], row[time]))
    for who, days in active.items():
        if len(days) >= 4:
            fourth = sorted(days.values())[3]
            found[who] = min(fourth, found.get(who, fourth))
    return found


def claim_sightings(shop: dict[str, list[Row]]) -> dict[tuple[str, str, str], list[tuple[str, datetime]]]:
    seen: dict[tuple[str, str, str], list[tuple[str, datetime]]] = defaultdict(list)
    for row in shop["coupons"]:
        for kind, key in things(row):
            if kind != "building":
                seen[kind, key, row["template_id"]].append((row["user_id"], row["claimed_at"]))
    return seen


def identity(shop: dict[str, list[Row]], user_id: str, at: datetime) -> dict[str, float]:
    """Sharing features of one user at one moment; {} for an unknown user."""
    registered = {u["user_id"]: u["registered_at"] for u in shop["users"]}
    if user_id not in registered or registered[user_id] >= at:
        return {}
    out: dict[str, float] = defaultdict(float)
    since = engaged_since(shop)
    for kind in ("device", "ip", "address"):
        out |= {f"{kind}_{n}": 0 for n in ("count", "hubs", "link_weight")}
    for (kind, _), seen in sightings(shop).items():
        before = [(who, time) for who, time in seen if time < at]
        everybody = {who for who, _ in before}
        if user_id not in everybody:
            continue
        lately = {
            w: {who for who, t in before if inside(t, at, w)} - {user_id} for w in ("1h", "24h", "7d", "30d", "life")
        }
        few = {"building": ("7d", "life"), "phone": ("life",), "identity": ("life",)}
        for w, others in lately.items():
            if w not in few.get(kind, lately):
                continue
            out[f"{kind}_others_{w}"] = max(out[f"{kind}_others_{w}"], len(others))
        if kind in ("device", "ip", "address"):
            hub = {"device": 20, "ip": 50, "address": 20}[kind]
            regulars = sum(since.get(who, at) < at for who in everybody)
            out[f"{kind}_count"] += 1
            out[f"{kind}_hubs"] += regulars >= hub
            out[f"{kind}_link_weight"] += len(lately["7d"]) / (1 + (regulars / hub) ** 2)
            for w in ("24h", "7d", "30d"):
                new = sum(inside(registered.get(who), at, w) for who in everybody)
                out[f"{kind}_new_{w}"] = max(out[f"{kind}_new_{w}"], new)
    for (kind, _, _), seen in claim_sightings(shop).items():
        before = [(who, time) for who, time in seen if time < at]
        if user_id in {who for who, _ in before}:
            for w in ("24h", "7d", "life"):
                others = {who for who, t in before if inside(t, at, w)} - {user_id}
                name = f"{kind}_same_template_{w}"
                out[name] = max(out[name], len(others))
    return dict(out)


def shared(shop: dict[str, list[Row]], kind: str, key: str, at: datetime) -> dict[str, float]:
    """Features of one device, IP or address at one moment; {} when it was never seen before."""
    before = [(who, time) for who, time in sightings(shop).get((kind, key), []) if time < at]
    if not before:
        return {}
    registered = {u["user_id"]: u["registered_at"] for u in shop["users"]}
    everybody = {who for who, _ in before}
    month = [time for _, time in before if inside(time, at, "30d")]
    out: dict[str, float] = {
        f"{kind}_age_days": days(at, min(time for _, time in before)),
        f"{kind}_idle_days": days(at, max(month, default=None)),
        f"{kind}_sightings_30d": len(month),
    }
    for w in ("1h", "24h", "7d", "30d", "life"):
        out[f"{kind}_accounts_{w}"] = len({who for who, t in before if inside(t, at, w)})
    for w in ("24h", "7d", "30d"):
        out[f"{kind}_new_accounts_{w}"] = sum(inside(registered.get(who), at, w) for who in everybody)
    for w in ("24h", "7d", "life"):
        by_template = {
            t: [x for x in s if inside(x[1], at, w)]
            for (k, v, t), s in claim_sightings(shop).items()
            if (k, v) == (kind, key)
        }
        out[f"{kind}_claims_{w}"] = sum(len(s) for s in by_template.values())
        out[f"{kind}_claimers_{w}"] = max((len({who for who, _ in s}) for s in by_template.values()), default=0)
    return out


def template(shop: dict[str, list[Row]], template_id: str, at: datetime) -> dict[str, float]:
    """Features of one template at one moment; {} before its first claim."""
    mine = [c for c in shop["coupons"] if c["template_id"] == template_id and c["claimed_at"] < at]
    if not mine:
        return {}
    terms = next(t for t in shop["templates"] if t["template_id"] == template_id)
    out = {
        f"template_{n}": NAN if terms[n] is None else terms[n]
        for n in ("face_cents", "minimum_cents", "percent_off", "cap_cents", "valid_days")
    }
    out["template_kind"] = ("threshold_cut", "percent", "no_threshold").index(terms["kind"])
    out["template_claims_life"] = len(mine)
    out["template_age_days"] = days(at, min(c["claimed_at"] for c in mine))
    out["template_claimers_30d"] = len({c["user_id"] for c in mine if inside(c["claimed_at"], at, "30d")})
    for w in ("7d", "30d", "90d"):
        claimed = [c for c in mine if inside(c["claimed_at"], at, w)]
        used = [c for c in mine if inside(c["redeemed_at"], at, w)]
        out[f"template_claims_{w}"], out[f"template_redemptions_{w}"] = len(claimed), len(used)
        out[f"template_redemption_share_{w}"] = mean([float(inside(c["redeemed_at"], at, "life")) for c in claimed])
        out[f"template_discount_cents_{w}"] = mean([c["discount_cents"] for c in used])
    return out
