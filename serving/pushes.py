"""Coupons that the shop puts into wallets of itself: to one user, or to many with one answer for each (F057, F069).

A push counts against the same limits as a claim (F042). Reminders are wishes in the outbox: who sends messages reads
``notification.wanted`` and knows the channels of the template.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.bundles import Given
from serving.coupons.refusals import Refuse
from serving.issuer import Issuer, Part, Wanted
from serving.risk import Asked
from serving.store.notices import add_wish
from serving.store.shelf import find_template
from serving.store.unit import Answer, Command, Transaction
from serving.who import Who

MOST_USERS = 1_000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Push:
    """A coupon of ``template_id`` for whoever is named; ``ref`` is the shop's own name of the occasion."""

    template_id: str
    ref: str | None = None


async def push(issuer: Issuer, who: Who, given: Push) -> Command:
    """Give one user a coupon and wish for a reminder over the channels of its template."""
    asked = await issuer.gate.ask(who, "claim", given.template_id)
    return _command(issuer, asked, given)


async def push_many(issuer: Issuer, part: Part, users: Sequence[Who], given: Push) -> Command:
    """Give each user a coupon in a transaction of its own: everything for this user, or nothing and the reason.

    Small transactions keep claims of others going meanwhile, and a caller who lost the answer sends the same request
    again: who was served is not served twice.
    """
    if await issuer.store.fetch(lambda connection: find_template(connection, given.template_id)) is None:
        return lambda _: Refuse("template_unknown")
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(who: Who) -> dict[str, Any]:
        async with turns:
            asked = await issuer.gate.ask(who, "claim", given.template_id)
            answer = await part(who.user_id, _command(issuer, asked, given))
        return {"user_id": who.user_id, "status": answer.status, "answer": answer.body}

    # All of them end before the answer, also when one fails: nothing goes on behind a request that is over.
    done = await asyncio.gather(*(one(who) for who in users), return_exceptions=True)
    rows = [row for row in done if not isinstance(row, BaseException)]
    for row in done:
        if isinstance(row, BaseException):
            raise row
    issued = sum(1 for row in rows if row["status"] == 201)
    body = {"issued": issued, "refused": len(rows) - issued, "data": rows}
    return lambda _: Answer(200, body)


def want_notice(tx: Transaction, given: Given, reason: str) -> list[str]:
    """Wish that the user hears of new coupons; the channels that will be used, none when the template names none."""
    channels: list[str] = []
    for coupon, template in given.coupons:
        channels += [channel for channel in template.card.channels if channel not in channels]
        add_wish(tx, coupon.coupon_id, coupon.user_id, template.template_id, template.card.channels, reason)
    return channels


def _command(issuer: Issuer, asked: Asked, pushed: Push) -> Command:
    def command(tx: Transaction) -> Answer | Refuse:
        given = issuer.grant(tx, asked, pushed.template_id, Wanted(source="push"), pushed.ref)
        answer = issuer.answer(given, asked)
        if isinstance(given, Given) and isinstance(answer, Answer):
            return Answer(answer.status, {**answer.body, "channels": want_notice(tx, given, "pushed")})
        return answer

    return command
