"""The sentences of a case: what speaks against its accounts in one line, and what speaks for them, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.coupons.classes import CLASS_NAMES
from serving.review.evidence.hubs import HONEST
from serving.review.evidence.parts import KINDS, Thing, Words

# Singular, plural and Chinese (with its measure word).
NAMES: dict[str, tuple[str, str, str]] = {
    "device": ("device", "devices", "台设备"),
    "ip": ("IP", "IPs", "个 IP"),
    "address": ("address", "addresses", "个地址"),
    "phone": ("phone", "phones", "个手机号"),
    "identity": ("identity", "identities", "个身份"),
}
SPREAD = timedelta(days=7)
"""From how long between the first and the last claim on it does not look like a rush."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentences are made of; ``by_kind`` are (things shared, members on them) of a kind."""

    accounts: int
    by_kind: Mapping[str, tuple[int, int]]
    coupons: int
    templates: int
    coupon_class: str | None
    first: datetime | None
    last: datetime | None
    old: int
    ordering: int
    cleared: int
    addresses: int
    housed: int


def headline(told: Told, shown: Iterable[Thing]) -> Words:
    """The case in a line: "4 accounts, 1 device, 11 minutes, same newcomer coupon".

    Things are named by their kind where half of the accounts share them, and not if all of them are places of others.
    """
    telling = {thing.kind for thing in shown if thing.hub is None or thing.hub.code not in HONEST}
    en, zh = [plural(told.accounts, "account", "accounts")], [f"{told.accounts} 个账号"]
    for kind in KINDS:
        things, on = told.by_kind.get(kind, (0, 0))
        if things and 2 * on >= told.accounts and kind in telling:
            one, many, chinese = NAMES[kind]
            en.append(plural(things, one, many))
            zh.append(f"{things} {chinese}")
    if told.first is not None and told.last is not None and told.coupons > 1:
        english, chinese = length(told.last - told.first)
        en.append(english)
        zh.append(chinese)
    coupons = _coupons(told)
    if coupons is not None:
        en.append(coupons.en)
        zh.append(coupons.zh)
    return Words(", ".join(en), "，".join(zh))


def against(told: Told, things: Iterable[Thing]) -> tuple[Words, ...]:
    """What speaks for the accounts: what a careful person would say before anybody is judged."""
    found = [sentence for thing in things if (sentence := _shared_with(thing)) is not None]
    found += _of_members(told)
    return tuple(found)


def plural(number: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> plural(1, "device", "devices"), plural(2, "device", "devices")
    ('1 device', '2 devices')
    """
    return f"{number} {one if number == 1 else many}"


def length(span: timedelta) -> tuple[str, str]:
    """A length of time in the unit that people would use, in both languages.

    >>> length(timedelta(minutes=11)), length(timedelta(hours=50))[0], length(timedelta(days=9))[0]
    (('11 minutes', '11 分钟'), '50 hours', '9 days')
    """
    minutes = max(1, round(span / timedelta(minutes=1)))
    if minutes < 120:
        return plural(minutes, "minute", "minutes"), f"{minutes} 分钟"
    hours = round(minutes / 60)
    if hours < 72:
        return plural(hours, "hour", "hours"), f"{hours} 小时"
    days = round(hours / 24)
    return plural(days, "day", "days"), f"{days} 天"


def _coupons(told: Told) -> Words | None:
    if not told.coupons:
        return None
    if told.templates > 1 or told.coupons == 1:
        kinds = f", {told.templates} kinds" if told.templates > 1 else ""
        zh = f"（{told.templates} 种）" if told.templates > 1 else ""
        return Words(f"{plural(told.coupons, 'coupon', 'coupons')}{kinds}", f"{told.coupons} 张券{zh}")
    names = CLASS_NAMES.get(told.coupon_class or "")
    if names is None or told.coupon_class == "general":
        return Words("same coupon", "同一种券")
    return Words(f"same {names.en[0].lower()}{names.en[1:]} coupon", f"同一种{names.zh}")


def _shared_with(thing: Thing) -> Words | None:
    """Who else is on a thing, where that speaks for the members."""
    if thing.settled < 1 or thing.kind in ("phone", "identity") or (thing.hub and thing.hub.code not in HONEST):
        return None
    one, _, chinese = NAMES[thing.kind]
    more, zh_more = (" or more", "以上") if thing.at_least else ("", "")
    en = f"this {one} is shared by {thing.settled}{more} older {'account' if thing.settled == 1 else 'accounts'}"
    name = chinese[1:]
    zh = f"该{name}{' ' if name.isascii() else ''}还有 {thing.settled} 个{zh_more}老账号在用"
    if thing.hub is not None:
        return Words(f"{en}: {thing.hub.en}", f"{zh}：{thing.hub.zh}")
    return Words(en, zh)


def _of_members(told: Told) -> Sequence[Words]:
    found: list[Words] = []
    if told.ordering:
        has = "has" if told.ordering == 1 else "have"
        found.append(
            Words(
                f"{told.ordering} of {told.accounts} {has} orders paid without a coupon",
                f"{told.accounts} 个账号中有 {told.ordering} 个下过未用券的订单",
            )
        )
    if told.old:
        found.append(
            Words(
                f"{told.old} of {told.accounts} had been registered for 30 days before their first claim",
                f"{told.accounts} 个账号中有 {told.old} 个在首次领券前已注册满 30 天",
            )
        )
    if told.cleared:
        was = "was" if told.cleared == 1 else "were"
        found.append(
            Words(
                f"{told.cleared} of {told.accounts} {was} cleared by a reviewer before",
                f"{told.accounts} 个账号中有 {told.cleared} 个曾被审核放行",
            )
        )
    if told.first is not None and told.last is not None and told.last - told.first >= SPREAD and told.accounts > 1:
        english, chinese = length(told.last - told.first)
        found.append(Words(f"the claims are spread over {english}", f"领券分布在 {chinese}内"))
    if told.accounts > 1 and told.housed > 1 and told.addresses >= told.housed:
        found.append(
            Words(
                f"{told.housed} accounts named {told.addresses} different addresses",
                f"{told.housed} 个账号使用了 {told.addresses} 个不同地址",
            )
        )
    return found
