"""The report of a round: what is spent, what each limit costs, who gets what, and how segments compare."""

from __future__ import annotations

from datetime import date

from models.plots import Interval, bars, intervals
from models.policy.fairness import Fairness
from models.policy.intervals import Interval as Share
from models.policy.plan import Plan
from models.policy.uses import LimitUse
from models.report import Estimate, Money, Percent, Report, Text, Words

NO_OFFER = Words("no coupon", "不发券")
FINEST = 1e-6  # "at most" is true of a ten-thousandth of a percent too, and can be read
NOT_NAMED = Words("everyone else", "其他用户")
_LIMITS = {
    "budget_cents": Words("budget", "预算"),
    "roi_floor": Words("return on coupon cost", "券成本回报率"),
    "min_users": Words("at least so many users of {}", "{} 的最少人数"),
    "max_users": Words("at most so many users of {}", "{} 的最多人数"),
    "min_spend_cents": Words("least spend on {}", "{} 的最低花费"),
    "max_spend_cents": Words("most spend on {}", "{} 的最高花费"),
    "stock": Words("stock of {}", "{} 的数量"),
}


def report_of(done: Plan, day: date, fair: Fairness | None = None) -> Report:
    """The round's figures as a page; ``fair`` compares the segments."""
    figures = done.figures()
    report = Report(Words("Coupons chosen", "选券结果"), subtitle=day.isoformat())
    _verdicts(report, done)
    budget = done.policy.limits.budget_cents
    report.add_tiles(
        [
            (Words("expected spend", "预期花费"), Money(figures["spend_cents"])),
            (Words("budget", "预算"), Money(budget) if budget is not None else Words("none", "无")),
            (Words("expected profit", "预期利润"), Money(figures["profit_cents"])),
            (Words("below the best possible by at most", "距最优上界至多"), Percent(max(figures["gap"], FINEST))),
        ]
    )
    _limits(report, done.uses)
    _offers(report, done, figures)
    if fair is not None:
        add_fairness(report, fair, done.uses)
        figures |= fair.figures()
    return report.add_figures(figures)


def limit_words(name: str) -> Words:
    """A limit's name for people: ``segments[gold].min_users`` is "at least so many users of gold"."""
    subject, _, kind = name.partition("]")
    kind = kind.removeprefix(".") or name.partition("[")[0]
    words, about = _LIMITS[kind], subject.partition("[")[2].replace("<=", "≤")
    return Words(words.en.format(about), words.zh.format(about))


def _verdicts(report: Report, done: Plan) -> None:
    for use in done.uses:
        if use.name == "budget_cents" and use.price > 0 and use.bound > 0:
            more = Money(100 * use.price, 2).html()
            report.add_verdict(
                Words(f"One more ¥1 of budget would earn {more}.", f"预算每增加 ¥1，预计多赚 {more}。"),
                "good" if use.price > 0 else "neutral",
            )
    unmet = [limit_words(name) for name in done.solution.broken]
    if unmet:
        english, chinese = ", ".join(words.en for words in unmet), "、".join(words.zh for words in unmet)
        report.add_verdict(
            Words(
                f"No prices meet these limits exactly on so few users: {english}.",
                f"用户过少，价格规则无法恰好满足：{chinese}。",
            ),
            "bad",
        )
    if done.policy.exploration > 0 and not done.explores:
        report.add_verdict(
            Words(
                "The limits leave no room for exploration: this round teaches the next model nothing.",
                "各项限制没有为探索留下余地：本轮数据无法用于训练下一个模型。",
            ),
            "bad",
        )


def _limits(report: Report, uses: tuple[LimitUse, ...]) -> None:
    if not uses:
        return
    report.add_table(
        Words("Limits, and what loosening each by one unit would earn", "各项限制，以及每放宽一个单位可多赚的利润"),
        [
            Words("limit", "限制"),
            Words("used", "已用"),
            Words("allowed, or needed", "上限或下限"),
            Words("left", "余量"),
            Words("looser by one unit earns", "放宽一单位多赚"),
        ],
        [
            [
                limit_words(use.name),
                _amount(use.used, use.unit),
                _amount(use.bound, use.unit),
                _amount(use.slack, use.unit),
                _per_unit(use),
            ]
            for use in uses
        ],
        digits=3,
    )


def _amount(number: float, unit: str) -> Money | float | int:
    if unit == "cents":
        return Money(number)
    return int(number) if unit == "offers" else number


def _per_unit(use: LimitUse) -> Words:
    """In the unit in which people would change the limit: a yuan, one coupon, a hundredth of return."""
    if not use.price:
        return Words("nothing", "无")
    if use.unit == "cents":
        amount = Money(100 * use.price, 2).html()
        return Words(f"{amount} per ¥1", f"每 ¥1 {amount}")
    if use.unit == "offers":
        amount = Money(use.price, 2).html()
        return Words(f"{amount} per coupon", f"每张 {amount}")
    amount = Money(use.price / 100, 2).html()
    return Words(f"{amount} per 0.01", f"每 0.01 {amount}")


def _offers(report: Report, done: Plan, figures: dict[str, float]) -> None:
    arms, offer = done.policy.arms, done.assigned.offer
    shares = [figures[f"share_{arm}"] for arm in arms]
    names: list[Text] = [NO_OFFER, *arms[1:]]
    report.add_table(
        Words("Offers", "各券占比"),
        [
            Words("offer", "券"),
            Words("users", "用户数"),
            Words("share", "占比"),
            Words("expected cost", "预期成本"),
        ],
        [
            [name, int((offer == at).sum()), Percent(shares[at]), Money(float(done.cost[offer == at].sum()))]
            for at, name in enumerate(names)
        ],
    )
    report.add_figure(
        Words("Who gets what", "各券占用户的比例"),
        bars(names, [100 * share for share in shares], Words("share of users, %", "用户占比，%")),
    )


def add_fairness(report: Report, fair: Fairness, uses: tuple[LimitUse, ...] = ()) -> None:
    """The section that compares segments; floors among ``uses`` are shown with their price."""
    report.add_section(Words("Segments, side by side", "分群对比"))
    report.add_text(
        Words(
            "Users of equal need are those on whom the best offer would earn about as much. A difference that "
            "remains among them comes from prices, limits and the cost of the offers, not from what coupons do.",
            "需求相同指最优券的预期利润相近。在这些用户之间仍存在的差异来自价格、限制和券成本，而不是券的效果。",
        )
    )
    widest = fair.widest
    if widest is not None:
        more = widest.gap_alike.value > 0
        points = f"{100 * abs(widest.gap_alike.value):.1f}"
        low, high = (f"{100 * part:.1f}".replace("-", "−") for part in (widest.gap_alike.low, widest.gap_alike.high))
        name = segment_words(widest.name)
        report.add_verdict(
            Words(
                f"Among users of equal need, {name.en} gets an offer {'more' if more else 'less'} often than others, "
                f"by {points} points [{low}, {high}].",
                f"在需求相同的用户中，{name.zh} 获券比例比其他用户{'高' if more else '低'} {points} 个百分点 "
                f"[{low}, {high}]。",
            )
        )
    else:
        report.add_verdict(
            Words(
                "No segment is shown to be treated differently among users of equal need.",
                "未发现任何分群在需求相同的用户中受到不同对待。",
            ),
            "good",
        )
    floors = [use for use in uses if use.floor and use.price and use.name.startswith("segments[")]
    for use in floors:
        words, price = limit_words(use.name), _per_unit(use)
        report.add_verdict(
            Words(f"The floor “{words.en}” costs {price.en} of profit.", f"下限“{words.zh}”的代价：{price.zh} 利润。")
        )
    report.add_table(
        Words(
            "Who gets offers (95 % intervals; profit and cost in ¥ per user)",
            "谁得到券（95% 区间；利润与成本为元/用户）",
        ),
        [
            Words("segment", "分群"),
            Words("users", "用户数"),
            Words("with an offer, %", "获券比例，%"),
            Words("profit", "利润"),
            Words("cost", "成本"),
            Words("share of spend", "花费占比"),
            Words("against others, points", "与其他用户之差，百分点"),
            Words("of equal need, points", "需求相同时之差，百分点"),
        ],
        [
            [
                segment_words(one.name),
                one.users,
                _points(one.offered),
                one.value.value / 100,
                one.cost.value / 100,
                Percent(one.spend_share),
                _points(one.gap),
                _points(one.gap_alike),
            ]
            for one in fair.segments
        ],
        digits=2,
    )
    shown = [one for one in fair.segments if one.gap_alike.value == one.gap_alike.value]
    if shown:
        report.add_figure(
            Words("Offered more or less often than others of equal need", "与需求相同的其他用户相比的获券比例差"),
            intervals(
                [
                    Interval(segment_words(name), 100 * gap.value, 100 * gap.low, 100 * gap.high)
                    for name, gap in ((one.name, one.gap_alike) for one in shown)
                ],
                Words("points", "百分点"),
                reference=0.0,
            ),
        )


def segment_words(name: str) -> Words:
    """A segment's name for people."""
    shown = name.replace("<=", "≤")
    return Words(shown, shown) if name else NOT_NAMED


def _points(part: Share) -> Estimate:
    return Estimate(100 * part.value, 100 * part.low, 100 * part.high, digits=1)
