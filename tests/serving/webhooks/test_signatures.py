"""Signatures as a receiver checks them, with the library of Standard Webhooks and not with ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from features.errors import InputError
from serving.webhooks.endpoint import Endpoint
from serving.webhooks.payload import IDENTIFIERS, without_identifiers
from serving.webhooks.signing import Signer

NOW = datetime(2026, 5, 1, 4)
ENDPOINT = Endpoint("whk_1", "https://hooks.example/", ("*",), "", NOW)


def real_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


async def sent(hooks: Any) -> tuple[str, httpx.Request]:
    made = await hooks.endpoint()
    await hooks.happen(user_id="u1", device="d" * 32, ip="i" * 32, address="a" * 32, also=[{"ip": "x", "kept": 1}])
    await hooks.rounds()
    return made["secret"], hooks.receiver.seen[0]


async def test_a_receiver_verifies_what_it_got_and_reads_the_event(hooks: Any) -> None:
    secret, request = await sent(hooks)
    body = Webhook(secret).verify(request.content, dict(request.headers))
    assert body["type"] == "coupon.redeemed"
    assert body["id"] == request.headers["webhook-id"]
    assert body["timestamp"] == "2026-05-01T04:00:00Z"
    assert body["sequence"] == 1
    assert body["version"]
    assert request.headers["content-type"] == "application/json"
    assert request.method == "POST"
    data = body["data"]
    assert data["user_id"] == "u1"
    assert not IDENTIFIERS & data.keys()
    assert data["also"] == [{"kept": 1}], "however deep it lies"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60, "the real time, not the shop's"


async def test_an_altered_body_id_or_moment_is_refused(small_hooks: Any) -> None:
    secret, request = await sent(small_hooks)
    good = dict(request.headers)
    verifier = Webhook(secret)
    bad: list[tuple[bytes, dict[str, str]]] = [
        (request.content.replace(b"u1", b"u2"), good),
        (request.content + b" ", good),
        (request.content, {**good, "webhook-id": "evt_other"}),
        (request.content, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
        (request.content, {name: value for name, value in good.items() if name != "webhook-signature"}),
    ]
    for body, headers in bad:
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, headers)


async def test_a_signature_with_another_key_is_refused(small_hooks: Any) -> None:
    secret, request = await sent(small_hooks)
    forged = Signer("a key that somebody guessed").headers(
        ENDPOINT, request.headers["webhook-id"], request.content.decode(), NOW, real_now()
    )
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.content, forged)
    other = (await small_hooks.endpoint("other.example"))["secret"]
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(request.content, dict(request.headers))


@pytest.mark.parametrize("late", [timedelta(minutes=-6), timedelta(days=-1), timedelta(minutes=6)])
def test_an_old_or_a_future_webhook_is_refused_though_its_signature_is_right(late: timedelta) -> None:
    signer = Signer("k" * 16)
    headers = signer.headers(ENDPOINT, "evt_1", "{}", NOW, real_now() + late)
    with pytest.raises(WebhookVerificationError, match=r"too old|too new"):
        Webhook(signer.secret("whk_1", 1)).verify("{}", headers)


async def test_a_replayed_webhook_is_dropped_by_its_id(small_hooks: Any) -> None:
    secret, request = await sent(small_hooks)
    receiver = small_hooks.receiver
    assert receiver.take(request, secret) is True
    assert receiver.take(request, secret) is False, "the same bytes again"
    await small_hooks.post(f"/v1/events/{request.headers['webhook-id']}/resend", {})
    await small_hooks.rounds()
    again = receiver.seen[1]
    assert receiver.take(again, secret) is False, "sent again by hand"
    assert again.content == request.content
    assert len(receiver.took) == 1


async def test_the_old_secret_is_good_for_a_day_after_a_rotation(hooks: Any) -> None:
    made = await hooks.endpoint()
    hooks.clock.forward(minutes=1)
    rotated = (await hooks.post(f"/v1/webhooks/{made['webhook_id']}/rotate")).json()
    assert rotated["old_secret_until"] == "2026-05-02T04:01:00Z"
    old, new = Webhook(made["secret"]), Webhook(rotated["secret"])

    async def last() -> tuple[bytes, dict[str, str]]:
        await hooks.happen()
        await hooks.rounds()
        return hooks.receiver.seen[-1].content, dict(hooks.receiver.seen[-1].headers)

    for length in ({"minutes": 0}, {"hours": 24, "microseconds": -1}):
        hooks.clock.forward(**length)
        for verifier in (old, new):
            verifier.verify(*await last())
    hooks.clock.forward(microseconds=1)
    message = await last()
    new.verify(*message)
    with pytest.raises(WebhookVerificationError):
        old.verify(*message)


async def test_two_rotations_end_a_leaked_secret_at_once(small_hooks: Any) -> None:
    made = await small_hooks.endpoint()
    path = f"/v1/webhooks/{made['webhook_id']}/rotate"
    second, third = (await small_hooks.post(path)).json(), (await small_hooks.post(path)).json()
    await small_hooks.happen()
    await small_hooks.rounds()
    request = small_hooks.receiver.seen[0]
    for secret in (second["secret"], third["secret"]):
        Webhook(secret).verify(request.content, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(request.content, dict(request.headers))


@given(st.text(min_size=1, max_size=20), st.text(max_size=200))
def test_signatures_are_those_of_the_standard_written_out(event_id: str, body: str) -> None:
    """An oracle of three lines: base64 of HMAC-SHA256 over ``id.timestamp.body`` with the decoded secret."""
    signer = Signer("k" * 16)
    at = datetime(2026, 5, 1, 4, 0, 7, 900_000)
    headers = signer.headers(ENDPOINT, event_id, body, NOW, at)
    key = base64.b64decode(signer.secret("whk_1", 1).removeprefix("whsec_"))
    signed = f"{event_id}.{headers['webhook-timestamp']}.{body}".encode()
    assert headers["webhook-timestamp"] == "1777608007"
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def test_every_endpoint_generation_and_installation_has_a_secret_of_its_own() -> None:
    secrets = {
        Signer(key).secret(webhook_id, generation)
        for key in ("k" * 16, "l" * 16)
        for webhook_id in ("whk_1", "whk_11")
        for generation in (1, 2, 11)
    }
    assert len(secrets) == 12
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)
    with pytest.raises(InputError, match="signing_key"):
        Signer("short")


def test_an_endpoint_wants_its_kinds_from_its_beginning_and_only_while_it_is_active() -> None:
    some = replace(ENDPOINT, events=("coupon.held",))
    assert ENDPOINT.wants("coupon.held", NOW)
    assert some.wants("coupon.held", NOW)
    assert not some.wants("coupon.redeemed", NOW)
    assert not ENDPOINT.wants("webhook.created", NOW)
    assert not ENDPOINT.wants("coupon.held", NOW - timedelta(microseconds=1))
    assert not replace(ENDPOINT, reason="by_hand").wants("coupon.held", NOW)


def test_identifiers_are_dropped_whatever_they_hang_on() -> None:
    deep: Any = {"device": 1, "users": [{"phone": "1", "user_id": "u"}], "detail": {"identity": {"a": 1}, "n": None}}
    assert without_identifiers(deep) == {"users": [{"user_id": "u"}], "detail": {"n": None}}
