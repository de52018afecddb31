"""Why a user cannot have a coupon now: a claim is rehearsed, and the first limit in its way is told with its counter.

The rehearsal is the claim itself (rules, risk, every limit) in a transaction that is rolled back: nothing is counted.
A limit on a device, network or address cannot be told without the thing, so it is left out and said to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from serving.claimability import Claimability
from serving.coupons.refusals import Refuse
from serving.coupons.slots import allowances
from serving.coupons.template import Template
from serving.coupons.validity import local_day
from serving.issuer import Issuer, Wanted
from serving.store.limits import ALL_DAYS
from serving.store.schema import decisions, user_claims
from serving.store.schema_claims import claim_pools, claim_quotas
from serving.store.shelf import find_campaign, find_on_shelf
from serving.store.unit import Request, refusal
from serving.who import Who

_WITHOUT = ("device_required", "ip_required", "address_required")


@dataclass(frozen=True, slots=True)
class Counter:
    """How much of a limit is used, in ``unit``: coupons or cents."""

    used: int
    most: int
    unit: str = "coupons"

    def view(self) -> dict[str, Any]:
        return {"used": self.used, "most": self.most, "unit": self.unit}


async def why_not(issuer: Issuer, user_id: str, template_id: str) -> dict[str, Any]:
    """What a claim of this user would be told now, as JSON values; ``code`` is None when it would be granted."""
    store = issuer.store
    now = store.clock()
    decision_id = await store.fetch(lambda connection: open_decision(connection, user_id, template_id, now))
    command = await issuer.claim(Who(user_id), Wanted(template_id, decision_id))
    asked = Request("rehearsal", "", "why-not", "")
    answer = await store.run(asked, command, dry_run=True)
    body: Mapping[str, Any] = answer.body if answer.status >= 400 else {}
    left_out = body["code"].removesuffix("_required") if body.get("code") in _WITHOUT else None
    if left_out is not None:
        body = await store.fetch(lambda connection: _without_things(issuer, connection, user_id, template_id, now))
    code = body.get("code")
    counter = await store.fetch(
        lambda connection: _counter(connection, str(code), user_id, template_id, now, issuer.zone)
    )
    return {
        "user_id": user_id,
        "template_id": template_id,
        "at": f"{now.isoformat()}Z",
        "decision_id": decision_id,
        "claimable": code is None,
        "code": code,
        "detail": body.get("detail"),
        "detail_zh": body.get("detail_zh"),
        "distance": body.get("distance"),
        "counter": counter.view() if counter is not None else None,
        "left_out": left_out,
    }


def open_decision(connection: Connection, user_id: str, template_id: str, now: datetime) -> str | None:
    """The newest decision that offers this coupon and may still be claimed."""
    query = (
        select(decisions.c.decision_id)
        .where(
            decisions.c.user_id == user_id,
            decisions.c.offer == template_id,
            decisions.c.coupon_id.is_(None),
            decisions.c.claim_until > now,
        )
        .order_by(decisions.c.decided_at.desc(), decisions.c.decision_id.desc())
        .limit(1)
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def _without_things(
    issuer: Issuer, connection: Connection, user_id: str, template_id: str, now: datetime
) -> Mapping[str, Any]:
    """The other limits alone; rules and risk have passed already when a limit asks for a thing."""
    entry = find_on_shelf(connection, template_id)
    if entry is None:
        return refusal(Refuse("template_unknown")).body
    asked = Claimability(connection, user_id, "", now, issuer.zone, issuer.policy.links)
    verdict = asked.limits([entry])[0]
    return refusal(verdict).body if isinstance(verdict, Refuse) else {}


def _counter(
    connection: Connection, code: str, user_id: str, template_id: str, now: datetime, zone: tzinfo
) -> Counter | None:
    """The counter behind a refusal; None for a rule that counts nothing."""
    entry = find_on_shelf(connection, template_id)
    read = _COUNTERS.get(code)
    if entry is None or read is None:
        return None
    return read(_Asked(connection, entry.template, entry.issued, user_id, now, zone))


@dataclass(frozen=True, slots=True)
class _Asked:
    connection: Connection
    template: Template
    issued: int
    user_id: str
    now: datetime
    zone: tzinfo

    def of_user(self, day: str, most: int | None) -> Counter | None:
        claimed = self.connection.execute(
            select(user_claims.c.claimed).where(
                user_claims.c.template_id == self.template.template_id,
                user_claims.c.user_id == self.user_id,
                user_claims.c.day == day,
            )
        ).scalar_one_or_none()
        return None if most is None else Counter(claimed or 0, most)

    def quota(self, code: str) -> Counter | None:
        open_now = allowances(self.template.limits, self.now, self.zone)
        found = () if isinstance(open_now, Refuse) else (one for one in open_now if one.code == code)
        for allowance in found:
            claimed = self.connection.execute(
                select(claim_quotas.c.claimed).where(
                    claim_quotas.c.template_id == self.template.template_id, claim_quotas.c.period == allowance.period
                )
            ).scalar_one_or_none()
            return Counter(claimed or 0, allowance.quota)
        return None

    def pool(self) -> Counter | None:
        promised = self.connection.execute(
            select(claim_pools.c.promised_cents).where(claim_pools.c.template_id == self.template.template_id)
        ).scalar_one_or_none()
        most = self.template.pool_cents
        return None if most is None else Counter(promised or 0, most, "cents")

    def quantity(self) -> Counter | None:
        most = self.template.limits.quantity
        return None if most is None else Counter(self.issued, most)

    def payer(self, used: str, most: str) -> Counter | None:
        row = find_campaign(self.connection, self.template.campaign_id) if self.template.campaign_id else None
        cap = getattr(row, most) if row is not None else None
        return None if row is None or cap is None else Counter(getattr(row, used), cap, "cents")


_COUNTERS: Mapping[str, Callable[[_Asked], Counter | None]] = {
    "user_limit_total": lambda asked: asked.of_user(ALL_DAYS, asked.template.limits.per_user),
    "user_limit_day": lambda asked: asked.of_user(
        local_day(asked.now, asked.zone).isoformat(), asked.template.limits.per_user_day
    ),
    "day_quota_exhausted": lambda asked: asked.quota("day_quota_exhausted"),
    "slot_exhausted": lambda asked: asked.quota("slot_exhausted"),
    "quantity_exhausted": lambda asked: asked.quantity(),
    "pool_exhausted": lambda asked: asked.pool(),
    "budget_exhausted": lambda asked: asked.payer("committed_cents", "budget_cents"),
    "liability_exhausted": lambda asked: asked.payer("live_cents", "liability_cents"),
}
