"""What the tests of the console's tools share: a ledger to compare, decisions that are explained, a budget curve."""

from __future__ import annotations

import json
from typing import Any

import httpx
from fakes.shop import Shop
from sqlalchemy import Connection, select

from serving.store.schema import metadata

LEDGER = (
    "events",
    "outbox",
    "requests",
    "coupons",
    "orders",
    "order_coupons",
    "order_slots",
    "decisions",
    "campaigns",
    "templates",
    "template_versions",
    "user_claims",
    "claim_things",
    "claim_quotas",
    "claim_pools",
    "bundles",
    "cases",
    "flags",
)

EXPLANATION = {
    "rule_offer": "cut_99_20",
    "profit_cents": 444.5,
    "cost_cents": 402.0,
    "budget_price": 0.5,
    "unit_price_cents": 35.5,
    "runner_up": "flat_8",
    "lead_cents": 208.0,
    "price_below": None,
    "offer_below": None,
    "price_above": 1.02,
    "offer_above": "none",
    "cost_below_cents": 161.3,
    "cost_above_cents": None,
    "unit_below_cents": None,
    "en": "A stored sentence.",
    "zh": "保存的句子。",
}


def rows_of(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the ledger, by table: what must be the same when nothing was written."""

    def read(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for name in LEDGER:
            table = metadata.tables[name]
            found[name] = [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        return found

    found: dict[str, list[tuple[Any, ...]]] = shop.store.read(read)
    return found


def explained(request: httpx.Request) -> httpx.Response | None:
    """An answer of scoring with all that a decision rests on; other questions are answered as always."""
    body = json.loads(request.content)
    if request.url.path != "/v1/decisions":
        return None
    if "cut_99_20" not in body["offers"]:
        return None
    figures = {
        "none": (0.0, 0.0, 0.0, 0.0),
        "cut_99_20": (900.0, 402.0, 444.5, 208.0),
        "flat_8": (420.0, 300.0, 150.0, 0.0),
    }
    offers = [
        {
            "offer": name,
            "value_cents": value,
            "cost_cents": cost,
            "redeem_probability": 0.3,
            "profit_cents": profit,
            "score": score,
            "probability": 0.91 if name == "cut_99_20" else 0.03,
        }
        for name, (value, cost, profit, score) in figures.items()
        if name in ("none", *body["offers"])
    ]
    risk = {
        "user_id": body["user_id"],
        "score": 0.07,
        "action": "allow",
        "flagged": False,
        "cold_start": False,
        "reasons": [{"code": "device_accounts_7d", "en": "2 accounts on this device", "zh": "该设备上有 2 个账号"}],
        "versions": {"abuse": "4"},
    }
    answer = {
        "key": body["key"],
        "user_id": body["user_id"],
        "eligible": ["none", *body["offers"]],
        "offer": "cut_99_20",
        "propensity": 0.91,
        "holdout": False,
        "explored": False,
        "reason": "best",
        "offers": offers,
        "risk": risk,
        "cold_start": False,
        "features_as_of": "2026-05-01T00:00:00",
        "versions": {"uplift": "7", "policy": "12"},
        "explanation": EXPLANATION,
    }
    return httpx.Response(200, json=answer)


async def shelf(shop: Shop) -> None:
    """Two offers that a decision weighs."""
    await shop.template("flat_8", name="八元无门槛")
    cut = {"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2000}
    await shop.template("cut_99_20", name="Spend 99 save 20", deduction=cut)


async def decided(shop: Shop, user_id: str = "u_1") -> str:
    """A decision with everything stored; its id."""
    shop.scoring.failing = explained
    answer = await shop.post("issuance", "/v1/triggers", {"user_id": user_id, "trigger": "cart_abandoned"})
    shop.scoring.failing = None
    assert answer.status_code == 201, answer.text
    return str(answer.json()["decision_id"])
