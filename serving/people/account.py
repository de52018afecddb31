"""What a person does to an account: freeze, block, recover its coupons, cancel an order; each can be undone (F187)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from serving.store.unit import canonical

# Graded; all but the last two are also what a case may end in.
ACTIONS = ("cap", "hold", "step_up", "withhold", "revoke", "freeze", "block", "cancel_order")
TAKEN, UNDONE = "account.action_taken", "account.action_undone"
# These are done once and are no standing: the account may go on.
ONCE = ("cancel_order",)


@dataclass(frozen=True, slots=True)
class AccountAction:
    """``coupon_ids`` are the coupons that ``revoke`` took back; ``hold_id`` the order that was cancelled."""

    action_id: str
    user_id: str
    action: str
    reason: str
    note: str
    actor: str
    coupon_ids: tuple[str, ...] = ()
    hold_id: str | None = None


def action_to_data(action: AccountAction) -> dict[str, Any]:
    return {**asdict(action), "coupon_ids": list(action.coupon_ids)}


def action_from_data(data: Mapping[str, Any]) -> AccountAction:
    return AccountAction(**{**data, "coupon_ids": tuple(data["coupon_ids"])})


def action_row(action: AccountAction, taken_at: datetime) -> dict[str, Any]:
    return {
        **asdict(action),
        "coupon_ids": canonical(list(action.coupon_ids)),
        "taken_at": taken_at,
        "undone_at": None,
        "undone_by": None,
        "n": 1,
    }
