"""Routes about users: what the shop says of them, and what reviewers do to their accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints, model_validator

from serving.api.access import allowed, side_of
from serving.api.answers import refused
from serving.api.answers import users as answers
from serving.api.paging import Id, store_of
from serving.api.words import Body, Day, Instant, Slug, Text, Word
from serving.api.writes import Write, writes
from serving.keys import ACTIONS, USERS
from serving.openapi.describe import problems_of
from serving.people import actions
from serving.people.profile import Profile
from serving.privacy import Hasher
from serving.scoring.messages import Identifier, Name
from serving.store.people import put_profile
from serving.store.unit import Answer, Transaction

router = APIRouter(prefix="/v1", tags=["users"])

Tag = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f|]+$")]


class ProfileBody(Body):
    """What the shop knows of a user; it replaces what was said before, links are added to."""

    user_id: Name = Field(examples=["u_1001"])
    registered_at: Instant | None = Field(None, examples=["2026-05-01T04:00:00Z"])
    member_tier: Word | None = Field(None, examples=["gold"])
    birthday: Day | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=200, examples=[["vip", "beauty"]])
    orders: Annotated[int, Field(strict=True, ge=0, le=10**6)] = 0
    phone_verified: Annotated[bool, Field(strict=True)] = False
    identity_verified: Annotated[bool, Field(strict=True)] = False
    phone: Identifier | None = Field(None, description="Only a keyed hash is kept.")
    identity: Identifier | None = Field(None, description="Only a keyed hash is kept.")
    devices: list[Identifier] = Field(default_factory=list, max_length=50)
    addresses: list[Identifier] = Field(default_factory=list, max_length=50)

    def value(self, hasher: Hasher) -> Profile:
        raw = {
            "phone": [self.phone] if self.phone else [],
            "identity": [self.identity] if self.identity else [],
            "device": self.devices,
            "address": self.addresses,
        }
        hashed = {
            kind: tuple(found for value in values if (found := hasher(kind, value))) for kind, values in raw.items()
        }
        return Profile(
            self.user_id,
            _naive(self.registered_at),
            self.member_tier,
            self.birthday,
            tuple(self.tags),
            self.orders,
            self.phone_verified,
            self.identity_verified,
            hashed,
        )


class ActionBody(Body):
    """``reason`` is a code that stays with the action; ``hold_id`` names the order to cancel."""

    action: Literal["cap", "hold", "step_up", "withhold", "revoke", "freeze", "block", "cancel_order"]
    reason: Word = Field(examples=["ring_of_newcomers"])
    note: Text = ""
    hold_id: Slug | None = None

    @model_validator(mode="after")
    def _order(self) -> ActionBody:
        if (self.action == "cancel_order") != (self.hold_id is not None):
            raise ValueError("hold_id for cancel_order, and only for it")
        return self


class UndoBody(Body):
    reason: Word = Field(examples=["appeal_accepted"])


@router.post("/users", summary="Say what the shop knows of a user", responses={200: {"model": answers.ProfileKept}})
async def put_user(request: Request, body: ProfileBody, write: Annotated[Write, Depends(writes(USERS))]) -> Response:
    """Templates ask for tags, tiers, verified phones and first orders; without a profile such coupons are refused."""
    profile = body.value(side_of(request).issuer.gate.hasher)

    def command(tx: Transaction) -> Answer:
        return Answer(200, {"user_id": profile.user_id, "version": put_profile(tx, profile)})

    return await write.run(body, command)


@router.post(
    "/users/{user_id}/actions",
    status_code=201,
    summary="Act on an account",
    responses={201: {"model": answers.ActionWritten}, **problems_of(*refused.CANCEL)},
)
async def take_action(user_id: Id, body: ActionBody, write: Annotated[Write, Depends(writes(ACTIONS))]) -> Response:
    """Cap, hold, ask for proof, withhold, recover coupons, freeze, block, or cancel an unpaid order; all reversible."""
    return await write.run(body, actions.take_action(user_id, body.action, body.reason, body.note, body.hold_id))


@router.post(
    "/actions/{action_id}/undo",
    summary="Undo an action on an account",
    responses={200: {"model": answers.ActionWritten}, **problems_of(*refused.UNDO)},
)
async def undo_action(action_id: Id, body: UndoBody, write: Annotated[Write, Depends(writes(ACTIONS))]) -> Response:
    """Coupons come back, an order is held again if its coupons are still free, the account may go on."""
    return await write.run(body, actions.undo_action(action_id, body.reason))


@router.get(
    "/users/{user_id}/actions",
    dependencies=[Depends(allowed(ACTIONS))],
    summary="Actions on an account",
    responses={200: {"model": answers.AccountActions}},
)
async def list_actions(request: Request, user_id: Id) -> dict[str, Any]:
    """All actions ever taken, the latest first, with who undid which."""
    return {"data": await store_of(request).fetch(lambda c: actions.actions_of(c, user_id)), "has_more": False}


def _naive(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC).replace(tzinfo=None) if at is not None else None
