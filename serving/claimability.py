"""What a claim of each of many templates would be told now, for places that show them: nothing is counted.

The same rules and counters as a claim, asked in the order of a claim: who may have it, the user's own limits, the
quotas of the moment, the quantity, the pool, the campaign's money. It may be over a moment later; the claim decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection

from serving.coupons.claiming import AUTOMATIC, Ask, NewcomerLinks, check_claim
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.slots import allowances, seconds_to_tomorrow
from serving.coupons.template import Limits, Template
from serving.store.claimable import claimable
from serving.store.people import shopper_of
from serving.store.scopes import OnShelf
from serving.store.shelf import find_campaign


@dataclass(frozen=True, slots=True)
class Claimability:
    """One user at one moment and place; ``links`` are the claim's own."""

    connection: Connection
    user_id: str
    place: str
    now: datetime
    zone: tzinfo
    links: NewcomerLinks

    def verdicts(self, found: Sequence[OnShelf]) -> list[Verdict]:
        """A verdict for each, in the same order."""
        shopper = shopper_of(self.connection, self.user_id, {}, self.now)
        asks = [
            Ask(
                entry.template,
                shopper,
                self.now,
                self.zone,
                AUTOMATIC if entry.template.delivery == AUTOMATIC else "claim",
                self.place,
                links=self.links,
            )
            for entry in found
        ]
        ruled = [check_claim(ask) for ask in asks]
        passed = [entry for entry, verdict in zip(found, ruled, strict=True) if not isinstance(verdict, Refuse)]
        used_up = self._used_up(passed)
        return [
            used_up.get(entry.template.template_id, verdict) if not isinstance(verdict, Refuse) else verdict
            for entry, verdict in zip(found, ruled, strict=True)
        ]

    def limits(self, found: Sequence[OnShelf]) -> list[Verdict]:
        """The same of the limits alone, for who has passed the rules already."""
        used_up = self._used_up(found)
        return [used_up.get(entry.template.template_id, PASS) for entry in found]

    def _used_up(self, found: Sequence[OnShelf]) -> dict[str, Refuse]:
        """The first limit that is in the way, of the templates that have one."""
        left = self._without_room([entry.template for entry in found])
        short = [entry for entry in found if entry.template.template_id in left]
        own = self._without_room([_only(entry.template, _own_limits) for entry in short])
        quota = self._without_room([_only(entry.template, _quotas) for entry in short])
        pool = self._without_room([_only(entry.template, _no_limits, entry.template.pool_cents) for entry in short])
        reasons: dict[str, Refuse] = {}
        for entry in short:
            template, name = entry.template, entry.template.template_id
            quantity = template.limits.quantity
            if name in own:
                reasons[name] = self._own_limit(template)
            elif name in quota:
                reasons[name] = self._quota(template)
            elif quantity is not None and entry.issued >= quantity:
                reasons[name] = Refuse("quantity_exhausted")
            else:
                reasons[name] = Refuse("pool_exhausted") if name in pool else self._money(template)
        return reasons

    def _without_room(self, asked: Sequence[Template]) -> frozenset[str]:
        fits = claimable(self.connection, asked, self.user_id, self.now, self.zone) if asked else []
        return frozenset({t.template_id for t in asked} - {t.template_id for t in fits})

    def _own_limit(self, template: Template) -> Refuse:
        if template.limits.per_user is not None:
            return Refuse("user_limit_total")
        return Refuse("user_limit_day", seconds_to_tomorrow(self.now, self.zone), "seconds")

    def _quota(self, template: Template) -> Refuse:
        """Of a day's and a slot's quota the day's is told: a claim in another slot would not help."""
        found = allowances(template.limits, self.now, self.zone)
        return found if isinstance(found, Refuse) else found[0].refuse

    def _money(self, template: Template) -> Refuse:
        payer: Any = find_campaign(self.connection, template.campaign_id) if template.campaign_id else None
        spent = payer is not None and payer.committed_cents >= payer.budget_cents
        return Refuse("budget_exhausted" if spent else "liability_exhausted")


def _only(template: Template, kept: Callable[[Limits], Limits], pool_cents: int | None = None) -> Template:
    """The template as if it had those limits alone; its class could promise others."""
    return replace(
        template, coupon_class="general", limits=kept(template.limits), pool_cents=pool_cents, campaign_id=None
    )


def _own_limits(limits: Limits) -> Limits:
    return Limits(per_user=limits.per_user, per_user_day=limits.per_user_day)


def _quotas(limits: Limits) -> Limits:
    return Limits(day_quota=limits.day_quota, slots=limits.slots, carry=limits.carry)


def _no_limits(_: Limits) -> Limits:
    return Limits()
