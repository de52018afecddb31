"""One decision in words: what the offer is expected to do, what it had to beat, and what would change it.

The texts follow from figures alone, in English and Chinese; the same figures stand in ``choices.parquet`` and in the
answer of the scoring service.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.policy.explain import Explained
from models.policy.price import Floats, Ints

NONE = "none"


@dataclass(frozen=True)
class Why:
    """The price rule's view of one decision; amounts in cents, None where there is nothing to say.

    ``rule_offer`` with its ``profit`` and ``cost``, what a cent of budget (``budget_price``) and one unit of the offer
    (``unit_price``) must earn; ``runner_up`` and the ``lead`` over it; then what would turn the choice, each alone:
    see :class:`models.policy.explain.Explained`.
    """

    rule_offer: str
    profit_cents: float
    cost_cents: float
    budget_price: float
    unit_price_cents: float
    runner_up: str | None
    lead_cents: float | None
    price_below: float | None
    offer_below: str | None
    price_above: float | None
    offer_above: str | None
    cost_below_cents: float | None
    cost_above_cents: float | None
    unit_below_cents: float | None

    @classmethod
    def of(cls, found: Explained, arms: Sequence[str], profit: Floats, cost: Floats, i: int) -> Why:
        """Decision i of n; ``profit`` and ``cost`` (n, K) as they were decided by."""

        def arm(places: Ints) -> str | None:
            return arms[int(places[i])] if places[i] >= 0 else None

        offer = int(found.offer[i])
        return cls(
            rule_offer=arms[offer],
            profit_cents=float(profit[i, offer]),
            cost_cents=float(cost[i, offer]),
            budget_price=float(found.budget_price[i]),
            unit_price_cents=float(found.unit_price[i]),
            runner_up=arm(found.runner_up),
            lead_cents=_known(found.lead[i]),
            price_below=_known(found.price_below[i]),
            offer_below=arm(found.offer_below),
            price_above=_known(found.price_above[i]),
            offer_above=arm(found.offer_above),
            cost_below_cents=_known(found.cost_below[i]),
            cost_above_cents=_known(found.cost_above[i]),
            unit_below_cents=_known(found.unit_below[i]),
        )

    def sentences(self, reason: str) -> tuple[str, str]:
        """English and Chinese, for a reason out of ``assign.REASONS``."""
        if reason in _WITHOUT_RULE:
            return _WITHOUT_RULE[reason]
        before = _BEFORE_RULE.get(reason, ("", ""))
        parts = [before, self._figures(), self._turns()]
        return " ".join(en for en, _ in parts if en), "".join(zh for _, zh in parts)

    def _figures(self) -> tuple[str, str]:
        if self.rule_offer == NONE:
            if self.runner_up is None:
                return "No coupon is the choice.", "选择不发券。"
            short = _yuan(self.lead_cents)
            return (
                f"No coupon earns its price: the best, {self.runner_up}, falls {short} short.",
                f"没有券能抵回代价：最好的 {self.runner_up} 仍差 {short}。",
            )
        paid = self.budget_price * self.cost_cents
        effect, cost = _yuan(self.profit_cents + self.cost_cents), _yuan(self.cost_cents)
        left = _yuan(self.profit_cents - paid - self.unit_price_cents)
        unit_en = f", {_yuan(self.unit_price_cents)} for one of a limited offer" if self.unit_price_cents else ""
        unit_zh = f"，限量占用 {_yuan(self.unit_price_cents)}" if self.unit_price_cents else ""
        ahead_en = ahead_zh = ""
        if self.runner_up is not None:
            second_en, second_zh = _name(self.runner_up)
            lead = _yuan(self.lead_cents)
            ahead_en, ahead_zh = f", {lead} ahead of {second_en}", f"，领先{second_zh} {lead}"
        return (
            f"{self.rule_offer}: {effect} more margin, less {cost} of coupon, {_yuan(paid)} for the budget{unit_en}, "
            f"leaves {left}{ahead_en}.",
            f"{self.rule_offer}：毛利预计增加 {effect}，券成本 {cost}，预算占用 {_yuan(paid)}{unit_zh}，"
            f"净得 {left}{ahead_zh}。",
        )

    def _turns(self) -> tuple[str, str]:
        """One clause per change that would give another offer."""
        en, zh = list[str](), list[str]()

        def add(offer: str | None, when_en: str, when_zh: str) -> None:
            other_en, other_zh = _name(offer or NONE)
            en.append(f"{other_en} if {when_en}")
            zh.append(f"{when_zh}则为{other_zh}")

        if self.cost_below_cents is not None:
            limit = _yuan(self.cost_below_cents)
            add(
                self.runner_up,
                f"that were expected to cost less than {limit}",
                f"{self.runner_up} 预期成本低于 {limit} ",
            )
        if self.cost_above_cents is not None:
            limit = _yuan(self.cost_above_cents)
            add(
                NONE,
                f"{self.rule_offer} were expected to cost more than {limit}",
                f"{self.rule_offer} 预期成本高于 {limit} ",
            )
        if self.unit_below_cents is not None:
            limit = _yuan(self.unit_below_cents)
            add(self.runner_up, f"one of it were priced below {limit}", f"{self.runner_up} 每张限量价低于 {limit} ")
        if self.price_below is not None:
            limit = f"¥{self.price_below:.2f}"
            add(self.offer_below, f"¥1 of budget had to earn less than {limit}", f"每元预算要求回报低于 {limit} ")
        if self.price_above is not None:
            limit = f"¥{self.price_above:.2f}"
            add(self.offer_above, f"¥1 of budget had to earn more than {limit}", f"每元预算要求回报高于 {limit} ")
        if not en:
            return "", ""
        now = f"¥{self.budget_price:.2f}"
        if self.price_below is None and self.price_above is None:
            return f"It would be {'; '.join(en)}.", f"{'；'.join(zh)}。"
        return f"It would be {'; '.join(en)} (now {now}).", f"{'；'.join(zh)}（现为 {now}）。"


_WITHOUT_RULE = {
    "withheld": ("Coupons are withheld from this account because of risk.", "该账户因风险暂不发券。"),
    "nothing_eligible": ("No coupon was on offer here.", "此处没有可发的券。"),
    "contact_limit": ("This user has had as many coupons as one user may.", "该用户得到的券已达每人上限。"),
}
_BEFORE_RULE = {
    "explored": ("Drawn by chance, to learn; the price rule says:", "随机抽取，用于学习；按价格规则应为："),
    "holdout": (
        "In the group without coupons, by which we tell what coupons earn; the price rule says:",
        "属于不发券的对照组，用于衡量券的收益；按价格规则应为：",
    ),
}


def _name(offer: str) -> tuple[str, str]:
    return ("no coupon", "不发券") if offer == NONE else (offer, f" {offer}")


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _yuan(cents: float | None) -> str:
    if cents is None:
        return "–"
    shown = f"{abs(cents) / 100:,.2f}"
    return f"{'−' if cents < 0 and shown != '0.00' else ''}¥{shown}"
