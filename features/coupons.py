"""How a coupon template does at a moment: claims, redemptions, discount. Known from its first claim on.

As for users, ``redeemed_at`` decides what was used; the coupon's ``state`` is never read. The template's own terms
(face, minimum, percent, cap) do not change after it is created and are features too.
"""

from __future__ import annotations

from typing import Any

from features.definition import Feature, Tables, before, days_between, finish, join_parts, moments, ratio, within

WINDOWS = {"7d": 7, "30d": 30, "90d": 90}
TERMS = ("face_cents", "minimum_cents", "percent_off", "cap_cents", "valid_days")
KINDS = ("threshold_cut", "percent", "no_threshold")

TEMPLATE_FEATURES: tuple[Feature, ...] = (
    Feature("template_kind", "how it cuts; null for other kinds", codes=KINDS),
    *(Feature(f"template_{name}", f"{name} of its terms") for name in TERMS),
    Feature("template_claims_life", "coupons ever claimed", 0),
    *(Feature(f"template_claims_{w}", f"coupons claimed in the last {w}", 0) for w in WINDOWS),
    *(Feature(f"template_redemptions_{w}", f"coupons used in the last {w}", 0) for w in WINDOWS),
    *(
        Feature(f"template_redemption_share_{w}", f"share of coupons claimed in the last {w} that are used")
        for w in WINDOWS
    ),
    *(
        Feature(f"template_discount_cents_{w}", f"mean discount of coupons used in the last {w}, cents")
        for w in WINDOWS
    ),
    Feature("template_claimers_30d", "users who claimed in the last 30d", 0),
    Feature("template_age_days", "days since the first claim"),
)


def template_features(tables: Tables, spine: Any) -> Any:
    """Return ``spine`` (``template_id``, ``as_of``, …) with the columns of ``TEMPLATE_FEATURES``."""
    at = moments(spine, "template_id")
    joined = join_parts(at, "template_id", (_terms(tables, at), _use(tables, at)), TEMPLATE_FEATURES)
    return finish(spine, "template_id", joined, joined.template_age_days.notnull(), TEMPLATE_FEATURES)


def _terms(tables: Tables, at: Any) -> Any:
    templates = tables["templates"]
    kind = templates.kind.cases(*((name, code) for code, name in enumerate(KINDS)))
    rows = templates.select("template_id", template_kind=kind, **{f"template_{name}": name for name in TERMS})
    return at.join(rows, "template_id")


def _use(tables: Tables, at: Any) -> Any:
    coupons = tables["coupons"].select("template_id", "user_id", "claimed_at", "redeemed_at", "discount_cents")
    seen = before(at, coupons, "template_id", "claimed_at")
    seen = seen.mutate(used=seen.redeemed_at.notnull() & (seen.redeemed_at < seen.as_of))
    columns: dict[str, Any] = {
        "template_claims_life": seen.count(),
        "first_claim": seen.claimed_at.min(),
        "template_claimers_30d": seen.user_id.nunique(where=within(seen.claimed_at, seen.as_of, hours=24 * 30)),
    }
    for w, days in WINDOWS.items():
        claimed = within(seen.claimed_at, seen.as_of, hours=24 * days)
        used = seen.used & within(seen.redeemed_at, seen.as_of, hours=24 * days)
        columns[f"template_claims_{w}"] = claimed.cast("int64").sum()
        columns[f"template_redemptions_{w}"] = used.cast("int64").sum()
        columns[f"claimed_used_{w}"] = (claimed & seen.used).cast("int64").sum()
        columns[f"template_discount_cents_{w}"] = seen.discount_cents.mean(where=used)
    sums = seen.group_by(["template_id", "as_of"]).aggregate(**columns)
    shares = {
        f"template_redemption_share_{w}": ratio(sums[f"claimed_used_{w}"], sums[f"template_claims_{w}"])
        for w in WINDOWS
    }
    return sums.mutate(template_age_days=days_between(sums.as_of, sums.first_claim), **shares).drop(
        "first_claim", *(f"claimed_used_{w}" for w in WINDOWS)
    )
