"""What the budgets of campaigns still allow: asked before a price is promised, decided when the order is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from serving.coupons.pricing import Candidate
from serving.coupons.receipt import Receipt
from serving.store.rows import Listed
from serving.store.schema import campaigns

_MONEY = select(campaigns.c.campaign_id, campaigns.c.budget_cents, campaigns.c.committed_cents)
_LEFT = Listed(
    {"ids": campaigns.c.campaign_id.type}, lambda lists: _MONEY.where(campaigns.c.campaign_id.in_(lists["ids"]))
)


def left_cents(connection: Connection, candidates: Iterable[Candidate]) -> dict[str, int]:
    """Cents that no order has taken yet, by campaign of these coupons."""
    ids = sorted({campaign for candidate in candidates if (campaign := candidate.coupon.campaign_id) is not None})
    rows = _LEFT.all(connection, {"ids": ids}) if ids else ()
    return {row.campaign_id: row.budget_cents - row.committed_cents for row in rows}


def beyond(receipt: Receipt, candidates: Sequence[Candidate], left: dict[str, int]) -> bool:
    """Whether the coupons of a receipt take more than a campaign has left."""
    payer = {candidate.coupon.coupon_id: candidate.coupon.campaign_id for candidate in candidates}
    taken: Counter[str] = Counter()
    for applied in receipt.coupons:
        taken[payer[applied.coupon_id] or ""] += applied.discount_cents
    return any(taken[campaign] > cents for campaign, cents in left.items())
