"""The rule that an installation's settings ask for: guard rails and costs of actions."""

from __future__ import annotations

from models.abuse.decision.actions import ALLOW, Decider, Remedy, Thresholds
from models.abuse.decision.budgets import Caps
from serving.risk_settings import Risk


def decider_of(risk: Risk) -> Decider:
    """How probabilities become actions here."""
    remedies = {name: Remedy(**of) for name, of in risk.costs.model_dump().items()}
    return Decider(
        Thresholds(risk.review, risk.automatic), {ALLOW: Remedy(1.0, 0.0, 0.0), **remedies}, risk.review_price_cents
    )


def caps_of(risk: Risk) -> Caps:
    """Most that may happen to innocent look-alikes here."""
    return Caps(risk.look_alikes.automatic, risk.look_alikes.review)
