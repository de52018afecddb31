"""Requests to copy: whole bodies for every operation that takes one, and an id for every path.

A body that brings examples of its own needs none here. Tests hold each example against its body, so that none of them
is refused as malformed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.openapi.describe import operations

Body = Mapping[str, Any]

_TEMPLATE: Body = {
    "version": 1,
    "name": "Newcomer 99-25",
    "deduction": {"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2500},
    "validity": {"kind": "days", "days": 7},
    "quantity": 800,
    "per_user": 1,
    "campaign_id": "spring",
}
_SCORED: Body = {"user_id": "u_1001", "key": "d_1", "trigger": "cart_abandoned", "offers": ["newcomer_99_20"]}

# By body, and by what the request is for.
REQUESTS: Mapping[str, Mapping[str, Body]] = {
    "CampaignBody": {
        "a budget": {"campaign_id": "spring", "name": "Spring sale", "budget_cents": 3_000_000},
        "a budget and a liability": {
            "campaign_id": "summer",
            "name": "Summer sale",
            "budget_cents": 3_000_000,
            "liability_cents": 1_000_000,
        },
    },
    "EditBody": {"more of it": _TEMPLATE},
    "AccessBody": {
        "open": {"access": "open", "reason": "the campaign begins"},
        "close at once": {"access": "closed", "reason": "wrong amount"},
    },
    "TriggerBody": {"an abandoned cart": {"user_id": "u_1001", "trigger": "cart_abandoned", "campaign_id": "spring"}},
    "ClaimBody": {
        "an open template": {"user_id": "u_1001", "template_id": "newcomer_99_20", "place": "coupon_centre"},
        "the offer of a decision": {"user_id": "u_1001", "decision_id": "dec_01kqgdbj000000000000000000"},
        "a code": {"user_id": "u_1001", "code": "7QK2-M4TD-9XHA-3WEP"},
    },
    "PushBody": {
        "one user": {"template_id": "birthday_10", "user_id": "u_1001", "ref": "birthday_2026"},
        "many users": {"template_id": "birthday_10", "user_ids": ["u_1001", "u_1002"], "ref": "birthdays_05_01"},
    },
    "CodesBody": {"until the end of the year": {"count": 500, "expires_at": "2026-12-31T16:00:00Z"}},
    "RewardBody": {
        "a sign-in": {"kind": "sign_in", "user_id": "u_1001", "template_id": "sign_in_5"},
        "a review": {"kind": "review", "user_id": "u_1001", "template_id": "thanks_5", "ref": "review_88123"},
        "an invitation": {
            "kind": "invite",
            "user_id": "u_1001",
            "template_id": "invite_10",
            "ref": "invite_7",
            "invitee": "u_2002",
        },
        "a group": {
            "kind": "group_buy",
            "user_id": "u_1001",
            "template_id": "group_draw",
            "ref": "group_12",
            "members": ["u_1001", "u_1002", "u_1003"],
        },
    },
    "FlagsBody": {
        "a ring": {
            "flags": [
                {
                    "user_id": "u_1001",
                    "score": 0.97,
                    "action": "withhold",
                    "ring_id": "ring_4",
                    "reasons": [{"code": "device_accounts", "en": "12 accounts on a device", "zh": "同设备12个账号"}],
                }
            ]
        }
    },
    "ProfileBody": {
        "a new user": {"user_id": "u_1001", "registered_at": "2026-05-01T04:00:00Z", "phone_verified": True},
        "a member": {"user_id": "u_1002", "member_tier": "gold", "tags": ["vip", "beauty"], "orders": 12},
    },
    "ActionBody": {
        "take unused coupons back": {"action": "revoke", "reason": "ring_of_newcomers"},
        "cancel an unpaid order": {
            "action": "cancel_order",
            "reason": "stolen_card",
            "hold_id": "hold_01kqgdbj000000000000000000",
        },
    },
    "UndoBody": {"an appeal": {"reason": "appeal_accepted"}},
    "ClockBody": {
        "a moment": {"now": "2026-11-11T00:00:00+08:00"},
        "a day later": {"advance_seconds": 86_400},
    },
    "DecisionRequest": {"an abandoned cart": _SCORED},
    "DecisionBatch": {"two users": {"decisions": [_SCORED, {**_SCORED, "user_id": "u_1002", "key": "d_2"}]}},
    "RiskRequest": {"a claim": {"user_id": "u_1001", "device_id": "5f2c9a71", "occasion": "claim"}},
}

# By path parameter.
PATHS: Mapping[str, Any] = {
    "action_id": "act_01kqgdbj000000000000000000",
    "appeal_id": "apl_01kqgdbj000000000000000000",
    "campaign_id": "spring",
    "code": "coupon_unknown",
    "event_id": "evt_01kqgdbj000000000000000000",
    "hold_id": "hold_01kqgdbj000000000000000000",
    "decision_id": "dec_01kqgdbj000000000000000000",
    "order_id": "o_7001",
    "place": "venue_page",
    "sku": "cream-50",
    "template_id": "newcomer_99_20",
    "user_id": "u_1001",
    "version": 1,
    "webhook_id": "whk_01kqgdbj000000000000000000",
}


def with_requests(document: dict[str, Any]) -> dict[str, Any]:
    """Give every body and every path its examples."""
    for _, _, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            known = REQUESTS.get(content["schema"].get("$ref", "").rsplit("/", 1)[-1])
            if known is not None:
                content["examples"] = {name: {"value": dict(body)} for name, body in known.items()}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] in PATHS:
                parameter["example"] = PATHS[parameter["name"]]
    return document
