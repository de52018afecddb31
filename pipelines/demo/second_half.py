"""The second half of the demo: a day over HTTP, the shop's records of it, abuse again, and every comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx

from pipelines.abuse_rule import decider_of
from pipelines.demo import agreement, truth
from pipelines.demo.apps import Apps
from pipelines.demo.campaign import CAMPAIGN, open_campaign, push_flags
from pipelines.demo.day import live_a_day
from pipelines.demo.history import History
from pipelines.demo.records import add_day
from pipelines.demo.shop_client import ShopClient
from pipelines.flag_abuse import flag_abuse
from pipelines.ingest_tables import ingest_tables
from pipelines.shop.live import Shoppers, Visit
from serving.keys import embedded_keys

Progress = Callable[[str, float], None]


async def play(
    apps: Apps,
    history: History,
    shoppers: Shoppers,
    visits: Sequence[Visit],
    seed: int,
    sample: int,
    progress: Progress,
) -> dict[str, Any]:
    """Drive the day and compare; returns the fields of ``Demo`` that belong to it."""
    settings = apps.settings
    keys = embedded_keys(settings.home)
    budget = settings.policy.budget_cents
    flags = settings.home / "flags.parquet"
    before = truth.policy_profit(settings, history.shop, _lift(history))
    async with (
        httpx.AsyncClient(base_url=apps.url("coupons"), timeout=30) as http,
        httpx.AsyncClient(base_url=apps.url("scoring"), timeout=60) as scoring,
    ):
        client = ShopClient(http, keys)
        await open_campaign(client, history.shop, budget)
        await push_flags(client, flags, "before-the-day")
        progress("compare batch and online decisions", 0.0)
        decisions, batch_seconds = await agreement.compare_decisions(
            scoring, keys["scientist"], history.round.choices, sample, seed
        )
        progress("compare batch and online decisions", 1.0)
        client.seconds.clear()
        name = f"drive a day of {len(visits):,} visits over HTTP"
        progress(name, 0.0)
        outcomes = await live_a_day(
            client, shoppers, visits, CAMPAIGN, apps.set_clock, lambda share: progress(name, share)
        )
        spent = sum(outcome.cost_cents for outcome in outcomes)
        seconds = {route: list(times) for route, times in client.seconds.items()}
        progress("take in the day and flag abuse", 0.0)
        folder = add_day(history.shop, settings.ledger_url, outcomes, settings.home / "day")
        ingest_tables(str(folder))
        flag_abuse(settings.tables, flags, key=settings.risk.key, decider=decider_of(settings.risk))
        cases = await push_flags(client, flags, "after-the-day")
        progress("take in the day and flag abuse", 1.0)
    progress("compare features, ledger and audit chain", 0.0)
    features = agreement.compare_features(settings, history.features.days[-1])
    ledger, audit = agreement.compare_ledger(settings)
    progress("compare features, ledger and audit chain", 1.0)
    return {
        "outcomes": outcomes,
        "budget_cents": budget,
        "spent_cents": spent,
        "policy_profit": before,
        "day_profit": truth.day_profit(outcomes, shoppers),
        "caught": truth.caught(flags, history.shop, outcomes),
        "cases": cases,
        "agreements": agreement.Agreements(decisions, features, ledger, audit),
        "seconds": seconds,
        "refused": dict(client.refused),
        "batch_seconds": batch_seconds,
    }


def _lift(history: History) -> tuple[float, float, float]:
    lift = history.evaluation.comparison.named("policy").lift
    return lift.value, lift.low, lift.high
