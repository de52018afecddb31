"""Routes of operators: campaigns and templates."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from serving.api import bodies
from serving.api.access import allowed
from serving.api.paging import After, Id, Limit, found, page, store_of
from serving.api.writes import Write, writes
from serving.coupons.refusals import Refuse
from serving.keys import CATALOGUE_READ, CATALOGUE_WRITE
from serving.store import shelf
from serving.store.unit import Answer, Transaction
from serving.views import moment, template_view

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.post("/campaigns", status_code=201)
async def create_campaign(
    body: bodies.CampaignBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """A campaign pays for coupons: a cap on held and spent discount, and one on the face value of live coupons."""
    campaign = body.value()

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = shelf.add_campaign(tx, campaign)
        return verdict if isinstance(verdict, Refuse) else Answer(201, body.model_dump(mode="json"))

    return await write.run(body, command)


@router.get("/campaigns", dependencies=[Depends(allowed(CATALOGUE_READ))])
async def list_campaigns(request: Request, limit: Limit = 20, starting_after: After = "") -> dict[str, Any]:
    """Campaigns by id."""
    rows = await store_of(request).fetch(lambda c: shelf.list_campaigns(c, starting_after, limit + 1))
    return page([_campaign_view(row) for row in rows], limit)


@router.get("/campaigns/{campaign_id}", dependencies=[Depends(allowed(CATALOGUE_READ))])
async def get_campaign(request: Request, campaign_id: Id) -> Response:
    """One campaign with its money: committed (held and spent) and live face value."""
    row = await store_of(request).fetch(lambda c: shelf.find_campaign(c, campaign_id))
    return found(_campaign_view(row) if row is not None else None, "campaign_unknown")


@router.post("/templates", status_code=201)
async def create_template(
    body: bodies.TemplateBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """The first version of a template."""
    template = body.value()

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = shelf.add_template(tx, template)
        return verdict if isinstance(verdict, Refuse) else Answer(201, template_view(template, 0))

    return await write.run(body, command)


@router.get("/templates", dependencies=[Depends(allowed(CATALOGUE_READ))])
async def list_templates(request: Request, limit: Limit = 20, starting_after: After = "") -> dict[str, Any]:
    """Templates by id, with how many coupons each has issued."""
    rows = await store_of(request).fetch(lambda c: shelf.list_templates(c, starting_after, limit + 1))
    return page([template_view(template, issued) for template, issued in rows], limit)


@router.get("/templates/{template_id}", dependencies=[Depends(allowed(CATALOGUE_READ))])
async def get_template(request: Request, template_id: Id) -> Response:
    """The current version of a template."""
    row = await store_of(request).fetch(lambda c: shelf.find_template(c, template_id))
    return found(template_view(row) if row is not None else None, "template_unknown")


@router.post("/templates/{template_id}/access")
async def set_access(
    template_id: Id, body: bodies.AccessBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """Open a template, or close it at once."""

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = shelf.set_access(tx, template_id, body.access, body.reason)
        answer = {"template_id": template_id, "access": body.access}
        return verdict if isinstance(verdict, Refuse) else Answer(200, answer)

    return await write.run(body, command)


def _campaign_view(row: Any) -> dict[str, Any]:
    return {
        "campaign_id": row.campaign_id,
        "name": row.name,
        "budget_cents": row.budget_cents,
        "liability_cents": row.liability_cents,
        "committed_cents": row.committed_cents,
        "live_cents": row.live_cents,
        "created_at": moment(row.created_at),
    }
