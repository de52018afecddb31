"""Routes of operators: campaigns, templates with their versions, and advice."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from serving.api.access import allowed, side_of
from serving.api.advice_bodies import CreateBody, EditBody, FactsBody
from serving.api.answers import templates as answers
from serving.api.paging import Cursor, Id, Limit, found, listing, paged, store_of
from serving.api.problems import ProblemError
from serving.api.template_bodies import AccessBody, CampaignBody
from serving.api.writes import Write, writes
from serving.coupons.advice import advise
from serving.coupons.classes import ACTIVITY_NAMES, CLASS_NAMES, CLASSES, KIND_NAMES
from serving.coupons.golden import checklist
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.coupons.validity import PRESET_DAYS
from serving.keys import CATALOGUE_READ, CATALOGUE_WRITE
from serving.openapi.describe import problems_of
from serving.store import shelf
from serving.store.unit import Answer, Transaction
from serving.views import advice_view, check_view, moment, template_view

router = APIRouter(prefix="/v1", tags=["catalogue"])
Reading = Annotated[Cursor, Depends(paged())]
_READS = Depends(allowed(CATALOGUE_READ))
_LINKED = ("campaign_unknown", "template_unknown")
Word = Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_]+$")]


@router.post(
    "/campaigns",
    status_code=201,
    summary="Add a campaign",
    responses={201: {"model": answers.CampaignMade}, **problems_of("campaign_exists")},
)
async def create_campaign(body: CampaignBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]) -> Response:
    """A campaign pays for coupons: a cap on held and spent discount, and one on the face value of live coupons."""
    campaign = body.value()

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = shelf.add_campaign(tx, campaign)
        return verdict if isinstance(verdict, Refuse) else Answer(201, body.model_dump(mode="json"))

    return await write.run(body, command)


@router.get(
    "/campaigns", dependencies=[_READS], summary="List campaigns", responses={200: {"model": answers.Campaigns}}
)
async def list_campaigns(request: Request, cursor: Reading) -> dict[str, Any]:
    """Campaigns by id."""
    return listing(await store_of(request).fetch(lambda c: shelf.list_campaigns(c, cursor)), _campaign_view)


@router.get(
    "/campaigns/{campaign_id}",
    dependencies=[_READS],
    summary="Get a campaign",
    responses={200: {"model": answers.Campaign}, **problems_of("campaign_unknown")},
)
async def get_campaign(request: Request, campaign_id: Id) -> Response:
    """One campaign with its money: committed (held and spent) and live face value."""
    row = await store_of(request).fetch(lambda c: shelf.find_campaign(c, campaign_id))
    return found(_campaign_view(row) if row is not None else None, "campaign_unknown")


@router.post(
    "/templates",
    status_code=201,
    summary="Add a template",
    responses={201: {"model": answers.TemplateWritten}, **problems_of("template_exists", *_LINKED)},
)
async def create_template(
    request: Request, body: CreateBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """The first version of a template, with a number of its own (F051); ``warnings`` are advice and refuse nothing."""
    template = body.value(store_of(request).ids("tpl"))
    warnings, checks = _advice(request, template, body.shop_facts)

    def command(tx: Transaction) -> Answer | Refuse:
        shelf.check_parts(tx.connection, template)
        verdict = shelf.add_template(tx, template)
        shown = {**template_view(template, 0), "warnings": warnings, "checklist": checks}
        return verdict if isinstance(verdict, Refuse) else Answer(201, shown)

    return await write.run(body, command)


@router.get(
    "/template-kinds",
    dependencies=[_READS],
    summary="Kinds, and the classes of each",
    responses={200: {"model": answers.Kinds}},
)
async def list_kinds() -> dict[str, Any]:
    """What a form offers (F031): choosing a kind offers its own classes; validities that are usual; activity types."""
    kinds = [
        {"kind": kind, **KIND_NAMES[kind]._asdict(), "classes": [_named(name) for name in CLASSES[kind]]}
        for kind in KIND_NAMES
    ]
    activities = [{"code": name, **names._asdict()} for name, names in ACTIVITY_NAMES.items()]
    return {"data": kinds, "validity_days": list(PRESET_DAYS), "activity_types": activities}


@router.post(
    "/templates:advise",
    dependencies=[_READS],
    summary="Ask for advice on a template",
    responses={200: {"model": answers.TemplateAdvised}},
)
async def advise_template(request: Request, body: CreateBody) -> dict[str, Any]:
    """What the rules of thumb say of a template that is not on the shelf yet; nothing is written."""
    template = body.value("tpl_not_yet")
    warnings, checks = _advice(request, template, body.shop_facts)
    return {"template": template_view(template), "warnings": warnings, "checklist": checks}


@router.put(
    "/templates/{template_id}",
    summary="Edit a template",
    responses={200: {"model": answers.TemplateWritten}, **problems_of("version_stale", "limits_changed", *_LINKED)},
)
async def edit_template(
    request: Request, template_id: Id, body: EditBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """The next version of a template. Issued coupons keep the version they were issued under.

    Refused as ``version_stale`` when ``version`` is not the current one any more, and as ``limits_changed`` when the
    quantity would be less than what was issued. Access stays as it is.
    """
    if "access" in body.model_fields_set:
        raise ProblemError("invalid_request", [{"field": "access", "expected": "POST /v1/templates/{id}/access"}])
    if body.template_id not in (None, template_id):
        raise ProblemError("invalid_request", [{"field": "template_id", "expected": "the id of the path, or none"}])
    template, zone = body.model_copy(update={"template_id": template_id}).value(), side_of(request).issuer.zone
    warnings, checks = _advice(request, template, body.shop_facts)

    def command(tx: Transaction) -> Answer | Refuse:
        shelf.check_parts(tx.connection, template)
        written = shelf.edit_template(tx, template, body.version, zone)
        if isinstance(written, Refuse):
            return written
        entry = shelf.find_on_shelf(tx.connection, template_id)
        issued = entry.issued if entry is not None else 0
        return Answer(200, {**template_view(written, issued), "warnings": warnings, "checklist": checks})

    return await write.run(body, command)


@router.get(
    "/templates", dependencies=[_READS], summary="List templates", responses={200: {"model": answers.Templates}}
)
async def list_templates(
    request: Request,
    cursor: Reading,
    stackable: Annotated[bool | None, Query(description="may be combined with other coupons")] = None,
    issue: Annotated[Literal["active", "pushed"] | None, Query(description="taken by users, or given")] = None,
    place: Annotated[Word, Query(description="where it is shown", examples=["coupon_centre"])] = None,
    function: Annotated[Word, Query(description="what it is for", examples=["acquire"])] = None,
    delivery: Annotated[Word, Query(examples=["claim"])] = None,
    kind: Annotated[Word, Query(examples=["threshold_cut"])] = None,
    coupon_class: Annotated[Word, Query(examples=["newcomer"])] = None,
) -> dict[str, Any]:
    """Templates by id, with how many coupons each has issued; filtered in the four ways of F030 and by kind."""
    asked = {
        "stackable": None if stackable is None else "yes" if stackable else "no",
        "issue": issue,
        "place": place,
        "function": function,
        "delivery": delivery,
        "kind": kind,
        "class": coupon_class,
    }
    facets = {name: value for name, value in asked.items() if value is not None}
    rows = await store_of(request).fetch(lambda c: shelf.list_templates(c, cursor, facets))
    return listing(rows, lambda entry: template_view(entry.template, entry.issued))


@router.get(
    "/templates/{template_id}",
    dependencies=[_READS],
    summary="Get a template",
    responses={200: {"model": answers.ShelvedTemplate}, **problems_of("template_unknown")},
)
async def get_template(request: Request, template_id: Id) -> Response:
    """The current version of a template."""
    entry = await store_of(request).fetch(lambda c: shelf.find_on_shelf(c, template_id))
    return found(template_view(entry.template, entry.issued) if entry is not None else None, "template_unknown")


@router.get(
    "/templates/{template_id}/versions",
    dependencies=[_READS],
    summary="List versions of a template",
    responses={200: {"model": answers.TemplateVersions}, **problems_of("template_unknown")},
)
async def list_versions(
    request: Request,
    template_id: Id,
    limit: Limit = 20,
    below: Annotated[int | None, Query(ge=1, le=10**9, description="only versions below this one")] = None,
) -> Response:
    """The versions of a template, the newest first; coupons are used under the version they were issued under."""
    rows = await store_of(request).fetch(lambda c: shelf.list_versions(c, template_id, below, limit + 1))
    shown = [_version_view(row) for row in rows[:limit]]
    view = {"data": shown, "has_more": len(rows) > limit} if rows or below is not None else None
    return found(view, "template_unknown")


@router.get(
    "/templates/{template_id}/versions/{version}",
    dependencies=[_READS],
    summary="Get a version of a template",
    responses={200: {"model": answers.TemplateVersion}, **problems_of("template_unknown")},
)
async def get_version(request: Request, template_id: Id, version: Annotated[int, Path(ge=1, le=10**9)]) -> Response:
    """One version of a template."""
    rows = await store_of(request).fetch(lambda c: shelf.find_versions(c, [(template_id, version)]))
    row = rows.get((template_id, version))
    return found(None if row is None else _version_view(row), "template_unknown")


@router.post(
    "/templates/{template_id}/access",
    summary="Open or close a template",
    responses={200: {"model": answers.AccessSet}, **problems_of("template_unknown")},
)
async def set_access(
    template_id: Id, body: AccessBody, write: Annotated[Write, Depends(writes(CATALOGUE_WRITE))]
) -> Response:
    """Open a template, or close it at once."""

    def command(tx: Transaction) -> Answer | Refuse:
        verdict = shelf.set_access(tx, template_id, body.access, body.reason)
        answer = {"template_id": template_id, "access": body.access}
        return verdict if isinstance(verdict, Refuse) else Answer(200, answer)

    return await write.run(body, command)


def _named(coupon_class: str) -> dict[str, str]:
    return {"code": coupon_class, **CLASS_NAMES[coupon_class]._asdict()}


def _advice(
    request: Request, template: Template, given: FactsBody | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Warnings and the golden rules, by the facts of the settings and by those of the body where it has some."""
    known, guide = request.app.state.advice.facts(), request.app.state.advice.guide()
    facts = given.over(known) if given is not None else known
    warnings = [advice_view(advice) for advice in advise(template, facts, guide)]
    return warnings, [check_view(check) for check in checklist(template, facts, guide)]


def _version_view(template: Template) -> dict[str, Any]:
    """Access is not of a version but of the template."""
    view = template_view(template)
    del view["access"]
    return view


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
