"""Routes of the issuance service and of the abuse flow: triggers, claims, pushes, codes, rewards, flags."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from serving import deeds, pushes, triggers
from serving.api import claim_bodies as bodies
from serving.api.access import side_of
from serving.api.answers import coupons as answers
from serving.api.answers import refused
from serving.api.paging import Id
from serving.api.review_bodies import FlagsBody
from serving.api.writes import Write, writes
from serving.coding import mint
from serving.coupons.money import InvalidError
from serving.coupons.rewards import GROUP_BUY
from serving.issuer import Issuer
from serving.keys import CATALOGUE_WRITE, CLAIMS, REVIEW, TRIGGERS
from serving.openapi.describe import problems_of
from serving.review.evidence.keeping import with_evidence
from serving.review.store import upsert
from serving.who import Who

router = APIRouter(prefix="/v1")


def _issuer(request: Request) -> Issuer:
    return side_of(request).issuer


@router.post(
    "/triggers",
    status_code=201,
    tags=["issuer"],
    summary="Decide on an offer",
    responses={201: {"model": answers.Decided}, **problems_of("campaign_unknown")},
)
async def trigger(
    request: Request, body: bodies.TriggerBody, write: Annotated[Write, Depends(writes(TRIGGERS))]
) -> Response:
    """Decide which offer this user gets, if any; the decision is stored with its propensity and reason."""
    issuer = _issuer(request)
    return await write.consult(
        body, lambda: triggers.trigger(issuer, body.who(body.terminal), body.trigger, body.campaign_id)
    )


@router.post(
    "/claims",
    status_code=201,
    tags=["issuer"],
    summary="Claim a coupon",
    responses={
        201: {"model": answers.Issued | answers.IssuedTogether},
        **problems_of(*refused.CLAIM, *refused.BY_CODE_OR_DECISION),
    },
)
async def claim(request: Request, body: bodies.ClaimBody, write: Annotated[Write, Depends(writes(CLAIMS))]) -> Response:
    """Issue a coupon if the rules, risk and every limit allow it.

    A pack or a draw answers with its ``coupons``. A code that is unknown, used or expired is always `code_unknown`;
    after ten wrong codes within a minute the answer is `code_locked` with the seconds to wait.
    """
    issuer, code = _issuer(request), body.code
    if code is not None:
        if write.dry_run:  # a guess that is not counted would be a guess too many
            raise InvalidError("dry_run", True, "false for a code: whoever tries one has tried it")
        return await write.consult(body, lambda: issuer.claim_code(body.who(body.terminal), code, body.place))
    return await write.consult(body, lambda: issuer.claim(body.who(body.terminal), body.wanted()))


@router.post(
    "/pushes",
    status_code=201,
    tags=["issuer"],
    summary="Push coupons",
    responses={
        200: {"model": answers.PushedMany, "description": "one row for each of `user_ids`"},
        201: {"model": answers.Pushed | answers.PushedTogether},
        **problems_of(*refused.CLAIM),
    },
)
async def push(request: Request, body: bodies.PushBody, write: Annotated[Write, Depends(writes(CLAIMS))]) -> Response:
    """Put a coupon into the wallet of one user, or of each of ``user_ids``; ``channels`` say how they will hear of it.

    For a list the answer has one entry per user with the ``status`` and the answer that a push to this user alone
    would have had: each user gets everything or nothing.
    """
    issuer = _issuer(request)
    if body.user_id is not None:
        who = Who(body.user_id)
        return await write.consult(body, lambda: pushes.push(issuer, who, body.push()))
    return await write.in_parts(body, lambda part: pushes.push_many(issuer, part, body.users(), body.push()))


@router.post(
    "/templates/{template_id}/codes",
    status_code=201,
    tags=["issuer"],
    summary="Make codes",
    responses={201: {"model": answers.CodesMade}, **problems_of("template_unknown")},
)
async def codes(
    request: Request, template_id: Id, body: bodies.CodesBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """Make codes, each good for one coupon. They are shown in this answer and never again: only hashes are kept."""
    made = mint(_issuer(request), template_id, body.count, body.until())
    response = await write.run(body, made.command)
    if response.status_code != 201 or write.dry_run or "Idempotent-Replayed" in response.headers:
        return response
    shown = {**orjson.loads(response.body), "codes": list(made.codes)}
    return Response(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS), 201, media_type="application/json")


@router.post(
    "/rewards",
    status_code=201,
    tags=["issuer"],
    summary="Reward a deed",
    responses={
        200: {"model": answers.SignedInOnly, "description": "the sign-in was counted; no coupon yet"},
        201: {"model": answers.Rewarded | answers.SignedIn | answers.GroupRewarded},
        **problems_of(*refused.REWARD),
    },
)
async def reward(
    request: Request, body: bodies.RewardBody, write: Annotated[Write, Depends(writes(CLAIMS))]
) -> Response:
    """Reward a sign-in, a review, sharing, an invitation, a game, or each member of a group; every deed once.

    A sign-in that does not complete a run is answered 200 with ``days_left``. A group answers one entry per member.
    """
    issuer, deed, who = _issuer(request), body.deed(), body.who()
    if deed.kind == GROUP_BUY:
        return await write.in_parts(body, lambda part: deeds.reward_group(issuer, part, who, deed, body.template_id))
    return await write.consult(body, lambda: deeds.reward(issuer, who, deed, body.template_id))


@router.post(
    "/flags",
    tags=["review"],
    summary="Flag accounts",
    responses={200: {"model": answers.FlagsTaken}},
)
async def put_flags(body: FlagsBody, write: Annotated[Write, Depends(writes(REVIEW))]) -> Response:
    """Flags of an abuse run: one case per ring or user; the same flags twice change nothing.

    What the run knew of a ring or account comes with them as ``evidence``, of which the latest is kept.
    """
    command = upsert([flag.value() for flag in body.flags], "flow", body.version)
    return await write.run(body, with_evidence(command, [found.value() for found in body.evidence]))
