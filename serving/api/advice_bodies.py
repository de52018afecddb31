"""What a shop says of itself when it asks for advice on a template."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from serving.api.template_bodies import TemplateBody
from serving.api.words import Body, Cents, Percentage, Positive
from serving.coupons.shop_facts import ShopFacts
from serving.coupons.template import Template

Price = Annotated[Cents, Field(ge=1)]


class FactsBody(Body):
    """Facts that the advice rests on; what is left out is taken from the settings."""

    cheapest_item_cents: Price | None = Field(None, examples=[1200])
    average_order_cents: Price | None = Field(None, examples=[8000])
    gross_margin_percent: Percentage | None = Field(None, examples=[30])
    user_value_cents: Price | None = Field(None, description="what a user of the audience is expected to spend")
    item_price_cents: Price | None = Field(None, description="of a typical item of the scope", examples=[10000])
    item_cost_cents: Cents | None = Field(None, examples=[8000])

    def over(self, known: ShopFacts) -> ShopFacts:
        """These facts, and what is known for those that are left out."""
        given = self.model_dump(exclude_none=True)
        return ShopFacts(**{name: given.get(name, getattr(known, name)) for name in type(self).model_fields})


class CreateBody(TemplateBody):
    """A new template, with the facts that its advice should rest on."""

    shop_facts: FactsBody | None = None

    def value(self, template_id: str = "") -> Template:
        """The template alone; raises ``InvalidError`` for fields that do not go together."""
        fields = {name: getattr(self, name) for name in TemplateBody.model_fields}
        return TemplateBody.model_construct(**fields).value(template_id)


class EditBody(CreateBody):
    """The next version of a template; ``version`` is the one that was looked at. Access is not part of an edit."""

    version: Positive = Field(examples=[1])
