"""The shared types of answers: moments, money, texts in two languages, reasons."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"),
    Field(examples=["2026-05-01T04:00:00Z"]),
]
Cents = Annotated[int, Field(ge=0, examples=[2000])]
Count = Annotated[int, Field(ge=0, examples=[1])]
CouponId = Annotated[str, Field(examples=["cpn_01kqgdbj000000000000000000"])]
TemplateId = Annotated[str, Field(examples=["newcomer_99_20"])]
CampaignId = Annotated[str, Field(examples=["spring"])]
UserId = Annotated[str, Field(examples=["u_1001"])]
HoldId = Annotated[str, Field(examples=["hold_01kqgdbj000000000000000000"])]
OrderId = Annotated[str, Field(examples=["o_7001"])]
RedemptionId = Annotated[str, Field(examples=["red_01kqgdbj000000000000000000"])]


class Shown(BaseModel):
    """What an app answers; fields are only ever added, so a reader leaves alone what it does not know."""

    model_config = ConfigDict(frozen=True)


class Written(Shown):
    """The answer to a write."""

    dry_run: bool = Field(False, description="true when it was a dry run: nothing was saved")


class Asked(Shown):
    """An answer that rests on scoring."""

    fallback: bool = Field(description="true when rules answered because scoring was late or down")


class Texts(Shown):
    """The same in English and Chinese."""

    en: str = Field(examples=["Spend 99, save 20"])
    zh: str = Field(examples=["满99元减20元"])


class Distance(Shown):
    """How far success is: cents to spend, seconds to wait, days to come."""

    amount: int = Field(examples=[1200])
    unit: str | None = Field(examples=["cents"])


class Reason(Shown):
    """Why not: a code of ``/problems``, with its texts."""

    code: str = Field(examples=["minimum_not_reached"])
    detail: str
    detail_zh: str
    distance: Distance | None = Field(None, description="there only where a distance is known")
