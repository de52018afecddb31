"""What is asked of the scoring service and what it answers; shared by the service and its client."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[\x21-\x7e]+$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Number = Annotated[float, Field(allow_inf_nan=False)]
ACTIONS = ("allow", "watch", "cap", "hold", "step_up", "withhold", "revoke", "freeze", "block")
KEEPS_COUPONS = ("withhold", "revoke", "freeze", "block")
"""Actions that keep coupons from an account; a ``hold`` waits for a reviewer and keeps nothing."""
Action = Annotated[str, StringConstraints(pattern=f"^({'|'.join(ACTIONS)})$")]


class Message(BaseModel):
    """Extra fields are refused: a caller who sends ``propensity`` or ``holdout`` is told so, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Subject(Message):
    """Whom it is about, with what the caller saw a moment ago.

    ``counts`` are named like the model's features; ``live``, who else claimed on the same things just now, as
    ``serving.store.company`` says.
    """

    user_id: Name
    device_id: Identifier | None = None
    ip: Identifier | None = None
    address: Identifier | None = None
    terminal: Identifier | None = Field(None, description="where it happens; the shop's own kiosk is no household")
    counts: dict[Name, Number] = Field(default_factory=dict, max_length=50)
    live: dict[Name, Number] = Field(default_factory=dict, max_length=50)


class DecisionRequest(Subject):
    """Which of ``offers`` for this user, if any? The same ``key`` and user give the same answer."""

    key: Name = Field(description="id of the decision; with the user id it fixes every random draw")
    trigger: Name = "session"
    offers: list[Name] = Field(max_length=100, description="template ids that may be given; `none` is always one")


class DecisionBatch(Message):
    decisions: list[DecisionRequest] = Field(min_length=1, max_length=1000)


class Reason(Message):
    """One reason in words; ``code`` names the feature or rule."""

    code: str
    en: str
    zh: str


class LiveRisk(Message):
    """What the company of this hour says: log odds of abuse are ``base`` plus all ``points``.

    ``known`` is what stored features said of the account and its things, so that the caller can weigh again with what
    it learns a moment later.
    """

    score: float
    base: float
    points: dict[str, float]
    known: dict[str, float] = Field(default_factory=dict)


class Risk(Message):
    """How risky this user is now: ``score`` in [0, 1], None when nothing could be said.

    It is the larger of what the model says of the account and what its company of this hour says (``live``).
    """

    user_id: str
    score: float | None
    action: Action
    reasons: list[Reason]
    flagged: bool = Field(description="a person or a flow has flagged this user")
    cold_start: bool
    versions: dict[str, str]
    fallback: bool = False
    live: LiveRisk | None = None


class RiskRequest(Subject):
    occasion: Annotated[str, StringConstraints(pattern=r"^(trigger|claim|redemption)$")] = "claim"


class OfferScore(Message):
    """Cents: expected effect on margin, expected coupon cost, profit after the chance of abuse, and the score that was
    ranked (profit less the prices of budget and offer)."""

    offer: str
    value_cents: float | None
    cost_cents: float | None
    redeem_probability: float | None
    score: float | None
    probability: float
    profit_cents: float | None = None


class Explanation(Message):
    """Why the price rule gives what it gives, whatever chance or risk made of it; cents, null where nothing is to say.

    Each of the last lines alone would turn the choice: a price of ¥1 of budget below or above, an expected cost of the
    runner-up below, of the choice above, or a price of one unit of the runner-up below.
    """

    rule_offer: str
    profit_cents: float
    cost_cents: float
    budget_price: float = Field(description="profit that one cent of coupon cost must bring")
    unit_price_cents: float = Field(description="profit that one coupon of a limited offer must bring")
    runner_up: str | None
    lead_cents: float | None = Field(description="how far the choice is ahead of the runner-up")
    price_below: float | None
    offer_below: str | None
    price_above: float | None
    offer_above: str | None
    cost_below_cents: float | None
    cost_above_cents: float | None
    unit_below_cents: float | None
    en: str
    zh: str


class Decision(Message):
    """The answer: ``propensity`` is the probability with which ``offer`` was drawn from ``eligible``."""

    key: str
    user_id: str
    eligible: list[str]
    offer: str
    propensity: float = Field(gt=0, le=1)
    holdout: bool
    explored: bool
    reason: str
    offers: list[OfferScore]
    risk: Risk
    cold_start: bool
    features_as_of: datetime | None
    versions: dict[str, str]
    fallback: bool = False
    explanation: Explanation | None = None


class DecisionAnswers(Message):
    decisions: list[Decision]
