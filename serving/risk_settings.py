"""How probabilities of abuse become actions: guard rails, what each action costs, how many cases people can review."""

from __future__ import annotations

from pydantic import Field, model_validator

from serving.shop_settings import Section

# Everybody can read it here: it keys hashes on one's own machine only.
EMBEDDED_KEY = "embedded-default-identifier-key"


class Remedy(Section):
    """An action: the share of the stake that an abuser still takes, and what it costs in typical coupons."""

    passes: float = Field(ge=0, le=1)
    friction: float = Field(0, ge=0)
    effort: float = Field(0, ge=0)


class Remedies(Section):
    """What each action of a machine costs; doing nothing costs what an abuser takes."""

    cap: Remedy = Remedy(passes=0.8, friction=0.025)
    hold: Remedy = Remedy(passes=0.05, friction=0.1, effort=0.13)
    withhold: Remedy = Remedy(passes=0.0, friction=0.75)


class LookAlikes(Section):
    """Most that may happen to innocent look-alikes, as shares of them."""

    automatic: float = Field(0.005, gt=0, lt=1)
    review: float = Field(0.02, gt=0, lt=1)


class Risk(Section):
    """How abuse flags become actions."""

    review_capacity_per_day: int = Field(200, ge=1)
    review: float = Field(0.25, gt=0, le=1)
    automatic: float = Field(0.7, gt=0, le=1)
    costs: Remedies = Remedies()
    review_price_cents: float = Field(0, ge=0)
    look_alikes: LookAlikes = LookAlikes()
    key: str = Field(EMBEDDED_KEY, min_length=16)

    @model_validator(mode="after")
    def _in_order(self) -> Risk:
        if self.review > self.automatic:
            raise ValueError(f"automatic at least review, {self.review}, not {self.automatic}")
        return self
