"""What a card says of a coupon in English and Chinese: the condition of its use and what it gives then (F096).

Amounts are in the shop's one currency, which a page writes beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from serving.coupons.kinds import (
    Bundle,
    CategoryPercent,
    Freight,
    Gift,
    GiftPack,
    GiveBack,
    Kind,
    LuckyDraw,
    NoThreshold,
    Percent,
    QuantityCut,
    RandomAmount,
    SpecialPrice,
    ThresholdCut,
    TieredCut,
)

Said = tuple[str, str]

_FORMS: Mapping[str, Said] = {
    "points": ("points", "积分"),
    "red_packet": ("in a red packet", "元红包"),
    "virtual_money": ("in shop money", "元购物金"),
}


def condition(kind: Kind, drawn_cents: int | None = None) -> Said:
    """What must hold for the coupon to be used and what it gives then; ``drawn_cents`` of a random amount.

    >>> from serving.coupons.kinds import Percent, ThresholdCut
    >>> condition(ThresholdCut(20_000, 5_000))
    ('Spend 200, save 50', '满200元减50元')
    >>> condition(Percent(15, 5_000))
    ('15% off, at most 50', '8.5折，最多减50元')
    """
    if isinstance(kind, RandomAmount) and drawn_cents is not None:
        return _from_minimum(kind, f"save {money(drawn_cents)}", f"减{money(drawn_cents)}元")
    return _SAID[type(kind)](kind)


def money(cents: int) -> str:
    """Whole amounts without decimals.

    >>> money(1230), money(20_000)
    ('12.30', '200')
    """
    return f"{cents // 100}.{cents % 100:02d}" if cents % 100 else str(cents // 100)


def _fold(percent_off: int) -> str:
    """A percentage off as Chinese shops write it: 10 % off is 9折, 15 % off is 8.5折."""
    tens, ones = divmod(100 - percent_off, 10)
    return f"{tens}.{ones}折" if ones else f"{tens}折"


def _spend(minimum_cents: int, *, strict: bool) -> Said:
    amount = money(minimum_cents)
    return (f"Spend more than {amount}", f"超过{amount}元") if strict else (f"Spend {amount}", f"满{amount}元")


def _from_minimum(kind: Any, en: str, zh: str) -> Said:
    """A gain, after the least spend where the kind asks for one."""
    if not kind.minimum_cents:
        return en[0].upper() + en[1:], zh
    spend_en, spend_zh = _spend(kind.minimum_cents, strict=kind.strict)
    return f"{spend_en}, {en}", f"{spend_zh}{zh}"


def _threshold(kind: ThresholdCut) -> Said:
    return _from_minimum(kind, f"save {money(kind.face_cents)}", f"减{money(kind.face_cents)}元")


def _tiered(kind: TieredCut) -> Said:
    said = []
    for step in kind.steps:
        en, zh = _spend(step.minimum_cents, strict=kind.strict)
        said.append((f"{en}, save {money(step.face_cents)}", f"{zh}减{money(step.face_cents)}元"))
    return "; ".join(en for en, _ in said), "，".join(zh for _, zh in said)


def _percent(kind: Percent) -> Said:
    cap = money(kind.cap_cents)
    return _from_minimum(kind, f"{kind.percent_off}% off, at most {cap}", f"{_fold(kind.percent_off)}，最多减{cap}元")


def _category_percent(kind: CategoryPercent) -> Said:
    cap = money(kind.cap_cents)
    en = ", ".join(f"{rate.percent_off}% off {rate.category}" for rate in kind.rates)
    zh = "，".join(f"{rate.category} {_fold(rate.percent_off)}" for rate in kind.rates)
    return _from_minimum(kind, f"{en}, at most {cap}", f"{zh}，最多减{cap}元")


def _special(kind: SpecialPrice) -> Said:
    least = money(min(special.price_cents for special in kind.prices))
    if len(kind.prices) == 1:
        return f"Special price {least}", f"特价{least}元"
    return f"Special prices from {least}", f"特价{least}元起"


def _no_threshold(kind: NoThreshold) -> Said:
    return f"Save {money(kind.face_cents)} on any order", f"无门槛减{money(kind.face_cents)}元"


def _freight(kind: Freight) -> Said:
    most = money(kind.face_cents)
    return _from_minimum(kind, f"up to {most} of the freight free", f"减运费{most}元")


def _random(kind: RandomAmount) -> Said:
    low, high = money(kind.low_cents), money(kind.high_cents)
    return _from_minimum(kind, f"save {low} to {high}", f"随机减{low}至{high}元")


def _quantity(kind: QuantityCut) -> Said:
    cut = money(kind.face_cents)
    if kind.max_times == 1:
        return f"Buy {kind.pieces}, save {cut}", f"满{kind.pieces}件减{cut}元"
    return (
        f"Save {cut} for every {kind.pieces}, up to {kind.max_times} times",
        f"每满{kind.pieces}件减{cut}元，最多{kind.max_times}次",
    )


def _gift(kind: Gift) -> Said:
    gifts_en = ", ".join(f"{gift.quantity} × {gift.sku}" for gift in kind.gifts)
    gifts_zh = "、".join(f"{gift.sku}×{gift.quantity}" for gift in kind.gifts)
    en, zh = f"get {gifts_en} free", f"赠{gifts_zh}"
    if kind.minimum_pieces:
        en, zh = f"buy {kind.minimum_pieces}, {en}", f"满{kind.minimum_pieces}件{zh}"
    return _from_minimum(kind, en, zh)


def _give_back(kind: GiveBack) -> Said:
    form_en, form_zh = _FORMS[kind.give]
    amount = str(kind.amount) if kind.give == "points" else money(kind.amount)
    return _from_minimum(kind, f"get {amount} {form_en} back", f"返{amount}{form_zh}")


def _bundle(kind: Bundle) -> Said:
    goods = " + ".join(f"{item.quantity} × {item.sku}" for item in kind.items)
    if kind.price_cents is not None:
        return f"{goods} for {money(kind.price_cents)}", f"{goods} 组合价{money(kind.price_cents)}元"
    return f"{goods}, save {money(kind.face_cents or 0)}", f"{goods} 立减{money(kind.face_cents or 0)}元"


def _pack(kind: GiftPack) -> Said:
    return f"{len(kind.templates)} coupons at once", f"一次领取{len(kind.templates)}张券"


def _draw(kind: LuckyDraw) -> Said:
    return f"One of {len(kind.prizes)} coupons by chance", f"{len(kind.prizes)}种券随机抽取1张"


_SAID: Mapping[type[Any], Callable[[Any], Said]] = {
    ThresholdCut: _threshold,
    TieredCut: _tiered,
    Percent: _percent,
    CategoryPercent: _category_percent,
    SpecialPrice: _special,
    NoThreshold: _no_threshold,
    Freight: _freight,
    RandomAmount: _random,
    QuantityCut: _quantity,
    Gift: _gift,
    GiveBack: _give_back,
    Bundle: _bundle,
    GiftPack: _pack,
    LuckyDraw: _draw,
}
