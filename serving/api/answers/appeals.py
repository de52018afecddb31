"""Appeals, as they are answered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.api.answers.words import Moment, Shown, UserId, Written


class AppealAnswer(Shown):
    """What the customer may read."""

    en: str = Field(examples=["We have looked at your account again and our decision stands."])
    zh: str = Field(examples=["我们已复核您的账号，维持原处理结果。"])


class Appeal(Shown):
    """An appeal and what came of it; why, and who decided, stays inside."""

    appeal_id: str = Field(examples=["apl_01kqgdbj000000000000000000"])
    user_id: UserId
    state: Literal["open", "granted", "refused"]
    created_at: Moment
    decided_at: Moment | None
    answer: AppealAnswer | None


class AppealWritten(Appeal, Written):
    """An appeal as it stands after this request."""


class Appeals(Shown):
    """Appeals in the order in which they came."""

    data: list[Appeal]
    has_more: bool
