"""Routes of webhooks: endpoints, what became of deliveries, the events themselves and their replay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from serving.api.access import allowed
from serving.api.paging import Cursor, Id, found, listing, paged, store_of
from serving.api.problems import ProblemError
from serving.api.writes import Write, writes
from serving.coupons.refusals import Refuse
from serving.keys import WEBHOOKS
from serving.openapi.describe import problems_of
from serving.store.unit import Answer, Command, Transaction
from serving.webhooks import deliveries, endpoints, messages, recorded
from serving.webhooks.endpoint import BY_HAND, Endpoint
from serving.webhooks.guard import Guard, RefusedUrlError
from serving.webhooks.messages import delivery_view, webhook_view
from serving.webhooks.payload import payload
from serving.webhooks.resend import resend
from serving.webhooks.signing import Signer

router = APIRouter(prefix="/v1", tags=["webhooks"])
_reads = Depends(allowed(WEBHOOKS))
Writing = Annotated[Write, Depends(writes(WEBHOOKS))]
Page = Annotated[Cursor, Depends(paged(20))]
_UNKNOWN = problems_of("webhook_unknown")


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """What the routes need beside the store; the app keeps it as ``app.state.webhooks``."""

    signer: Signer
    guard: Guard


@router.post(
    "/webhooks",
    status_code=201,
    summary="Add an endpoint",
    responses={201: {"model": messages.WebhookWithSecret}},
)
async def create_webhook(request: Request, body: messages.WebhookBody, write: Writing) -> Response:
    """Send events to a URL from now on. The secret that signs them is in this answer and in no other.

    The URL is https and its host is on the public internet; both are looked at again at every delivery. Receivers
    verify signatures with a library of Standard Webhooks, drop what has a ``webhook-id`` that they have seen, and
    answer 2xx within ten seconds; anything else is tried again for three days. A 410 ends the endpoint.
    """
    parts = _parts(request)

    async def prepare() -> Command:
        try:
            await parts.guard.check(body.url)
        except RefusedUrlError as error:
            raise ProblemError("invalid_request", [{"field": "url", "expected": error.expected}]) from error
        return lambda tx: _answer(endpoints.add(tx, body.url, body.events, body.description), 201)

    return _with_secret(await write.consult(body, prepare), parts.signer)


@router.get("/webhooks", dependencies=[_reads], summary="List endpoints", response_model=messages.Webhooks)
async def list_webhooks(request: Request, cursor: Page) -> dict[str, Any]:
    """Endpoints by id, the disabled ones too; no secrets."""
    return listing(await store_of(request).fetch(partial(endpoints.listing, cursor=cursor)), webhook_view)


@router.get(
    "/webhooks/{webhook_id}",
    dependencies=[_reads],
    summary="Get an endpoint",
    responses={200: {"model": messages.Webhook}, **_UNKNOWN},
)
async def get_webhook(request: Request, webhook_id: Id) -> Response:
    """One endpoint, without its secret."""
    endpoint = await store_of(request).fetch(partial(endpoints.find, webhook_id=webhook_id))
    return found(None if endpoint is None else webhook_view(endpoint), "webhook_unknown")


@router.post(
    "/webhooks/{webhook_id}/rotate",
    summary="Make a new secret",
    responses={200: {"model": messages.WebhookWithSecret}, **_UNKNOWN},
)
async def rotate_webhook(request: Request, webhook_id: Id, write: Writing) -> Response:
    """A new secret, shown in this answer only. For 24 hours webhooks carry a signature of each.

    To end a leaked secret at once, rotate twice.
    """
    answer = await write.run(None, lambda tx: _answer(endpoints.rotate(tx, webhook_id)))
    return _with_secret(answer, _parts(request).signer)


@router.post(
    "/webhooks/{webhook_id}/disable",
    summary="Disable an endpoint",
    responses={200: {"model": messages.WebhookWritten}, **_UNKNOWN},
)
async def disable_webhook(webhook_id: Id, write: Writing) -> Response:
    """Send nothing more there; what was not delivered yet is kept as ``failed``. Disabling twice changes nothing."""
    return await write.run(None, lambda tx: _answer(endpoints.disable(tx, webhook_id, BY_HAND)))


@router.post(
    "/webhooks/{webhook_id}/enable",
    summary="Enable an endpoint",
    responses={200: {"model": messages.WebhookWritten}, **_UNKNOWN},
)
async def enable_webhook(webhook_id: Id, write: Writing) -> Response:
    """Send what happens from now on; what failed before is sent again by ``POST /v1/events/{event_id}/resend``."""
    return await write.run(None, lambda tx: _answer(endpoints.enable(tx, webhook_id)))


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    dependencies=[_reads],
    summary="List deliveries of an endpoint",
    response_model=messages.Deliveries,
)
async def list_deliveries(
    request: Request, webhook_id: Id, cursor: Page, state: Annotated[messages.DeliveryState | None, Query()] = None
) -> dict[str, Any]:
    """Newest event first, cursor by event id; ``state=failed`` is what was given up. An unknown endpoint has none."""
    query = partial(deliveries.listing, webhook_id=webhook_id, state=state, cursor=cursor)
    return listing(await store_of(request).fetch(query), delivery_view)


@router.get("/events", dependencies=[_reads], summary="List events", response_model=messages.LedgerEvents)
async def list_events(
    request: Request, cursor: Page, kind: Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_.]+$")] = None
) -> dict[str, Any]:
    """What happened in the shop, newest first, as receivers get it."""
    return listing(await store_of(request).fetch(partial(recorded.newest, kind=kind, cursor=cursor)), payload)


@router.get(
    "/events/{event_id}",
    dependencies=[_reads],
    summary="Get an event",
    responses={200: {"model": messages.EventWithDeliveries}, **problems_of("event_unknown")},
)
async def get_event(request: Request, event_id: Id) -> Response:
    """One event and how far it has come on its way to each endpoint."""
    store = store_of(request)
    event = await store.fetch(partial(recorded.find, event_id=event_id))
    if event is None:
        return found(None, "event_unknown")
    rows = await store.fetch(partial(deliveries.of_event, event_id=event_id))
    return found({**payload(event[1]), "deliveries": [delivery_view(row) for row in rows]}, "event_unknown")


@router.post(
    "/events/{event_id}/resend",
    summary="Send an event again",
    responses={
        200: {"model": messages.Resent},
        **problems_of("event_unknown", "webhook_unknown", "webhook_disabled"),
    },
)
async def resend_event(event_id: Id, body: messages.ResendBody, write: Writing) -> Response:
    """Replay an event under its own id, to one endpoint or to all that want its kind."""

    def command(tx: Transaction) -> Answer | Refuse:
        told = resend(tx, event_id, body.webhook_id)
        return told if isinstance(told, Refuse) else Answer(200, {"event_id": event_id, "webhook_ids": told})

    return await write.run(body, command)


def _parts(request: Request) -> WebhookParts:
    parts: WebhookParts = request.app.state.webhooks
    return parts


def _answer(outcome: Endpoint | Refuse, status: int = 200) -> Answer | Refuse:
    return outcome if isinstance(outcome, Refuse) else Answer(status, webhook_view(outcome))


def _with_secret(answer: Response, signer: Signer) -> Response:
    """The answer as the caller gets it. What is kept under its key has no secret but the number of it, from which the
    secret is derived anew, so that a replay is equal to the byte."""
    body = orjson.loads(answer.body)
    if answer.status_code >= 400 or body.get("dry_run"):
        return answer
    body["secret"] = signer.secret(body["webhook_id"], body["generation"])
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), answer.status_code, headers)
