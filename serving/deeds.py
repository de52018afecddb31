"""Coupons for what users do: sign in, review, share, invite, play, buy as a complete group (F020, F021, F063–F065)."""

from __future__ import annotations

from typing import Any

from serving.bundles import Given
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.rewards import GROUP_BUY, INVITE, SHARE, SIGN_IN, Deed, days_left
from serving.coupons.slots import seconds_to_tomorrow
from serving.coupons.validity import local_day
from serving.issue import Grant
from serving.issuer import Issuer, Part, Wanted, given_view
from serving.risk import Asked
from serving.store.people import shopper_of
from serving.store.rewards import add_reward, same_person, sign_in, take_day, take_reward
from serving.store.shelf import find_template
from serving.store.unit import Answer, Command, Transaction, refusal
from serving.who import Who


async def reward(issuer: Issuer, who: Who, deed: Deed, template_id: str) -> Command:
    """Reward a deed once; the same deed again is refused, whoever reports it."""
    asked = await issuer.gate.ask(who, "claim", template_id)
    if deed.kind == SIGN_IN:
        return _sign_in(issuer, asked, deed, template_id)

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = _invited(tx, issuer, deed, asked) if deed.kind == INVITE else PASS
        if isinstance(verdict, Refuse):
            return verdict
        given = _reward(tx, issuer, asked, deed, template_id)
        return _answer(given, asked) if isinstance(given, Given) else given

    return command


async def reward_group(issuer: Issuer, part: Part, who: Who, deed: Deed, template_id: str) -> Command:
    """A group is complete: each member draws one, in a transaction of its own (F020).

    The group is recorded first, with its members: the same group cannot be reported again with others in it.
    """

    def found(tx: Transaction) -> Answer | Refuse:
        if find_template(tx.connection, template_id) is None:
            return Refuse("template_unknown")
        day = local_day(tx.now, issuer.zone)
        reward_id = take_reward(tx, deed, day)
        if reward_id is None:
            return Refuse("reward_repeated")
        add_reward(tx, reward_id, deed, day, (), counted=False)
        return Answer(201, {"reward_id": reward_id})

    group = await part("group", found)
    if group.status != 201:
        return lambda _: Refuse(group.body["code"])
    rows: list[dict[str, Any]] = []
    for user_id in deed.members:
        member = who if user_id == who.user_id else Who(user_id)
        asked = await issuer.gate.ask(member, "claim", template_id)
        wanted = Wanted(source=GROUP_BUY)

        def drawn(tx: Transaction, asked: Asked = asked, wanted: Wanted = wanted) -> Answer | Refuse:
            return issuer.answer(issuer.grant(tx, asked, template_id, wanted, deed.ref), asked)

        answer = await part(f"member/{user_id}", drawn)
        rows.append({"user_id": user_id, "status": answer.status, "answer": answer.body})
    return lambda _: Answer(201, {**group.body, "data": rows})


def _reward(tx: Transaction, issuer: Issuer, asked: Asked, deed: Deed, template_id: str) -> Given | Answer | Refuse:
    """Take the deed and its day, and give the coupon; a machine's "no" leaves the deed unrewarded.

    Risk is honoured before anything is taken, so its answer keeps only the case.
    """
    day = local_day(tx.now, issuer.zone)
    grant = issuer.allow(tx, asked, template_id, Wanted(source=deed.source), deed.ref or str(day))
    if not isinstance(grant, Grant):
        return grant
    reward_id = take_reward(tx, deed, day)
    if reward_id is None:
        return Refuse("reward_repeated")
    shared = deed.kind == SHARE
    if shared and not take_day(tx, deed, day, issuer.policy.rewards.shares_per_day):
        return Refuse("user_limit_day", seconds_to_tomorrow(tx.now, issuer.zone), "seconds")
    given = issuer.give(tx, grant)
    if isinstance(given, Given):
        coupon_ids = [coupon.coupon_id for coupon, _ in given.coupons]
        add_reward(tx, reward_id, deed, day, coupon_ids, counted=shared)
    return given


def _sign_in(issuer: Issuer, asked: Asked, deed: Deed, template_id: str) -> Command:
    """Count a day; the last day of a full run earns the coupon. What stops the coupon does not undo the day."""

    def command(tx: Transaction) -> Answer | Refuse:
        streak = sign_in(tx, deed.user_id, local_day(tx.now, issuer.zone))
        if streak is None:
            return Refuse("reward_repeated")
        left = days_left(streak, issuer.policy.rewards)
        body: dict[str, Any] = {"streak": streak, "days_left": left, "coupons": [], "fallback": asked.risk.fallback}
        if left:
            return Answer(200, {**body, "refused": refusal(Refuse("reward_not_yet", left, "days")).body})
        given: Given | Answer | Refuse = tx.attempt(lambda: _reward(tx, issuer, asked, deed, template_id))
        if isinstance(given, Refuse):
            return Answer(200, {**body, "refused": refusal(given).body})
        if isinstance(given, Answer):
            return Answer(200, {**body, "refused": given.body})
        return Answer(201, {**body, **_answer(given, asked).body})

    return command


def _invited(tx: Transaction, issuer: Issuer, deed: Deed, asked: Asked) -> Verdict:
    """Nobody invites himself, under another account neither; and the invited one is new: no customer of
    before, and nobody's second account (F021).
    """
    invitee = deed.invitee or ""
    if same_person(tx.connection, deed.user_id, invitee, asked.hashed):
        return Refuse("reward_self")
    invited = shopper_of(tx.connection, invitee, {}, tx.now)
    if invited.orders > 1:  # one may be the very order that tells the shop of the invitation
        return Refuse("newcomer_only")
    return Refuse("newcomer_linked") if issuer.policy.links.refused(invited.linked_old) else PASS


def _answer(given: Given, asked: Asked) -> Answer:
    """Rewards always answer with a list."""
    view = given_view(given)
    return Answer(201, {"coupons": view.get("coupons", [view]), "fallback": asked.risk.fallback})
