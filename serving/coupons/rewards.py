"""What users are rewarded for, and what makes two deeds the same one: pure rules.

A review is rewarded once whoever reports it; sharing once per user and rule of the shop, a game once per user and
reference (the game, or a round of it where rounds are rewarded); an invitation once per invited user and per
reference; a sign-in at the end of every full run of consecutive shop-local days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from serving.coupons.money import InvalidError

SIGN_IN, REVIEW, SHARE, INVITE, GROUP_BUY, GAME = "sign_in", "review", "share", "invite", "group_buy", "game"
DEEDS = (SIGN_IN, REVIEW, SHARE, INVITE, GROUP_BUY, GAME)


@dataclass(frozen=True, slots=True)
class RewardRules:
    """``sign_in_days`` in a row earn a coupon (F064); at most ``shares_per_day`` are rewarded per user (F063)."""

    sign_in_days: int = 7
    shares_per_day: int = 3


@dataclass(frozen=True, slots=True)
class Deed:
    """``ref`` names the review, the rule of sharing, the invitation, the group or the game; a sign-in needs none."""

    kind: str
    user_id: str
    ref: str | None = None
    invitee: str | None = None
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in DEEDS:
            raise InvalidError("kind", self.kind, f"one of: {', '.join(DEEDS)}")
        if (self.ref is None) != (self.kind == SIGN_IN):
            raise InvalidError("ref", self.ref, "a reference, for everything but a sign-in")
        if (self.invitee is None) != (self.kind != INVITE):
            raise InvalidError("invitee", self.invitee, "the invited user, for an invitation alone")
        if bool(self.members) != (self.kind == GROUP_BUY):
            raise InvalidError("members", len(self.members), "the members, for a group alone")
        if self.members and (len(self.members) < 2 or len(set(self.members)) != len(self.members)):
            raise InvalidError("members", len(self.members), "two or more users, each once")
        if self.members and self.user_id not in self.members:
            raise InvalidError("user_id", self.user_id, "a member of the group")

    @property
    def source(self) -> str:
        """Under which source its coupons are stored (F023)."""
        return "game_reward" if self.kind == GAME else self.kind

    def subjects(self, day: date) -> tuple[str, ...]:
        """What may be rewarded once; all of them must be new."""
        match self.kind:
            case "sign_in":
                return (f"{self.user_id}/{day}",)
            case "share" | "game":
                return (f"{self.user_id}/{self.ref}",)
            case "invite":
                return (f"invitee/{self.invitee}", f"ref/{self.ref}")
            case _:
                return (f"{self.ref}",)


def next_streak(last_day: date | None, streak: int, today: date) -> int | None:
    """Days in a row after signing in ``today``; None when today was counted already, or lies before the last day.

    >>> next_streak(date(2026, 5, 1), 6, date(2026, 5, 2)), next_streak(date(2026, 5, 1), 6, date(2026, 5, 3))
    (7, 1)
    """
    if last_day is None:
        return 1
    if today <= last_day:
        return None
    return streak + 1 if today == last_day + timedelta(days=1) else 1


def days_left(streak: int, rules: RewardRules) -> int:
    """Sign-ins still to go; 0 on the day that earns the coupon.

    >>> [days_left(streak, RewardRules()) for streak in (1, 6, 7, 8)]
    [6, 1, 0, 6]
    """
    return -streak % rules.sign_in_days
