"""How a user treats coupons: claims, redemptions, by kind of template.

A coupon counts as used when ``redeemed_at`` is before the moment and as expired when ``valid_until`` is, and it was
not used by then. The ``state`` column is the last word on a coupon and says nothing about when, so it is not read.
"""

from __future__ import annotations

from typing import Any

from features.definition import Feature, Tables, before, days_between, ratio, within

WINDOWS = {"7d": 7, "30d": 30, "90d": 90}
KINDS = {"threshold": "threshold_cut", "percent": "percent", "no_threshold": "no_threshold"}

FEATURES = (
    *(Feature(f"claims_{w}", f"coupons claimed in the last {w}", 0) for w in WINDOWS),
    *(Feature(f"redemptions_{w}", f"coupons used in the last {w}", 0) for w in WINDOWS),
    Feature("redemption_share_90d", "share of the coupons claimed in the last 90d that are used"),
    Feature("expired_share_90d", "share of the coupons claimed in the last 90d that ran out unused"),
    Feature("open_coupons", "coupons that can still be used", 0),
    Feature("coupon_discount_cents_90d", "discount of coupons used in the last 90d, cents", 0),
    Feature("days_since_claim", "days since the last claim"),
    Feature("days_since_redemption", "days since a coupon was last used"),
    *(Feature(f"claims_{k}_90d", f"{v} coupons claimed in the last 90d", 0) for k, v in KINDS.items()),
    *(Feature(f"redemption_share_{k}_90d", f"share of those {v} coupons that are used") for k, v in KINDS.items()),
)


def coupon_use(tables: Tables, at: Any) -> Any:
    """Coupon figures per moment; rows only for users who ever claimed."""
    coupons = tables["coupons"].select(
        "user_id", "template_id", "claimed_at", "valid_until", "redeemed_at", "discount_cents"
    )
    kinds = tables["templates"].select("template_id", "kind")
    coupons = coupons.left_join(kinds, "template_id").drop("template_id", "template_id_right")
    seen = before(at, coupons, "user_id", "claimed_at")
    used = seen.redeemed_at.notnull() & (seen.redeemed_at < seen.as_of)
    seen = seen.mutate(used=used, ran_out=~used & (seen.valid_until < seen.as_of).fill_null(False))
    recent = within(seen.claimed_at, seen.as_of, hours=24 * 90)
    used_recently = seen.used & within(seen.redeemed_at, seen.as_of, hours=24 * 90)
    columns: dict[str, Any] = {
        "last_claim": seen.claimed_at.max(),
        "last_use": seen.redeemed_at.max(where=seen.used),
        "used": (recent & seen.used).cast("int64").sum(),
        "expired": (recent & seen.ran_out).cast("int64").sum(),
        "open_coupons": (~seen.used & ~seen.ran_out).cast("int64").sum(),
        "coupon_discount_cents_90d": seen.discount_cents.sum(where=used_recently),
    }
    for w, days in WINDOWS.items():
        columns[f"claims_{w}"] = within(seen.claimed_at, seen.as_of, hours=24 * days).cast("int64").sum()
        used_in = seen.used & within(seen.redeemed_at, seen.as_of, hours=24 * days)
        columns[f"redemptions_{w}"] = used_in.cast("int64").sum()
    for short, kind in KINDS.items():
        of_kind = recent & (seen.kind == kind).fill_null(False)
        columns[f"claims_{short}_90d"] = of_kind.cast("int64").sum()
        columns[f"used_{short}"] = (of_kind & seen.used).cast("int64").sum()
    sums = seen.group_by(["user_id", "as_of"]).aggregate(**columns)
    shares = {f"redemption_share_{k}_90d": ratio(sums[f"used_{k}"], sums[f"claims_{k}_90d"]) for k in KINDS}
    return sums.mutate(
        redemption_share_90d=ratio(sums.used, sums.claims_90d),
        expired_share_90d=ratio(sums.expired, sums.claims_90d),
        days_since_claim=days_between(sums.as_of, sums.last_claim),
        days_since_redemption=days_between(sums.as_of, sums.last_use),
        **shares,
    ).drop("last_claim", "last_use", "used", "expired", *(f"used_{k}" for k in KINDS))
