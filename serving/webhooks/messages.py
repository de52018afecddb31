"""What the webhook routes take and answer; nothing but the answer to a new secret holds a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Row

from serving.webhooks.endpoint import Endpoint, is_sent
from serving.webhooks.guard import MOST_CHARACTERS
from serving.webhooks.payload import VERSION

_WEBHOOK_ID = "whk_01kqgdbj000000000000000000"
_EVENT_ID = "evt_01kqgdbj000000000000000000"

Url = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=r"^[\x21-\x7e]+$")]


def _sent(kind: str) -> str:
    if not is_sent(kind):
        raise ValueError("kinds of events that are sent; those about webhooks are not")
    return kind


EventKind = Annotated[
    str,
    StringConstraints(max_length=40, pattern=r"^(\*|[a-z][a-z_]*\.[a-z][a-z_.]*)$"),
    AfterValidator(_sent),
    Field(examples=["*"]),
]
Remark = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
WebhookId = Annotated[str, StringConstraints(max_length=40, pattern=r"^whk_[0-9a-z]+$")]
DeliveryState = Literal["pending", "delivered", "failed"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebhookBody(_Body):
    """Where to send which kinds of events; ``*`` means all, those of later versions too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://shop.example/hooks/fairdeal",
                    "events": ["coupon.redeemed", "order.refunded"],
                    "description": "order service",
                }
            ]
        }
    )

    url: Url
    events: Annotated[tuple[EventKind, ...], Field(min_length=1, max_length=50)]
    description: Remark = ""


class ResendBody(_Body):
    """One endpoint, or all that want the event's kind when it is left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"webhook_id": _WEBHOOK_ID}, {}]})

    webhook_id: WebhookId | None = None


class Webhook(BaseModel):
    """An endpoint; moments are UTC."""

    webhook_id: Annotated[str, Field(examples=[_WEBHOOK_ID])]
    url: str
    events: list[str]
    description: str
    state: Literal["active", "disabled"]
    reason: Annotated[str | None, Field(description="why it is disabled: by_hand, failing or gone")]
    generation: Annotated[int, Field(description="counts its secrets", ge=1)]
    created_at: str
    old_secret_until: Annotated[str | None, Field(description="until then the secret before the last is used too")]


class WebhookWritten(Webhook):
    """An endpoint as it is after a write."""

    dry_run: Annotated[bool, Field(description="true when it was a dry run: nothing was saved")] = False


class WebhookWithSecret(WebhookWritten):
    """The only answer with the secret; keep it, it cannot be read again. A dry run makes none."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])] = ""


class Webhooks(BaseModel):
    """Endpoints by id."""

    data: list[Webhook]
    has_more: bool


class Delivery(BaseModel):
    """How far an event has come on its way to an endpoint; ``failed`` is not tried again unless it is resent."""

    webhook_id: Annotated[str, Field(examples=[_WEBHOOK_ID])]
    event_id: Annotated[str, Field(examples=[_EVENT_ID])]
    type: Annotated[str, Field(examples=["coupon.redeemed"])]
    state: DeliveryState
    attempts: int
    next_at: str | None
    attempted_at: str | None
    delivered_at: str | None
    status: Annotated[int | None, Field(description="HTTP status of the last answer")]
    error: Annotated[str | None, Field(description="why the last attempt had no answer that counts")]


class Deliveries(BaseModel):
    """Deliveries, newest event first."""

    data: list[Delivery]
    has_more: bool


class LedgerEvent(BaseModel):
    """An event exactly as it is sent."""

    id: Annotated[str, Field(examples=[_EVENT_ID])]
    type: Annotated[str, Field(examples=["coupon.redeemed"])]
    timestamp: Annotated[str, Field(examples=["2026-05-01T04:00:00Z"])]
    sequence: Annotated[int, Field(description="its place among the events of its coupon, order or template")]
    version: Annotated[str, Field(examples=[VERSION])]
    data: dict[str, Any]


class LedgerEvents(BaseModel):
    """Events, newest first."""

    data: list[LedgerEvent]
    has_more: bool


class EventWithDeliveries(LedgerEvent):
    deliveries: list[Delivery]


class Resent(BaseModel):
    """Who gets the event again."""

    event_id: Annotated[str, Field(examples=[_EVENT_ID])]
    webhook_ids: Annotated[list[str], Field(examples=[[_WEBHOOK_ID]])]
    dry_run: Annotated[bool, Field(description="true when it was a dry run: nothing was sent")] = False


def webhook_view(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "webhook_id": endpoint.webhook_id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "state": "active" if endpoint.active else "disabled",
        "reason": endpoint.reason,
        "generation": endpoint.generation,
        "created_at": _moment(endpoint.created_at),
        "old_secret_until": _moment(endpoint.old_secret_until),
    }


def delivery_view(row: Row[Any]) -> dict[str, Any]:
    return {
        "webhook_id": row.webhook_id,
        "event_id": row.event_id,
        "type": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "next_at": _moment(row.next_at) if row.state == "pending" else None,
        "attempted_at": _moment(row.attempted_at),
        "delivered_at": _moment(row.delivered_at),
        "status": row.status,
        "error": row.error,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat() + "Z"
