"""All features of a user at a moment, laid side by side.

A user is known from ``registered_at`` on; at earlier moments, and for ids that are not in the table, every feature is
null. ``member_tier`` and ``acquisition_channel`` have no time of change in the table and are read as they stand.
"""

from __future__ import annotations

from typing import Any

from features.definition import Feature, Tables, days_between, finish, join_parts, moments, ratio
from features.users.browsing import FEATURES as BROWSING
from features.users.browsing import abandon_rate, browsing
from features.users.coupon_use import FEATURES as COUPON_USE
from features.users.coupon_use import coupon_use
from features.users.habits import FEATURES as HABITS
from features.users.habits import habits
from features.users.interest import FEATURES as INTEREST
from features.users.interest import interest
from features.users.purchases import FEATURES as PURCHASES
from features.users.purchases import lifecycle, placements, price_level, purchases

ACCOUNT = (
    Feature("account_age_days", "days since registration"),
    Feature("member_tier", "tier of the member", vocabulary="member_tier"),
    Feature("acquisition_channel", "where the user came from", vocabulary="acquisition_channel"),
    Feature("coupon_order_share_90d", "coupons used per order paid, last 90d"),
)

USER_FEATURES: tuple[Feature, ...] = (*ACCOUNT, *PURCHASES, *INTEREST, *COUPON_USE, *BROWSING, *HABITS)

DEFAULT_ZONE = "Asia/Shanghai"


def user_features(tables: Tables, spine: Any, timezone: str = DEFAULT_ZONE) -> Any:
    """Return ``spine`` (``user_id``, ``as_of``, …) with the columns of ``USER_FEATURES``."""
    at = moments(spine, "user_id")
    parts = (
        account(tables, at),
        purchases(tables, at),
        placements(tables, at),
        price_level(tables, at),
        interest(tables, at),
        coupon_use(tables, at),
        browsing(tables, at),
        habits(tables, at, timezone),
    )
    joined = join_parts(at, "user_id", parts, USER_FEATURES)
    joined = joined.mutate(
        lifecycle=lifecycle(joined.orders_life, joined.days_since_order, joined.days_since_first_order),
        coupon_order_share_90d=ratio(joined.redemptions_90d, joined.orders_90d),
        cart_abandon_rate_30d=abandon_rate(joined.cart_days_30d, joined.placed_30d),
        checkout_abandon_rate_30d=abandon_rate(joined.checkouts_30d, joined.placed_30d),
    )
    return finish(spine, "user_id", joined, joined.registered_at.notnull(), USER_FEATURES)


def account(tables: Tables, at: Any) -> Any:
    """Age, tier and channel of the users who had registered before the moment."""
    users = tables["users"].select(
        "user_id", "registered_at", tier_name="member_tier", channel_name="acquisition_channel"
    )
    seen = at.join(users, [at.user_id == users.user_id, users.registered_at < at.as_of]).drop("user_id_right")
    tiers, channels = _codes(tables, "member_tier"), _codes(tables, "acquisition_channel")
    seen = seen.left_join(tiers, seen.tier_name == tiers.member_tier_name)
    seen = seen.left_join(channels, seen.channel_name == channels.acquisition_channel_name)
    return seen.select(
        "user_id",
        "as_of",
        "registered_at",
        "member_tier",
        "acquisition_channel",
        account_age_days=days_between(seen.as_of, seen.registered_at),
    )


def _codes(tables: Tables, kind: str) -> Any:
    rows = tables["vocabulary"].filter(lambda t: t.kind == kind)
    return rows.select(**{f"{kind}_name": rows["value"], kind: rows.code})
