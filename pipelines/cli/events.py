"""``fairdeal events resend``: have the running coupons app send an event to its webhooks again.

It asks the app over HTTP, so that a replay by hand needs the same scope and leaves the same record as any other.
"""

from __future__ import annotations

import os
import secrets

import httpx

from features.errors import InputError
from pipelines.cli.console import say
from serving.app import address
from serving.keys import embedded_keys
from serving.settings import Settings, load_settings

KEY_VARIABLE = "FAIRDEAL_API_KEY"
_SECONDS = 10.0


def resend(event_id: str, endpoint: str | None = None, transport: httpx.BaseTransport | None = None) -> int:
    """Send ``event_id`` again to ``endpoint``, or to all that want its kind; 1 when the app refuses.

    Raises ``InputError`` when no app answers, or when there is no key to ask with.
    """
    path = f"/v1/events/{_segment(event_id)}/resend"
    settings = load_settings()
    url = address(settings.services.coupons)
    headers = {"Authorization": f"Bearer {_key(settings)}", "Idempotency-Key": f"cli_{secrets.token_hex(16)}"}
    body = {} if endpoint is None else {"webhook_id": endpoint}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, transport=transport) as http:
            answer = http.post(path, json=body)
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise InputError("coupons app", url, "one that answers; fairdeal serve starts it") from error
    if answer.is_error:
        wrong = "".join(f"; {part['field']}: {part['expected']}" for part in said.get("errors", []))
        say(f"not sent again: {said.get('detail', answer.status_code)}{wrong}")
        return 1
    told = said["webhook_ids"]
    say(f"{event_id} goes again to {', '.join(told)}" if told else f"no endpoint wants {event_id}")
    return 0


def _segment(event_id: str) -> str:
    """An id as one segment of a path."""
    if not event_id.isascii() or not event_id.replace("_", "").isalnum():
        raise InputError("event", event_id, "an id like evt_01kqgdbj000000000000000000")
    return event_id


def _key(settings: Settings) -> str:
    """The operator's key: from the environment, or the embedded one where keys are not listed in the settings."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return given
    if settings.services.api_keys:
        raise InputError(KEY_VARIABLE, "not set", "an API key with the scope webhooks:write")
    return embedded_keys(settings.home)["operator"]
