"""What the review desk takes: flags of a run of the abuse flow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from serving.api.words import Action, Body, Name, Slug, Text, Word
from serving.review.case import Flag, Reason


class ReasonBody(Body):
    """One reason in words; ``code`` names the feature or rule."""

    code: Word
    en: Text
    zh: Text


class FlagBody(Body):
    user_id: Name
    score: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
    action: Action
    ring_id: Slug | None = None
    reasons: list[ReasonBody] = Field(default_factory=list, max_length=20)

    def value(self) -> Flag:
        reasons = tuple(Reason(reason.code, reason.en, reason.zh) for reason in self.reasons)
        return Flag(self.user_id, self.score, self.action, reasons, self.ring_id)


class FlagsBody(Body):
    """Flags of a run of the abuse flow; they become or refresh review cases."""

    flags: list[FlagBody] = Field(min_length=1, max_length=5000)
