"""What explanations say, in English and Chinese, always from codes and figures; amounts are in the shop's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NONE = "none"


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in both languages."""

    en: str
    zh: str

    def view(self) -> dict[str, str]:
        return {"en": self.en, "zh": self.zh}


REASONS: Mapping[str, Words] = {
    "best": Words("The price rule chose it: it earns most after its prices.", "价格规则选择：扣除各项代价后收益最高。"),
    "no_gain": Words("No coupon earns its price, so none is given.", "没有券能抵回代价，因此不发券。"),
    "explored": Words("Drawn by chance, so that the models can learn.", "随机抽取，供模型学习。"),
    "holdout": Words(
        "The user is in the group without coupons, by which we tell what coupons earn.",
        "该用户属于不发券的对照组，用于衡量券的收益。",
    ),
    "withheld": Words("Coupons are withheld from this account because of risk.", "该账户因风险暂不发券。"),
    "nothing_eligible": Words("No coupon was on offer here.", "此处没有可发的券。"),
    "contact_limit": Words("This user has had as many coupons as one user may.", "该用户得到的券已达每人上限。"),
    "fallback": Words(
        "Scoring did not answer in time; the rules gave the cheapest eligible coupon.",
        "评分服务未及时响应，按规则发放成本最低的可发券。",
    ),
}
_UNKNOWN = Words("The reason was not stored.", "未保存原因。")

KEPT: Mapping[str, Words] = {
    "full": Words("All that was decided by is stored.", "决策依据完整保存。"),
    "scores": Words(
        "Scores are stored, but not the prices that they had to pay: what would have turned the choice is unknown.",
        "保存了各项得分，但未保存当时的价格，无法判断什么会改变选择。",
    ),
    "rules": Words(
        "Rules decided in place of the models: there are no scores to compare.",
        "由规则代替模型决策，没有可比较的得分。",
    ),
    "nothing": Words(
        "This decision is from before details were stored: only the offer and its probability are known.",
        "该决策早于明细保存，仅知道所选的券及其概率。",
    ),
}

_STEPS: Mapping[str, Words] = {
    "coupon.claimed": Words("claimed", "领取"),
    "coupon.held": Words("locked for an order", "下单锁定"),
    "coupon.released": Words("given back by the order", "订单释放"),
    "coupon.redeemed": Words("used", "核销"),
    "coupon.refunded": Words("part of its discount returned with a refund", "退款收回部分优惠"),
    "coupon.rolled_back": Words("order undone", "订单撤销"),
    "coupon.expired": Words("expired", "过期"),
    "coupon.revoked": Words("taken back", "收回"),
    "coupon.restored": Words("given back after review", "复核后恢复"),
}


def reason_words(code: str) -> Words:
    return REASONS.get(code, _UNKNOWN)


def step_words(kind: str) -> Words:
    return _STEPS.get(kind, Words(kind, kind))


def flips_of(explanation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What, changed alone, would have given another offer: a code, that offer, the limit, and it in words.

    ``limit_cents`` is an amount in cents; ``limit_price`` the profit that one unit of money of budget has to earn.
    """
    rule, second = str(explanation.get("rule_offer", NONE)), explanation.get("runner_up")
    found: list[dict[str, Any]] = []

    def amount(code: str, offer: Any, limit: Any, en: str, zh: str) -> None:
        if _number(limit):
            words = Words(en.format(cents(limit), name(offer).en), zh.format(cents(limit), name(offer).zh))
            found.append({"code": code, "offer": offer, "limit_cents": limit, "limit_price": None, **words.view()})

    def price(code: str, offer: Any, limit: Any, en: str, zh: str) -> None:
        if _number(limit):
            words = Words(en.format(limit, name(offer).en), zh.format(limit, name(offer).zh))
            found.append({"code": code, "offer": offer, "limit_cents": None, "limit_price": limit, **words.view()})

    amount(
        "cost_below", second, explanation.get("cost_below_cents"),
        "{1}, if it were expected to cost less than {0}", "若其预期成本低于 {0}，则为{1}",
    )  # fmt: skip
    amount(
        "cost_above", NONE, explanation.get("cost_above_cents"),
        f"{{1}}, if {rule} were expected to cost more than {{0}}", f"若 {rule} 预期成本高于 {{0}}，则为{{1}}",
    )  # fmt: skip
    amount(
        "unit_below", second, explanation.get("unit_below_cents"),
        "{1}, if one of it were priced below {0}", "若其每张限量价低于 {0}，则为{1}",
    )  # fmt: skip
    price(
        "price_below", explanation.get("offer_below") or NONE, explanation.get("price_below"),
        "{1}, if every 1 of budget had to earn less than {0:.2f}", "若每 1 元预算要求回报低于 {0:.2f}，则为{1}",
    )  # fmt: skip
    price(
        "price_above", explanation.get("offer_above") or NONE, explanation.get("price_above"),
        "{1}, if every 1 of budget had to earn more than {0:.2f}", "若每 1 元预算要求回报高于 {0:.2f}，则为{1}",
    )  # fmt: skip
    return found


def name(offer: Any) -> Words:
    return Words("no coupon", "不发券") if offer in (None, NONE) else Words(str(offer), f" {offer}")


def cents(value: float) -> str:
    """An amount without its currency, to the cent.

    >>> cents(123456.4), cents(-5)
    ('1,234.56', '−0.05')
    """
    whole = round(value)
    return f"{'−' if whole < 0 else ''}{abs(whole) // 100:,}.{abs(whole) % 100:02d}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
