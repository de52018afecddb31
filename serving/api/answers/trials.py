"""Quotes that try something out: the moment that was priced, and what would come back of the order."""

from __future__ import annotations

from pydantic import Field

from serving.api.answers.orders import RefundedUnit
from serving.api.answers.quotes import Quote
from serving.api.answers.words import Cents, Moment, Shown


class TriedReturn(Shown):
    """What would come back of the best price, by the frozen split of a paid order."""

    refunded_cents: Cents
    points_cents: Cents
    freight_cents: Cents
    units: list[RefundedUnit]
    refunded_total_cents: Cents
    left_cents: Cents = Field(description="what stays paid")


class TriedQuote(Quote):
    """A quote; the last two are there only where something was tried."""

    at: Moment | None = Field(None, description="the moment of the prices")
    refund: TriedReturn | None = None
