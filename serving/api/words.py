"""The shared types of bodies: strict JSON, where numbers must be numbers and extra fields are refused."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from serving.coupons.money import MAX_CENTS
from serving.scoring.messages import Action, Identifier, Name
from serving.who import Who

__all__ = [
    "Action",
    "Body",
    "Category",
    "Cents",
    "Day",
    "Flag",
    "Identifier",
    "Instant",
    "Name",
    "Percentage",
    "Positive",
    "Slug",
    "Text",
    "Title",
    "WhoBody",
    "Word",
]


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("a day as YYYY-MM-DD")
    return value


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a moment with its zone, such as 2026-05-01T12:00:00+08:00")
    return value


def _levels(name: str) -> str:
    if "" in (level.strip() for level in name.split("/")):
        raise ValueError("levels with a name, such as beauty/skin")
    return name


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
Cents = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
Positive = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Percentage = Annotated[int, Field(strict=True, ge=0, le=100)]
Flag = Annotated[bool, Field(strict=True)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]+$")]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f|]+$")]
Category = Annotated[Word, AfterValidator(_levels)]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class Body(BaseModel):
    """What an app takes; nothing may be added to it unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WhoBody(Body):
    """The user and what came with the request; identifiers are hashed before they are stored.

    ``stepped_up`` says that the caller has just made sure that it is this person.
    """

    user_id: Name = Field(examples=["u_1001"])
    device_id: Identifier | None = Field(None, examples=["5f2c9a71"])
    ip: Identifier | None = Field(None, examples=["203.0.113.7"])
    address: Identifier | None = Field(None, examples=["1 Long Street, Shanghai"])
    stepped_up: Flag = False

    def who(self, terminal: str | None = None) -> Who:
        return Who(self.user_id, self.device_id, self.ip, self.address, terminal, self.stepped_up)
