"""Words of the budget lab."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "budget.made": (
        "Round of {day}, policy {policy}, uplift model {uplift}, {users} users",
        "{day} 的发券轮次，策略 {policy}，增益模型 {uplift}，{users} 名用户",
    ),
    "budget.none": (
        "No round has been decided yet. “fairdeal run choose_coupons” decides one and leaves its curve here.",
        "尚未进行过发券决策。运行“fairdeal run choose_coupons”后，此处会显示预算曲线。",
    ),
    "budget.broken": (
        "The curve of the last round cannot be read. Run choose_coupons again.",
        "无法读取上一轮的预算曲线，请重新运行 choose_coupons。",
    ),
    "budget.choose": ("Choose a budget", "选择预算"),
    "budget.amount": ("Budget of the round", "本轮预算"),
    "budget.show": ("Show", "查看"),
    "budget.slider": ("Budget, one of {n} that were worked out", "预算（已预先计算 {n} 档）"),
    "budget.nearest": (
        "Each budget on the slider was decided as a whole round; an amount in between shows the nearest one.",
        "滑块上的每一档预算都完整决策过一轮；输入其他金额时显示最接近的一档。",
    ),
    "budget.key": ("Move the budget", "调整预算"),
    "budget.figures": ("Figures at this budget", "该预算下的数据"),
    "budget.expected": ("Expected profit", "预期利润"),
    "budget.expected_small": ("by the models, after the coupons’ cost", "模型预估，已扣除券成本"),
    "budget.measured": ("Measured profit", "实测利润"),
    "budget.interval": ("95 % interval {low} to {high}", "95% 区间 {low} 至 {high}"),
    "budget.spend": ("Expected spend", "预期花费"),
    "budget.spend_small": ("coupon cost that the round would bring", "本轮预计产生的券成本"),
    "budget.marginal": ("The next {one} earns", "再增加 {one} 的收益"),
    "budget.marginal_small": ("expected profit, after what it costs", "预期利润，已扣除成本"),
    "budget.chart": ("Profit by budget", "各预算下的利润"),
    "budget.axis.budget": ("budget, {currency}", "预算（{currency}）"),
    "budget.axis.profit": ("profit of the round, {currency}", "本轮利润（{currency}）"),
    "budget.offers": ("Users by offer", "各券的用户数"),
    "budget.offer": ("Offer", "券"),
    "budget.users_head": ("Users", "用户"),
    "budget.share": ("Share of all users", "占全部用户"),
    "budget.users": ("{n} users get a coupon, {share} of all.", "{n} 名用户获得券，占 {share}。"),
    "budget.mark.current": ("Current", "当前"),
    "budget.mark.recommended": ("Recommended", "推荐"),
    "budget.mark.break_even": ("Break-even", "盈亏平衡"),
    "budget.means": ("What the figures mean", "数据说明"),
    "budget.means.current": ("The budget with which the last round was decided.", "上一轮实际使用的预算。"),
    "budget.means.recommended": (
        "The least budget beyond which no larger one was shown, on held-out decisions, to earn more (95 %); never "
        "beyond the break-even.",
        "在留出决策上，没有更大的预算被证实（95%）收益更高的最小预算；不超过盈亏平衡点。",
    ),
    "budget.means.enough": (
        "The least budget that is expected to earn 99 % of the most. No evaluation with a band is there yet, so this "
        "rests on the models alone.",
        "预期收益达到最高值 99% 的最小预算。尚无带区间的评估结果，因此仅依据模型。",
    ),
    "budget.means.break_even": (
        "Beyond this more coupons earn no more than they cost.",
        "超过该预算后，更多的券带来的收益不再高于其成本。",
    ),
    "budget.means.expected": (
        "What the models expect of this round at this budget, the share that is given by chance and the group without "
        "coupons included.",
        "模型对本轮在该预算下的预期，包含随机发放的部分和不发券的对照组。",
    ),
    "budget.means.measured": (
        "What the same ranking earned on {n} held-out decisions at this spend per decision, scaled to the users of "
        "this round. The interval covers the sampling of those decisions alone: not that this round’s users differ "
        "from them, and not what the models misjudge of the spend.",
        "同一排序在 {n} 条留出决策上、以相同单次花费实测的利润，按本轮用户数放大。区间仅包含这些决策的抽样误差，"
        "不包含本轮用户与其差异，也不包含模型对花费的误判。",
    ),
    "budget.means.unmeasured": (
        "Not measured yet: “fairdeal run evaluate_policy” adds the interval.",
        "尚未实测：运行“fairdeal run evaluate_policy”后显示区间。",
    ),
    "budget.save": ("Save as draft campaign", "存为活动草稿"),
    "budget.save_means": (
        "Makes a campaign with this budget that cannot spend: no template belongs to it, and templates begin closed. "
        "It begins to spend when a template is added to it and opened.",
        "以该预算新建活动，但不会产生花费：尚无券模板归属于它，且券模板默认关闭。添加并开放券模板后才会开始花费。",
    ),
    "budget.name": ("Name of the draft", "草稿名称"),
    "budget.draft_name": ("Draft: {name}", "草稿：{name}"),
    "budget.saved": (
        "Saved “{name}” ({id}) with a budget of {amount}. It has no template yet, so it cannot spend.",
        "已保存“{name}”（{id}），预算 {amount}。尚无券模板，不会产生花费。",
    ),
}
