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
        distance = self.distance or 0
        amount = f"{distance // 100}.{distance % 100:02d}"
        return sentence.replace("{amount}", amount).replace("{count}", str(distance))


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
        "coupon_revoked": Entry("This coupon has been taken back.", "该券已被收回。"),
        "outside_hours": Entry("This coupon cannot be used at this time.", "当前时段不可使用该券。"),
        "pieces_short": Entry("Add {count} more to use this coupon.", "再购 {count} 件即可使用该券。"),
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
        "limits_changed": Entry("The quantity cannot be less than what was issued.", "发行量不能小于已发放数量。"),
        "not_claimable": Entry("This coupon is not given by claim.", "该券不支持主动领取。"),
        "not_pushable": Entry("This coupon is not given by push.", "该券不支持系统发放。"),
        "place_mismatch": Entry("This coupon is not given here.", "该券不在此处发放。"),
        "audience_mismatch": Entry("This coupon is for other users.", "该券仅限指定用户领取。"),
        "tier_mismatch": Entry("This coupon is for members of another tier.", "该券仅限指定等级会员领取。"),
        "birthday_mismatch": Entry("This coupon is for the month of your birthday.", "该券仅限生日当月领取。"),
        "profile_required": Entry("We do not know this user well enough yet.", "缺少该用户的资料，暂不可领取。"),
        "phone_unverified": Entry("Verify your phone number first.", "请先验证手机号。"),
        "identity_unverified": Entry("Verify your identity first.", "请先完成实名认证。"),
        "identity_taken": Entry("This identity is bound to another account.", "该实名信息已绑定其他账号。"),
        "newcomer_only": Entry("This coupon is for new users.", "该券仅限新用户。"),
        "newcomer_linked": Entry("This coupon is for new users.", "该券仅限新用户。"),
        "first_order_only": Entry("This coupon is for a first order.", "该券仅限首单。"),
        "device_limit": Entry("No more of these coupons on this device.", "该设备领取次数已达上限。"),
        "ip_limit": Entry("No more of these coupons from this network.", "该网络领取次数已达上限。"),
        "address_limit": Entry("No more of these coupons for this address.", "该地址领取次数已达上限。"),
        "device_required": Entry("This coupon needs to know the device.", "缺少设备信息，无法领取。"),
        "ip_required": Entry("This coupon needs to know the network.", "缺少网络信息，无法领取。"),
        "address_required": Entry("This coupon needs to know the address.", "缺少收货地址，无法领取。"),
        "day_quota_exhausted": Entry(
            "Today's coupons have been claimed; come back tomorrow.", "今日已领完，请明日再来。"
        ),
        "slot_closed": Entry("This coupon cannot be grabbed right now.", "当前不在抢券时段。"),
        "slot_exhausted": Entry("The coupons of this hour have been claimed.", "本场次已抢完。"),
        "pool_exhausted": Entry("The money behind this coupon is used up.", "该券奖金已发完。"),
        "code_unknown": Entry("This code cannot be redeemed.", "兑换码无效。", 404),
        "code_locked": Entry("Too many wrong codes; try again later.", "错误次数过多，请稍后再试。", 429),
        "reward_repeated": Entry("This has been rewarded already.", "该行为已获得奖励。"),
        "reward_self": Entry("You cannot invite yourself.", "不能邀请自己。"),
        "reward_not_yet": Entry("Not yet: {count} more to go.", "还差 {count} 次即可获得。"),
        "capped": Entry("You can take another coupon later.", "领取过于频繁，请稍后再领。"),
        "account_frozen": Entry("This account is frozen; ask for a review.", "账号已冻结，可申请复核。", 403),
        "account_blocked": Entry(
            "This account may not use coupons; ask for a review.", "账号已被限制，可申请复核。", 403
        ),
        "claims_too_fast": Entry("Too many claims at once; try again in a minute.", "领取人数过多，请稍后再试。", 429),
        "under_review": Entry("This claim is being looked at.", "该领取正在核实中。"),
        "step_up_required": Entry("Confirm that it is you to go on.", "请先完成身份验证。"),
        # orders
        "order_taken": Entry("This order holds other coupons already.", "该订单已锁定其他优惠券。"),
        "too_many_coupons": Entry("An order does not take that many coupons.", "超过每单可用券数量。"),
        "one_coupon_per_order": Entry("An order takes one coupon.", "每个订单只能使用一张券。"),
        "not_stackable": Entry("One of these coupons cannot be combined.", "其中有券不可与其他券叠加。"),
        "same_kind": Entry("Coupons of the same kind cannot be combined.", "同类券不可叠加使用。"),
        "kinds_excluded": Entry("These coupons cannot be combined.", "这些券不可叠加使用。"),
        "activity_excluded": Entry("This coupon cannot be combined with the promotion.", "该券不可与当前促销叠加。"),
        "points_excluded": Entry("This coupon cannot be combined with points.", "该券不可与积分叠加。"),
        "margin_guard": Entry("This coupon cannot be used for these items.", "该券不可用于当前商品。"),
        "order_under_review": Entry("This order is being looked at.", "该订单正在审核中。"),
        "orders_too_fast": Entry("Too many orders in a short time.", "短时间内下单过多。", 429),
        "freight_already_refunded": Entry("No freight is left to refund.", "没有可退的运费。"),
        "order_unknown": Entry("There is no such order.", "订单不存在。", 404),
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
        "version_stale": Entry(
            "The template was changed meanwhile; look at it again.", "券模板已被修改，请刷新后重试。"
        ),
        # webhooks
        "webhook_unknown": Entry("There is no such webhook.", "该 Webhook 不存在。", 404),
        "webhook_disabled": Entry("This webhook is disabled.", "该 Webhook 已停用。"),
        "event_unknown": Entry("There is no such event.", "事件不存在。", 404),
        # changes of the abuse rule
        "rule_unknown": Entry("There is no such change of the rule.", "规则变更不存在。", 404),
        "rule_state": Entry("This change is not at the step where that can be done.", "该变更当前状态不支持此操作。"),
        "rule_same": Entry("The live rule says this already.", "与现行规则相同，无需变更。"),
        "rule_first": Entry(
            "Nothing was promoted yet, so there is nothing to go back to.", "尚未发布过变更，无法回退。"
        ),
        "rule_untested": Entry("A finished backtest of exactly this rule is needed first.", "须先完成对该规则的回测。"),
        "rule_stale": Entry(
            "The live rule has changed since the backtest; run it again.", "回测后现行规则已变更，请重新回测。"
        ),
        "rule_own": Entry("Another person has to approve or reject this.", "须由他人批准或驳回。", 403),
        "rule_shadows": Entry(
            "Three rules are in shadow already; end one first.", "已有三条规则处于影子运行，请先结束其一。"
        ),
        # block and allow lists, appeals, reveals
        "listed": Entry("Coupons cannot be used here; ask for a review.", "当前无法使用优惠券，可申请复核。", 403),
        "list_entry_unknown": Entry("There is no such entry.", "名单记录不存在。", 404),
        "list_entry_exists": Entry(
            "This value is on the list already; prolong that entry instead.", "该值已在名单中，请延长原记录。"
        ),
        "list_entry_removed": Entry("This entry has been removed.", "该名单记录已移除。"),
        "list_needs_lead": Entry(
            "Many settled accounts share this; only a lead may block it.", "该值被多个老用户共用，须由组长封禁。", 403
        ),
        "appeal_open": Entry("An appeal of this account is waiting already.", "该账号已有待处理的申诉。"),
        "appeal_unknown": Entry("There is no such appeal.", "申诉不存在。", 404),
        "appeal_decided": Entry("This appeal has been decided.", "该申诉已处理。"),
        "reveals_too_many": Entry(
            "You have looked at as many raw values as an hour allows.", "一小时内查看明文次数已达上限。", 429
        ),
        # people and review
        "clock_backwards": Entry("The test clock moves forward only.", "测试时钟只能向前拨。"),
        "action_unknown": Entry("There is no such action.", "处置记录不存在。", 404),
        "action_undone": Entry("This action has been undone.", "该处置已撤销。"),
        "case_unknown": Entry("There is no such case.", "案件不存在。", 404),
        "case_decided": Entry("This case has been decided.", "该案件已处理。"),
        "case_leased": Entry("Somebody else has this case in hand.", "该案件正由他人处理。"),
        "lease_over": Entry("Your time for this case is over; take it again.", "领取已到期，请重新领取。"),
        "case_not_yours": Entry("Another person has to decide this.", "须由他人处理。", 403),
        "case_not_decided": Entry("This case has not been decided.", "该案件尚未处理。"),
        "case_proposed": Entry("A proposal waits for a second person.", "该案件已有处置建议，等待复核。"),
        "case_changed": Entry(
            "The case has other members now than you were shown; look again.", "案件成员已变化，请重新查看。"
        ),
        "not_proposed": Entry("There is no proposal to answer.", "没有待复核的处置建议。"),
        "snooze_end": Entry("The end must lie ahead, within 90 days.", "截止时间须在今后 90 天内。"),
        "queue_view_unknown": Entry("There is no such view.", "视图不存在。", 404),
        "queue_views_full": Entry(
            "You have as many views as there may be; delete one.", "视图数量已达上限，请先删除。"
        ),
        # staff
        "staff_unknown": Entry("There is no such account.", "没有该账户。", 404),
        "staff_exists": Entry("An account of this name exists.", "该账户名已存在。"),
        "staff_disabled": Entry("This account is disabled.", "该账户已停用。"),
        "staff_last_admin": Entry("The last active admin stays.", "最后一位在用的管理员不能停用或更改。"),
        "staff_elsewhere": Entry("This account is not kept here.", "该账户由其他身份来源管理。"),
        "password_wrong": Entry("The password is not right.", "密码不正确。", 403),
    }
)


def words(code: str) -> tuple[str, str]:
    """A refusal in English and Chinese, for a page that was sent on with its code."""
    entry = CATALOGUE[code]
    return entry.en, entry.zh
