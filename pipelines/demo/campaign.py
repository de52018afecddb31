"""Set up the day over HTTP, as an operator would: a campaign, the shop's templates, and the flags of last night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipelines.demo.day import NEWCOMER
from pipelines.demo.shop_client import ShopClient

CAMPAIGN = "autumn"
LIVE_COUPONS = 4
"""How many times the budget the face value of live coupons may be: about one coupon in four is used."""
FLAGS_AT_ONCE = 500


async def open_campaign(client: ShopClient, tables: Path, budget_cents: int) -> None:
    """Create the campaign, the offers of the policy and the newcomers' coupon, which anybody may claim once."""
    budget = {"budget_cents": budget_cents, "liability_cents": LIVE_COUPONS * budget_cents}
    campaign = {"campaign_id": CAMPAIGN, "name": "Autumn coupons", **budget}
    await client.insist("operator", "/v1/campaigns", "campaign", campaign)
    welcome = {"campaign_id": "welcome", "name": "Welcome", **budget}
    await client.insist("operator", "/v1/campaigns", "welcome", welcome)
    for row in pq.read_table(tables / "templates.parquet").to_pylist():
        await client.insist("operator", "/v1/templates", f"template:{row['template_id']}", _template(row))


async def push_flags(client: ShopClient, flags: Path, key: str) -> dict[str, int]:
    """Send every flag to the review desk; returns how many cases were opened, updated and unchanged."""
    frame = pq.read_table(flags).to_pandas()
    frame = frame[frame["action"] != "allow"].sort_values(["ring_id", "user_id"], na_position="last")
    total = {"opened": 0, "updated": 0, "unchanged": 0}
    # A ring is sent whole: one case is made of what one request holds.
    rings = frame["ring_id"].fillna(frame["user_id"])
    batch: list[dict[str, Any]] = []
    for number, (_, ring) in enumerate(frame.groupby(rings, sort=False)):
        rows = [_flag(row) for row in ring.to_dict("records")]
        if batch and len(batch) + len(rows) > FLAGS_AT_ONCE:
            _add(total, await client.insist("reviewer", "/v1/flags", f"{key}:{number}", {"flags": batch}))
            batch = []
        batch += rows
    if batch:
        _add(total, await client.insist("reviewer", "/v1/flags", f"{key}:last", {"flags": batch}))
    return total


def _add(total: dict[str, int], answer: dict[str, Any]) -> None:
    for name in total:
        total[name] += answer[name]


def _flag(row: dict[str, Any]) -> dict[str, Any]:
    reasons = [{name: reason[name] for name in ("code", "en", "zh")} for reason in json.loads(row["reasons"])]
    ring = None if pd.isna(row["ring_id"]) else row["ring_id"]
    score = min(max(float(row["score"]), 0.0), 1.0)
    return {"user_id": row["user_id"], "score": score, "action": row["action"], "ring_id": ring, "reasons": reasons}


def _template(row: dict[str, Any]) -> dict[str, Any]:
    deduction: dict[str, Any] = {"kind": row["kind"]}
    if row["kind"] == "percent":
        deduction |= {"percent_off": int(row["percent_off"]), "cap_cents": row["cap_cents"]}
    else:
        deduction |= {"face_cents": row["face_cents"]}
    if row["kind"] != "no_threshold":
        deduction |= {"minimum_cents": row["minimum_cents"] or 0}
    newcomer = row["template_id"] == NEWCOMER
    return {
        "template_id": row["template_id"],
        "name": row["template_id"].replace("_", " "),
        "deduction": deduction,
        "validity": {"kind": "days", "days": row["valid_days"]},
        "quantity": -1,
        "per_user": 1 if newcomer else -1,
        "campaign_id": "welcome" if newcomer else CAMPAIGN,
        "access": "open" if newcomer else "decision",
    }
