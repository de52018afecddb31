"""Which templates a claim would find in stock now, without counting: for triggers and for the coupon centre.

What it says may be over a moment later; the claim decides. A handful of queries for all templates together, and only
those that some template needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, select

from serving.coupons.kinds import prices
from serving.coupons.refusals import Refuse
from serving.coupons.slots import allowances
from serving.coupons.template import Template
from serving.coupons.validity import local_day
from serving.store.limits import ALL_DAYS, THINGS, Hashed
from serving.store.schema import campaigns, templates, user_claims
from serving.store.schema_claims import claim_pools, claim_quotas, claim_things

NO_THINGS: Hashed = {}
Counted = Mapping[tuple[Any, ...], Any]


def claimable(
    connection: Connection,
    offers: Sequence[Template],
    user_id: str,
    now: datetime,
    zone: tzinfo,
    hashed: Hashed = NO_THINGS,
) -> list[Template]:
    """The templates whose limits have room for one more claim of this user; ``hashed`` are the request's things."""
    room = _Room(connection, offers, user_id, now, zone, hashed)
    return [template for template in offers if all(fits(template) for fits in room.rules)]


class _Room:
    """Counters of the offers, read once; ``rules`` say whether a template still has room."""

    def __init__(
        self,
        connection: Connection,
        offers: Sequence[Template],
        user_id: str,
        now: datetime,
        zone: tzinfo,
        hashed: Hashed,
    ) -> None:
        self._connection = connection
        self._now, self._zone, self._hashed = now, zone, hashed
        self._today = local_day(now, zone).isoformat()
        given = [value for kind in THINGS if (value := hashed.get(kind)) is not None]
        self._sold_out = self._read(_SOLD_OUT, [t for t in offers if t.limits.quantity is not None])
        of_user = [t for t in offers if t.limits.per_user is not None or t.limits.per_user_day is not None]
        self._of_user = self._read(_OF_USER, of_user, user_id=user_id, days=[ALL_DAYS, self._today])
        on_things = [t for t in offers if any(getattr(t.limits, f"per_{kind}") is not None for kind in THINGS)]
        self._on_things = self._read(_ON_THINGS, on_things if given else [], values=given)
        quotas = [t for t in offers if t.limits.day_quota is not None or t.limits.slots]
        self._quotas = self._read(_QUOTAS, quotas, day=f"{self._today}%")
        self._pools = self._read(_POOLS, [t for t in offers if t.pool_cents is not None])
        payers = sorted({t.campaign_id for t in offers if t.campaign_id is not None})
        self._payers = {row.campaign_id: row for row in connection.execute(_PAYERS, {"ids": payers})} if payers else {}
        self.rules: tuple[Callable[[Template], bool], ...] = (
            self._in_stock,
            self._user_may,
            self._things_may,
            self._in_quota,
            self._in_pool,
            self._paid_for,
        )

    def _read(self, query: Select[Any], asked: Sequence[Template], **values: Any) -> Counted:
        """The last column of each row by the columns before it."""
        if not asked:
            return {}
        rows = self._connection.execute(query, {"ids": [t.template_id for t in asked], **values})
        return {tuple(row[:-1]): row[-1] for row in rows}

    def _in_stock(self, template: Template) -> bool:
        return (template.template_id,) not in self._sold_out

    def _user_may(self, template: Template) -> bool:
        limits, of = template.limits, template.template_id
        return _below(self._of_user.get((of, ALL_DAYS), 0), limits.per_user) and _below(
            self._of_user.get((of, self._today), 0), limits.per_user_day
        )

    def _things_may(self, template: Template) -> bool:
        """A limit on a thing that this request does not name is not in the way yet: the claim may name it."""
        return all(
            _below(self._on_things.get((template.template_id, kind, value), 0), getattr(template.limits, f"per_{kind}"))
            for kind, value in self._hashed.items()
            if kind in THINGS
        )

    def _in_quota(self, template: Template) -> bool:
        found = allowances(template.limits, self._now, self._zone)
        return not isinstance(found, Refuse) and all(
            self._quotas.get((template.template_id, allowance.period), 0) < allowance.quota for allowance in found
        )

    def _in_pool(self, template: Template) -> bool:
        if template.pool_cents is None:
            return True
        least = getattr(template.kind, "low_cents", template.kind.most_cents) * template.uses
        return bool(self._pools.get((template.template_id,), 0) + least <= template.pool_cents)

    def _paid_for(self, template: Template) -> bool:
        if template.campaign_id is None or not prices(template.kind):
            return True
        payer: Row[Any] = self._payers[template.campaign_id]
        if payer.committed_cents >= payer.budget_cents:
            return False
        live = payer.live_cents + template.kind.most_cents * template.uses
        return payer.liability_cents is None or bool(live <= payer.liability_cents)


def _below(claimed: int, limit: int | None) -> bool:
    return limit is None or claimed < limit


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_SOLD_OUT = select(templates.c.template_id, templates.c.issued).where(
    templates.c.template_id.in_(_IDS), templates.c.issued >= templates.c.quantity
)
_OF_USER = select(user_claims.c.template_id, user_claims.c.day, user_claims.c.claimed).where(
    user_claims.c.template_id.in_(_IDS),
    user_claims.c.user_id == bindparam("user_id"),
    user_claims.c.day.in_(bindparam("days", expanding=True)),
)
_ON_THINGS = select(
    claim_things.c.template_id, claim_things.c.kind, claim_things.c.value, claim_things.c.claimed
).where(claim_things.c.template_id.in_(_IDS), claim_things.c.value.in_(bindparam("values", expanding=True)))
_QUOTAS = select(claim_quotas.c.template_id, claim_quotas.c.period, claim_quotas.c.claimed).where(
    claim_quotas.c.template_id.in_(_IDS), claim_quotas.c.period.like(bindparam("day"))
)
_POOLS = select(claim_pools.c.template_id, claim_pools.c.promised_cents).where(claim_pools.c.template_id.in_(_IDS))
_PAYERS = select(campaigns).where(campaigns.c.campaign_id.in_(_IDS))
