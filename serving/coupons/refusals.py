"""``Pass | Refuse``: every decision of the domain, and the one catalogue of refusals in English and Chinese.

A refusal carries its code, the distance to success where one exists (cents to spend, seconds to wait) and no fact about
anybody else's coupon: an unknown coupon and a foreign one are the same refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Pass:
    """The rule holds."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The rule does not hold: ``code`` names it, ``distance`` says how far success is, in the unit of ``unit``."""

    code: str
    distance: int | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise KeyError(f"refusal {self.code!r} is not in the catalogue")

    @property
    def status(self) -> int:
        return CATALOGUE[self.code].status

    def text(self, language: str = "en") -> str:
        """The sentence for a reader of ``en`` or ``zh``.

        >>> Refuse("amount_short", 1230, "cents").text()
        'Spend 12.30 more to use this coupon.'
        >>> Refuse("amount_short", 1230, "cents").text("zh")
        '再消费 12.30 元即可使用该券。'
        """
        entry = CATALOGUE[self.code]
        sentence = entry.zh if language == "zh" else entry.en
        amount = f"{(self.distance or 0) // 100}.{(self.distance or 0) % 100:02d}"
        return sentence.replace("{amount}", amount)


Verdict = Pass | Refuse
PASS = Pass()


@dataclass(frozen=True, slots=True)
class Entry:
    """How a refusal is said, and the HTTP status that it becomes."""

    en: str
    zh: str
    status: int = 409


CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        # using a coupon (the ladder of the check, in its order)
        "coupon_unknown": Entry("There is no such coupon for this user.", "该用户没有这张券。", 404),
        "not_yet_valid": Entry("This coupon is not valid yet.", "该券尚未到使用时间。"),
        "coupon_expired": Entry("This coupon has expired.", "该券已过期。"),
        "coupon_used": Entry("This coupon has been used.", "该券已使用。"),
        "coupon_held": Entry("This coupon is locked for another order.", "该券已被其他订单锁定。"),
        "terminal_mismatch": Entry("This coupon cannot be used on this terminal.", "该券不能在此终端使用。"),
        "scope_mismatch": Entry("No item in the cart takes part in this coupon.", "购物车中没有适用该券的商品。"),
        "amount_short": Entry("Spend {amount} more to use this coupon.", "再消费 {amount} 元即可使用该券。"),
        "nothing_to_deduct": Entry("There is nothing left that this coupon could take off.", "没有可抵扣的金额。"),
        # claiming
        "template_unknown": Entry("There is no such template.", "券模板不存在。", 404),
        "campaign_unknown": Entry("There is no such campaign.", "活动不存在。", 404),
        "template_closed": Entry("This coupon cannot be claimed now.", "该券当前不可领取。"),
        "decision_required": Entry("This coupon is given by decision only.", "该券仅定向发放。"),
        "decision_unknown": Entry("There is no such decision for this user.", "该用户没有此发放决策。", 404),
        "decision_mismatch": Entry("The decision offers another coupon.", "该决策对应的是其他券。"),
        "decision_taken": Entry("The coupon of this decision has been claimed.", "该决策的券已被领取。"),
        "claim_over": Entry("The time to claim this coupon is over.", "领取时间已结束。"),
        "quantity_exhausted": Entry("All coupons have been claimed.", "券已领完。"),
        "user_limit_total": Entry("You have claimed as many of these coupons as allowed.", "已达到该券的领取上限。"),
        "user_limit_day": Entry("You have claimed as many as allowed today.", "今日领取次数已达上限。"),
        "budget_exhausted": Entry("The budget of the campaign is used up.", "活动预算已用完。"),
        "liability_exhausted": Entry("No more coupons of this campaign can be given out now.", "活动发放额度已满。"),
        "under_review": Entry("This claim is being looked at.", "该领取正在核实中。"),
        "step_up_required": Entry("Confirm that it is you to go on.", "请先完成身份验证。"),
        # orders
        "one_coupon_per_order": Entry("An order takes one coupon.", "每个订单只能使用一张券。"),
        "hold_unknown": Entry("There is no such hold.", "锁定记录不存在。", 404),
        "hold_released": Entry("The hold was given back with its order.", "该锁定已随订单释放。"),
        "hold_lost": Entry("The hold ran out and the coupon went to another order.", "锁定已超时，券已用于其他订单。"),
        "hold_expired": Entry("The hold ran out and so did the coupon.", "锁定已超时且券已过期。"),
        "already_redeemed": Entry("The order of this hold has been redeemed.", "该订单已核销。"),
        "redemption_unknown": Entry("There is no such redemption.", "核销记录不存在。", 404),
        "already_rolled_back": Entry("This redemption has been rolled back.", "该核销已回滚。"),
        "refunds_started": Entry("Units of this order have been refunded.", "该订单已有商品退款。"),
        "not_fully_refunded": Entry("Units of this order have not been returned yet.", "该订单尚有商品未退回。"),
        "line_unknown": Entry("The order has no such line.", "订单中没有该商品行。"),
        "unit_unknown": Entry("The line has no such unit.", "商品行中没有该件商品。"),
        "unit_already_refunded": Entry("This unit has been refunded.", "该件商品已退款。"),
        # setting up
        "template_exists": Entry("A template of this id exists.", "该券模板已存在。"),
        "campaign_exists": Entry("A campaign of this id exists.", "该活动已存在。"),
        # review
        "case_unknown": Entry("There is no such case.", "案件不存在。", 404),
        "case_decided": Entry("This case has been decided.", "该案件已处理。"),
    }
)
