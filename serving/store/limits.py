"""Limits as conditional writes: each adds where the limit still holds, and the row count says whether it did.

A claim takes rows of its user and of its device, IP and address first. Rows that all claims of a template or a campaign
share are looked at then and written last, just before the commit, so that they are locked for the shortest time; they
are taken in the order of their names (``Transaction.last``), so that two claims never wait for each other in a ring.

A counter is kept only while a limit asks for it. A limit that an edit brings counts what was claimed before it: the
counter of an edited template is counted anew under its lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, func, or_, select, update

from serving.coupons.kinds import prices
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.slots import Allowance, allowances, seconds_to_tomorrow
from serving.coupons.template import Template
from serving.coupons.validity import local_day, midnight
from serving.store.rows import Prepared, count_up, insert_new
from serving.store.schema import campaigns, coupons, templates, user_claims
from serving.store.schema_claims import bundles, claim_pools, claim_quotas, claim_things
from serving.store.unit import StaleError, Transaction

ALL_DAYS = ""
THINGS = ("device", "ip", "address")
Hashed = Mapping[str, str | None]
_MONEY = (
    campaigns.c.committed_cents,
    campaigns.c.budget_cents,
    campaigns.c.live_cents,
    campaigns.c.liability_cents,
)


def take_own(tx: Transaction, template: Template, user_id: str, hashed: Hashed, zone: tzinfo) -> Verdict:
    """Count one claim of this user, in all and on this shop-local day, and of each thing that is limited."""
    limits, day = template.limits, local_day(tx.now, zone)
    key = {"template_id": template.template_id, "user_id": user_id}
    if limits.per_user is not None and not _count(
        tx, template, user_claims, {**key, "day": ALL_DAYS}, limits.per_user, {"user_id": user_id}
    ):
        return Refuse("user_limit_total")
    if limits.per_user_day is not None:
        today = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        key = {**key, "day": day.isoformat()}
        if not _count(tx, template, user_claims, key, limits.per_user_day, {"user_id": user_id}, today):
            return Refuse("user_limit_day", seconds_to_tomorrow(tx.now, zone), "seconds")
    return _take_things(tx, template, hashed)


def _take_things(tx: Transaction, template: Template, hashed: Hashed) -> Verdict:
    """A limit on a thing needs the thing: a claim that does not name it is refused, not let through."""
    for kind in THINGS:
        limit: int | None = getattr(template.limits, f"per_{kind}")
        if limit is None:
            continue
        value = hashed.get(kind)
        if value is None:
            return Refuse(f"{kind}_required")
        key = {"template_id": template.template_id, "kind": kind, "value": value}
        if not _count(tx, template, claim_things, key, limit, {kind: value}):
            return Refuse(f"{kind}_limit")
    return PASS


_IN_STOCK = Prepared(
    select(templates.c.issued, templates.c.quantity, claim_pools.c.promised_cents, *_MONEY)
    .select_from(templates)
    .outerjoin(claim_pools, claim_pools.c.template_id == templates.c.template_id)
    .outerjoin(campaigns, campaigns.c.campaign_id == templates.c.campaign_id)
    .where(templates.c.template_id == bindparam("counted_id"))
)
_IN_PERIOD = Prepared(
    select(claim_quotas.c.claimed).where(
        claim_quotas.c.template_id == bindparam("counted_id"), claim_quotas.c.period == bindparam("in_period")
    )
)


def still_there(tx: Transaction, template: Template, promised_cents: int, zone: tzinfo) -> Verdict:
    """Whether the shared limits have anything left, without locking them: most of a crowd ends here.

    ``promised_cents`` is what the coupon may take off in all its uses. A pass has yet to be taken.
    """
    open_now = allowances(template.limits, tx.now, zone)
    if isinstance(open_now, Refuse):
        return open_now
    for allowance in open_now:
        period = {"counted_id": template.template_id, "in_period": allowance.period}
        counted = _IN_PERIOD.one(tx.connection, period)
        if counted is not None and counted.claimed >= allowance.quota:
            return allowance.refuse
    row = _IN_STOCK.one(tx.connection, {"counted_id": template.template_id})
    if row.quantity is not None and row.issued >= row.quantity:
        return Refuse("quantity_exhausted")
    if template.pool_cents is not None and (row.promised_cents or 0) + promised_cents > template.pool_cents:
        return Refuse("pool_exhausted")
    if template.campaign_id is None or not promised_cents:
        return PASS
    if row.committed_cents >= row.budget_cents:
        return Refuse("budget_exhausted")
    if row.liability_cents is not None and row.live_cents + promised_cents > row.liability_cents:
        return Refuse("liability_exhausted")
    return PASS


def take_shared(tx: Transaction, template: Template, promised_cents: int, zone: tzinfo) -> None:
    """Leave for last: the money of the campaign, the pool, the quotas of the moment and the quantity."""
    of, pool_cents = template.template_id, template.pool_cents
    if template.campaign_id is not None and promised_cents:
        payer = template.campaign_id
        tx.last(("campaigns", payer), lambda: add_live(tx, payer, promised_cents, capped=True))
    if pool_cents is not None:
        tx.last(("claim_pools", of), lambda: _promise(tx, of, promised_cents, pool_cents))
    open_now = allowances(template.limits, tx.now, zone)
    for allowance in () if isinstance(open_now, Refuse) else open_now:
        tx.last(("claim_quotas", of, allowance.period), partial(_take_quota, tx, of, allowance))
    tx.last(("templates", of), lambda: take_quantity(tx, template))


def _take_quota(tx: Transaction, template_id: str, allowance: Allowance) -> Verdict:
    key = {"template_id": template_id, "period": allowance.period}
    return PASS if count_up(tx.connection, claim_quotas, key, "claimed", allowance.quota) else allowance.refuse


_ISSUE = Prepared(
    update(templates)
    .where(
        templates.c.template_id == bindparam("counted_id"),
        templates.c.version == bindparam("counted_version"),
        templates.c.access != "closed",
        or_(templates.c.quantity.is_(None), templates.c.issued < templates.c.quantity),
    )
    .values(issued=templates.c.issued + 1)
)
_ON_SHELF = Prepared(
    select(templates.c.version, templates.c.access).where(templates.c.template_id == bindparam("counted_id"))
)


def take_quantity(tx: Transaction, template: Template) -> Verdict:
    """Count one issued coupon. A template that was closed meanwhile gives none; one that was edited is read anew."""
    key = {"counted_id": template.template_id, "counted_version": template.version}
    if _ISSUE.count(tx.connection, key) == 1:
        return PASS
    row = _ON_SHELF.one(tx.connection, {"counted_id": template.template_id})
    if row.version != template.version:
        raise StaleError(template.template_id)
    return Refuse("template_closed" if row.access == "closed" else "quantity_exhausted")


def add_live(tx: Transaction, campaign_id: str, cents: int, *, capped: bool) -> Verdict:
    """Move the face value of live coupons; a new coupon (``capped``) needs room under the cap and a budget to spend."""
    values = {"payer": campaign_id, "cents": cents}
    if (_ADD_CAPPED if capped else _ADD_LIVE).count(tx.connection, values) == 1:
        return PASS
    payer = tx.connection.execute(select(campaigns).where(campaigns.c.campaign_id == campaign_id)).one()
    spent = payer.committed_cents >= payer.budget_cents
    return Refuse("budget_exhausted" if spent else "liability_exhausted")


def add_committed(tx: Transaction, campaign_id: str, cents: int) -> Verdict:
    """Move held and spent discount; it never passes the budget."""
    moved = _ADD_COMMITTED.count(tx.connection, {"payer": campaign_id, "cents": cents}) == 1
    return PASS if moved else Refuse("budget_exhausted")


_CENTS = bindparam("cents", type_=campaigns.c.live_cents.type)
_LIVE = (
    update(campaigns)
    .where(campaigns.c.campaign_id == bindparam("payer"))
    .values(live_cents=campaigns.c.live_cents + _CENTS)
)
_ADD_LIVE = Prepared(_LIVE)
_ADD_CAPPED = Prepared(
    _LIVE.where(
        or_(campaigns.c.liability_cents.is_(None), campaigns.c.live_cents + _CENTS <= campaigns.c.liability_cents),
        campaigns.c.committed_cents < campaigns.c.budget_cents,
    )
)
_ADD_COMMITTED = Prepared(
    update(campaigns)
    .where(
        campaigns.c.campaign_id == bindparam("payer"),
        campaigns.c.committed_cents + _CENTS <= campaigns.c.budget_cents,
    )
    .values(committed_cents=campaigns.c.committed_cents + _CENTS)
)


def _count(
    tx: Transaction,
    template: Template,
    table: Table,
    key: dict[str, Any],
    limit: int,
    who: Mapping[str, str],
    between: tuple[datetime, datetime] | None = None,
) -> bool:
    """Count one more under ``key`` while that stays within ``limit``; ``who`` and ``between`` say whose claims."""
    if template.version == 1:
        return count_up(tx.connection, table, key, "claimed", limit)
    insert_new(tx.connection, table, {**key, "claimed": 0})
    mine = [table.c[name] == value for name, value in key.items()]
    tx.connection.execute(select(table.c.claimed).where(*mine).with_for_update()).one()
    claimed = _claimed(tx, template, who, between)
    if claimed >= limit:
        return False
    tx.connection.execute(update(table).where(*mine).values(claimed=claimed + 1))
    return True


def _claimed(
    tx: Transaction, template: Template, who: Mapping[str, str], between: tuple[datetime, datetime] | None
) -> int:
    """How many coupons (or packs) of the template these claims were, under all its versions."""
    issued = coupons if prices(template.kind) else bundles
    held: list[ColumnElement[bool]] = [issued.c[name] == value for name, value in who.items()]
    if between is not None:
        held += [issued.c.claimed_at >= between[0], issued.c.claimed_at < between[1]]
    query = select(func.count()).select_from(issued).where(issued.c.template_id == template.template_id, *held)
    return int(tx.connection.execute(query).scalar_one())


_PROMISE = Prepared(
    update(claim_pools)
    .where(
        claim_pools.c.template_id == bindparam("pool_of"),
        claim_pools.c.promised_cents + bindparam("cents", type_=claim_pools.c.promised_cents.type)
        <= bindparam("pool", type_=claim_pools.c.promised_cents.type),
    )
    .values(promised_cents=claim_pools.c.promised_cents + bindparam("cents", type_=claim_pools.c.promised_cents.type))
)


def _promise(tx: Transaction, template_id: str, cents: int, pool_cents: int) -> Verdict:
    """Add to what the draws of a template promise in all, while the pool holds it (F017)."""
    insert_new(tx.connection, claim_pools, {"template_id": template_id, "promised_cents": 0})
    values = {"pool_of": template_id, "cents": cents, "pool": pool_cents}
    return PASS if _PROMISE.count(tx.connection, values) == 1 else Refuse("pool_exhausted")
