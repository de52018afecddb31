"""Which refusals of the catalogue a route may answer, in groups that routes share."""

from __future__ import annotations

ACCOUNT = ("account_blocked", "account_frozen", "listed", "step_up_required")
APPEAL = ("appeal_open",)

CLAIM = (
    *ACCOUNT,
    "address_limit",
    "address_required",
    "audience_mismatch",
    "birthday_mismatch",
    "budget_exhausted",
    "capped",
    "claim_over",
    "claims_too_fast",
    "day_quota_exhausted",
    "decision_required",
    "decision_taken",
    "device_limit",
    "device_required",
    "first_order_only",
    "identity_unverified",
    "identity_taken",
    "ip_limit",
    "ip_required",
    "liability_exhausted",
    "newcomer_linked",
    "newcomer_only",
    "not_claimable",
    "not_pushable",
    "phone_unverified",
    "place_mismatch",
    "pool_exhausted",
    "profile_required",
    "quantity_exhausted",
    "slot_closed",
    "slot_exhausted",
    "template_closed",
    "template_unknown",
    "tier_mismatch",
    "under_review",
    "user_limit_day",
    "user_limit_total",
)
BY_CODE_OR_DECISION = ("code_locked", "code_unknown", "decision_mismatch", "decision_unknown")
REWARD = (*CLAIM, "reward_repeated", "reward_self")

# The ladder of the check of one coupon, and what a set of coupons may not be.
HOLD = (
    *ACCOUNT,
    "activity_excluded",
    "amount_short",
    "budget_exhausted",
    "coupon_expired",
    "coupon_held",
    "coupon_revoked",
    "coupon_unknown",
    "coupon_used",
    "first_order_only",
    "kinds_excluded",
    "margin_guard",
    "not_stackable",
    "not_yet_valid",
    "nothing_to_deduct",
    "one_coupon_per_order",
    "order_taken",
    "order_under_review",
    "orders_too_fast",
    "outside_hours",
    "pieces_short",
    "points_excluded",
    "same_kind",
    "scope_mismatch",
    "terminal_mismatch",
    "too_many_coupons",
)
REDEEM = (*HOLD, "already_redeemed", "hold_expired", "hold_lost", "hold_released", "hold_unknown")
ROLL_BACK = (
    "already_redeemed",
    "already_rolled_back",
    "hold_released",
    "hold_unknown",
    "not_fully_refunded",
    "redemption_unknown",
    "refunds_started",
)
REFUND = (
    "already_rolled_back",
    "freight_already_refunded",
    "line_unknown",
    "redemption_unknown",
    "unit_already_refunded",
    "unit_unknown",
)
CANCEL = ("already_redeemed", "hold_released", "hold_unknown")
UNDO = ("action_undone", "action_unknown", "hold_lost", "hold_unknown", "order_taken")
