"""Set up the day over HTTP, as an operator would: a campaign, the shop's templates, and the flags of last night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.demo.day import NEWCOMER
from pipelines.demo.shop_client import ShopClient
from pipelines.evidence_file import read_evidence
from pipelines.flag_abuse import flags_body, loads, review_flags

CAMPAIGN = "autumn"
LIVE_COUPONS = 4
"""How many times the budget the face value of live coupons may be: about one coupon in four is used."""


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
    """Send every flag, and what speaks of it, to the review desk; how many cases were opened, updated and unchanged."""
    found = review_flags(pq.read_table(flags).to_pandas())
    total = {"opened": 0, "updated": 0, "unchanged": 0}
    for number, (batch, told) in enumerate(loads(found, read_evidence(flags))):
        answer = await client.insist("reviewer", "/v1/flags", f"{key}:{number}", flags_body(batch, told))
        for name in total:
            total[name] += answer[name]
    return total


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
