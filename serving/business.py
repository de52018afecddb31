"""The coupon business on one ledger, built from settings: issuer, redeemer and the gate that both ask about risk."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from serving.client import ScoringClient
from serving.coupons.codes import GuessLimit
from serving.coupons.pricing import Rates
from serving.coupons.rewards import RewardRules
from serving.issuer import ClaimPolicy, Issuer
from serving.people.checks import Checks
from serving.privacy import Hasher
from serving.redeemer import Redeemer
from serving.risk import RiskGate
from serving.settings import Settings
from serving.sides import Sandbox, SandboxClock, Side
from serving.store.unit import Store


def side(settings: Settings, store: Store, scoring: ScoringClient) -> Side:
    """Issuer and redeemer on a store that the caller opened and closes."""
    zone, secret = ZoneInfo(settings.shop.timezone), settings.risk.key.encode()
    gate = RiskGate(
        store,
        scoring,
        Hasher(settings.risk.key),
        settings.policy.salt,
        settings.policy.holdout,
        _checks(settings),
        settings.checks.capped_per_day,
    )
    claims = settings.claims
    policy = ClaimPolicy(
        claims.links(),
        GuessLimit(claims.wrong_codes_per_minute),
        RewardRules(claims.sign_in_days, claims.shares_per_day),
    )
    redeemer = Redeemer(store, gate, rates(settings), settings.services.hold_minutes, settings.rollback.value(), secret)
    return Side(store, Issuer(store, gate, zone, secret, policy), redeemer)


def sandbox(settings: Settings, live: Side) -> Sandbox:
    """The side of test keys, on a ledger of its own; scoring is the live one, which keeps nothing."""
    clock = SandboxClock()
    store = Store(settings.sandbox_url, clock)
    return Sandbox(side(settings, store, live.issuer.scoring), clock, live.store)


def rates(settings: Settings) -> Rates:
    """What pricing needs of the shop."""
    return Rates(
        settings.stacking.value(),
        ZoneInfo(settings.shop.timezone),
        settings.pricing.points_per_yuan,
        settings.pricing.margin(),
    )


def _checks(settings: Settings) -> Checks:
    checks = settings.checks
    return Checks(
        checks.large_order_cents,
        checks.orders_in_a_row,
        timedelta(minutes=checks.orders_within_minutes),
        checks.device_accounts,
        ip_claims_per_minute=checks.ip_claims_per_minute,
    )
