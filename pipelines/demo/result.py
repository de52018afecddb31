"""Everything that a demo found, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.agreement import Agreement, Agreements
from pipelines.demo.day import Outcome
from pipelines.demo.history import History
from pipelines.demo.truth import Caught, Profit, percentile


@dataclass(frozen=True)
class Demo:
    """Figures of the history, of the day and of the comparisons; money in cents."""

    users: int
    days: int
    seed: int
    timezone: str
    history: History
    outcomes: Sequence[Outcome]
    budget_cents: int
    spent_cents: int
    policy_profit: Profit
    day_profit: Profit
    caught: Caught
    cases: Mapping[str, int]
    agreements: Agreements
    seconds: Mapping[str, Sequence[float]]
    refused: Mapping[str, int]
    batch_seconds: float

    @property
    def ring_accounts_refused(self) -> str:
        """Of the day's accounts in rings, how many got no coupon."""
        return _refused([outcome for outcome in self.outcomes if outcome.visit.abusive])

    @property
    def newcomers_refused(self) -> str:
        """The same for honest accounts that registered on the day."""
        honest = [o for o in self.outcomes if o.visit.trigger == "registered" and not o.visit.abusive]
        return _refused(honest)

    @property
    def fallbacks(self) -> int:
        """Decisions that rules took because scoring was late or down."""
        return sum(bool(outcome.decision and outcome.decision["fallback"]) for outcome in self.outcomes)

    def counts(self) -> list[tuple[str, str, int]]:
        """What happened on the day: English name, Chinese name, number."""
        orders = [outcome.order for outcome in self.outcomes if outcome.order]
        calls = {route: len(seconds) for route, seconds in self.seconds.items()}
        return [
            ("visits", "访问", len(self.outcomes)),
            ("decisions", "决策", sum(outcome.decision is not None for outcome in self.outcomes)),
            ("decisions by rules, scoring being late", "评分超时由规则代答", self.fallbacks),
            ("coupons claimed", "领券", sum(outcome.coupon_id is not None for outcome in self.outcomes)),
            ("claims refused", "拒绝领取", sum(outcome.withheld for outcome in self.outcomes)),
            ("orders", "订单", len(orders)),
            ("redemptions", "核销", calls.get("/v1/redemptions", 0)),
            ("cancelled before payment", "支付前取消", calls.get("/v1/rollbacks", 0)),
            ("refunds", "退款", calls.get("/v1/refunds", 0)),
            ("review cases opened", "新开案件", self.cases["opened"]),
        ]

    def figures(self) -> dict[str, float | int | str | bool]:
        """All figures under flat names."""
        figures: dict[str, float | int | str | bool] = {
            "users": self.users,
            "days": self.days,
            "seed": self.seed,
            "budget_cents": self.budget_cents,
            "spent_cents": self.spent_cents,
            "uplift_promoted": self.history.uplift.promoted,
            "batch_500_seconds": self.batch_seconds,
        }
        for name, profit in (("policy", self.policy_profit), ("day", self.day_profit)):
            figures |= {
                f"{name}_decisions": profit.decisions,
                f"{name}_profit_cents": profit.estimate,
                f"{name}_profit_cents_low": profit.low,
                f"{name}_profit_cents_high": profit.high,
                f"{name}_profit_cents_truth": profit.truth,
            }
        figures |= {f"round_{name}": value for name, value in self.history.round.figures.items()}
        figures |= {f"abuse_{name}": value for name, value in self.caught.__dict__.items()}
        figures |= {f"day_{name.split(',')[0].replace(' ', '_')}": count for name, _, count in self.counts()}
        figures |= {f"refused_{code}": count for code, count in self.refused.items()}
        for route, seconds in self.seconds.items():
            name = route.strip("/").replace("/", "_")
            figures |= {
                f"latency_{name}_p50_ms": percentile(seconds, 0.5),
                f"latency_{name}_p99_ms": percentile(seconds, 0.99),
            }
        return figures


@dataclass(frozen=True)
class Finished:
    """A finished demo: its value, its page, and where each role goes."""

    demo: Demo
    page: Path
    links: Mapping[str, str]

    def summary(self) -> str:
        """The figures that a newcomer looks for, in a few lines."""
        demo, policy, day, caught = self.demo, self.demo.policy_profit, self.demo.day_profit, self.demo.caught
        agreements = demo.agreements
        return "\n".join(
            [
                "",
                f"spent         ¥{demo.spent_cents / 100:,.0f} of ¥{demo.budget_cents / 100:,.0f} on "
                f"{len(demo.outcomes):,} visits",
                f"earned        {_profit(policy)} on {policy.decisions:,} held-out decisions",
                f"              {_profit(day)} on the day's {day.decisions:,} decisions",
                f"abuse caught  {caught.recall_at_01:.0%} at 0.1 % false positives, {caught.recall_at_1:.0%} at 1 %; "
                f"worst look-alike {caught.worst_look_alike}: {caught.worst_automatic:.2%} automatic, "
                f"{caught.worst_review:.2%} review",
                f"              of the day's ring accounts {demo.ring_accounts_refused} refused, "
                f"of honest newcomers {demo.newcomers_refused}",
                *(
                    f"latency       {route:<18} p50 {percentile(seconds, 0.5):5.1f} ms   "
                    f"p99 {percentile(seconds, 0.99):6.1f} ms"
                    for route, seconds in sorted(demo.seconds.items())
                ),
                f"agreement     batch/online decisions {_apart(agreements.decisions)}; "
                f"offline/online features {_apart(agreements.features)};",
                f"              ledger/events {_apart(agreements.ledger)}; sealed events {_apart(agreements.audit)}",
                f"report        {self.page}",
            ]
        )


def _refused(outcomes: Sequence[Outcome]) -> str:
    return f"{sum(outcome.withheld for outcome in outcomes)} of {len(outcomes)}"


def _profit(profit: Profit) -> str:
    return (
        f"¥{profit.estimate / 100:,.0f} [¥{profit.low / 100:,.0f}, ¥{profit.high / 100:,.0f}] more than no coupons; "
        f"truly ¥{profit.truth / 100:,.0f}"
    )


def _apart(agreement: Agreement) -> str:
    return f"{agreement.differences} of {agreement.compared:,} differ"
