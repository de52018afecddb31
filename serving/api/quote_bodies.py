"""What a quote is asked: a cart of a user, and what to try out that is not so: a moment, more coupons, a return."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from serving.api.order_bodies import QuoteBody, RefundUnits
from serving.api.words import Body, Flag, Instant, Slug
from serving.coupons.cart import MAX_LINES
from serving.trial import Return, Trial

MOST_TRIED = 20
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _in_reach(at: datetime) -> datetime:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("a moment of the years 2000 to 2099")
    return at


class ReturnBody(Body):
    """Units that would come back of the cart, once it were paid; ``freight`` gives that back too."""

    lines: list[RefundUnits] = Field(default_factory=list, max_length=MAX_LINES)
    freight: Flag = False

    def value(self) -> Return:
        units = tuple((line.line_no, unit) for line in self.lines for unit in line.units)
        return Return(units, self.freight)


class TrialQuoteBody(QuoteBody):
    """A cart on its way to an order, now or as it would be; nothing that is tried is kept."""

    at: Annotated[Instant, AfterValidator(_in_reach)] | None = Field(
        None,
        description="price it as of this moment: validity and hours as they are then, limits and money as they are now",
    )
    with_templates: list[Slug] = Field(
        default_factory=list,
        max_length=MOST_TRIED,
        description="as if the user had one more coupon of each, issued at that moment; named `try:<template_id>`",
    )
    refund: ReturnBody | None = Field(None, description="what would come back of the best price for these units")

    @field_validator("with_templates")
    @classmethod
    def _each_once(cls, ids: list[str]) -> list[str]:
        if len(set(ids)) != len(ids):
            raise ValueError("each template once")
        return ids

    def trial(self) -> Trial:
        at = self.at.astimezone(UTC).replace(tzinfo=None) if self.at is not None else None
        return Trial(at, tuple(self.with_templates), self.refund.value() if self.refund is not None else None)
