"""The big screen: how much was issued, used and spent up to a moment, straight from the ledger's rows (F194).

An order that was undone later is no redemption, whichever day is asked for; open cases and what is left of templates
are known for now only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from serving.store.schema import campaigns, cases, coupons, decisions, order_coupons, orders, templates

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Counts and cents up to ``until``; ``growth`` compares the last seven days with the seven before (None: nothing
    before); ``left`` is what limited templates may still issue."""

    until: datetime
    issued: int
    claimed: int
    used: int
    spend_cents: int
    sales_cents: int
    paid_cents: int
    growth: float | None
    left: int | None
    open_cases: int | None
    decisions: int
    fallbacks: int


@dataclass(frozen=True, slots=True)
class Meter:
    """A campaign's money: what is committed of its budget; cents."""

    campaign_id: str
    name: str
    budget_cents: int
    committed_cents: int


def tiles(connection: Connection, until: datetime, *, today: bool) -> Tiles:
    """The figures up to ``until``; ``today`` says whether the state of now belongs to them."""
    issued, claimed = connection.execute(
        select(func.count(), func.count().filter(coupons.c.source == "claim")).where(coupons.c.claimed_at < until)
    ).one()
    paid = (orders.c.state == "redeemed", orders.c.redeemed_at < until)
    # One pass for both: every order with coupons has one at position 0, under which its own figures count.
    of_order, goods = order_coupons.c.position == 0, orders.c.goods_cents
    fresh, older = orders.c.redeemed_at >= until - WEEK, orders.c.redeemed_at >= until - 2 * WEEK
    used, spend, sales, money, now, before = connection.execute(
        select(
            func.count(order_coupons.c.coupon_id.distinct()),
            func.coalesce(func.sum(order_coupons.c.discount_cents - order_coupons.c.refunded_share_cents), 0),
            func.coalesce(func.sum(goods).filter(of_order), 0),
            func.coalesce(func.sum(orders.c.payable_cents - orders.c.refunded_cents).filter(of_order), 0),
            func.coalesce(func.sum(goods).filter(of_order, fresh), 0),
            func.coalesce(func.sum(goods).filter(of_order, older, ~fresh), 0),
        )
        .join(orders, orders.c.hold_id == order_coupons.c.hold_id)
        .where(*paid)
    ).one()
    decided, fallbacks = connection.execute(
        select(func.count(), func.count().filter(decisions.c.fallback.is_(True))).where(decisions.c.decided_at < until)
    ).one()
    left = opened = None
    if today:
        remaining = select(func.sum(templates.c.quantity - templates.c.issued)).where(templates.c.quantity.is_not(None))
        left = connection.execute(remaining).scalar()
        opened = connection.execute(select(func.count()).where(cases.c.state == "open")).scalar_one()
    growth = int(now) / int(before) - 1 if before else None
    return Tiles(
        until, issued, claimed, used, int(spend), int(sales), int(money), growth,
        None if left is None else int(left), opened, decided, fallbacks,
    )  # fmt: skip


def meters(connection: Connection, most: int = 20) -> list[Meter]:
    """Campaigns with the most committed, the largest first."""
    columns = (campaigns.c.campaign_id, campaigns.c.name, campaigns.c.budget_cents, campaigns.c.committed_cents)
    query = select(*columns).order_by(campaigns.c.committed_cents.desc(), campaigns.c.campaign_id).limit(most)
    return [Meter(*row) for row in connection.execute(query)]


def campaign_ids(connection: Connection) -> list[str]:
    """Every campaign, to choose from."""
    return list(connection.execute(select(campaigns.c.campaign_id).order_by(campaigns.c.campaign_id)).scalars())


def funnel(
    connection: Connection, start: datetime, end: datetime, campaign: str = "", template: str = ""
) -> list[tuple[str, int]]:
    """Decisions of a period and how far they went: decided, offered, claimed, held, redeemed, kept (not refunded).

    With a template the way begins with the decisions that offered it. Each step is a part of the one before.
    """
    asked = [decisions.c.decided_at >= start, decisions.c.decided_at < end]
    if campaign:
        asked.append(decisions.c.campaign_id == campaign)
    if template:
        asked.append(decisions.c.offer == template)
    used = order_coupons.join(orders, orders.c.hold_id == order_coupons.c.hold_id)
    of_ours = order_coupons.c.coupon_id == decisions.c.coupon_id
    # Hidden from the index on the state, which SQLite would walk through for every decision.
    paid = func.coalesce(orders.c.state, "") == "redeemed"
    held = select(order_coupons.c.hold_id).where(of_ours).exists()
    redeemed = select(orders.c.hold_id).select_from(used).where(of_ours, paid).exists()
    whole = or_(orders.c.refunded_cents == 0, orders.c.refunded_cents < orders.c.payable_cents)
    kept = select(orders.c.hold_id).select_from(used).where(of_ours, paid, whole).exists()
    offered = decisions.c.offer != "none"
    counted = select(
        func.count().label("decided"),
        func.count().filter(offered).label("offered"),
        func.count().filter(offered, decisions.c.coupon_id.is_not(None)).label("claimed"),
        func.count().filter(offered, held).label("held"),
        func.count().filter(offered, redeemed).label("redeemed"),
        func.count().filter(offered, kept).label("kept"),
    ).where(*asked)
    return [(name, int(value)) for name, value in connection.execute(counted).one()._mapping.items()]
