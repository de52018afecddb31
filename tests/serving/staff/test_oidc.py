"""Sign-in at an identity provider: the happy path, and every answer that must not be believed."""

from __future__ import annotations

import base64
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.door import at_the_door, employ
from fakes.oidc import ISSUER, SETTINGS, Provider, unsigned
from fakes.shop import Clock, Scoring, Shop
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select

from features.errors import InputError
from serving.app import console_app
from serving.console.visitor import COOKIE
from serving.console_settings import Oidc
from serving.staff.accounts import disable, find, set_role
from serving.staff.oidc import Provider as Client
from serving.store.schema import events
from serving.store.unit import Request
from serving.store.verify import verify_ledger


@pytest.fixture
def provider(clock: Clock) -> Provider:
    return Provider(clock)


@pytest.fixture
async def shop(tmp_path: Path, sqlite_url: str, clock: Clock, scoring: Scoring, provider: Provider) -> Any:
    made = Shop(tmp_path, sqlite_url, clock, scoring)
    console = {"oidc": SETTINGS, "public_url": "http://console"}
    settings = made.settings.model_copy(update={"console": type(made.settings.console)(**console)})
    made.console = console_app(settings, made.store, None, httpx.MockTransport(provider.answer))
    yield made
    await made.close()


async def come(
    shop: Shop, provider: Provider, browser: httpx.AsyncClient, to: str = "/audit", **over: str
) -> httpx.Response:
    """Set out, agree at the provider, come back; ``over`` replaces what one comes back with."""
    out = await browser.get("/sign-in/provider", params={"to": to})
    assert out.status_code == 303, out.text
    assert out.headers["location"].startswith(f"{ISSUER}/authorize?")
    return await browser.get("/sign-in/back", params={**provider.agree(out.headers["location"]), **over})


def account(shop: Shop, name: str = "lena@shop.example") -> Any:
    return shop.store.read(lambda connection: find(connection, name))


def run(shop: Shop, command: Any) -> dict[str, Any]:
    key = shop.store.ids("tst")
    return shop.store.write(Request("cli:test", key, "staff", key), command).body


async def test_whom_the_provider_vouches_for_gets_in_with_the_mapped_role(shop: Shop, provider: Provider) -> None:
    async with at_the_door(shop) as browser:
        assert "Sign in with your organisation" in (await browser.get("/sign-in")).text
        answer = await come(shop, provider, browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/audit")
        assert (await browser.get("/audit")).status_code == 200
        page = await browser.get("/account")
        assert "You sign in with your organisation" in page.text
    found = account(shop)
    assert (found.role, found.origin, found.state) == ("lead", "oidc", "active")
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_the_role_follows_the_claim_at_each_sign_in(shop: Shop, provider: Provider) -> None:
    async with at_the_door(shop) as browser:
        await come(shop, provider, browser)
        provider.claims["groups"] = "risk"
        await come(shop, provider, browser, "/cases")
    assert account(shop).role == "reviewer"
    assert run(shop, set_role("lena@shop.example", "admin"))["code"] == "staff_elsewhere"


@pytest.mark.parametrize("claims", [{"groups": []}, {"groups": None}, {"groups": ["staff"]}, {"groups": {"risk": 1}}])
async def test_who_has_no_mapped_role_is_told_so_and_stays_outside(
    shop: Shop, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with at_the_door(shop) as browser:
        answer = await come(shop, provider, browser)
        assert answer.status_code == 403
        assert "You have no role at this console" in answer.text
        assert COOKIE not in browser.cookies
    assert account(shop) is None
    query = select(events.c.stream).where(events.c.kind == "entrance.refused")
    assert shop.store.read(lambda c: c.execute(query).scalars().all()) == ["entrance:lena@shop.example"]


async def refused(shop: Shop, provider: Provider, status: int = 403, **over: str) -> str:
    async with at_the_door(shop) as browser:
        answer = await come(shop, provider, browser, **over)
        assert answer.status_code == status
        assert COOKIE not in browser.cookies
    assert account(shop) is None
    return answer.text


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "somebody-else"}, {"aud": ["a", "b"]}, {"aud": None},
        {"iss": "https://evil.example"}, {"iss": None}, {"exp": 1}, {"exp": None}, {"exp": "never"}, {"sub": None},
        {"azp": "somebody-else"}, {"iat": None}, {"aud": ["fairdeal", "other"], "azp": "other"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    shop: Shop, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert "could not be verified" in await refused(shop, provider)


async def test_a_token_of_just_now_is_good_for_its_minutes(shop: Shop, provider: Provider, clock: Clock) -> None:
    provider.claims = {"exp": int(clock().replace(tzinfo=UTC).timestamp()) - 59}
    async with at_the_door(shop) as browser:
        assert (await come(shop, provider, browser)).status_code == 303
    provider.claims["exp"] -= 1
    async with at_the_door(shop) as browser:
        assert (await come(shop, provider, browser)).status_code == 403


def none(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "id_token": unsigned(answer["id_token"])}


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    body = answer["id_token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def other_key(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    key = RSAKey.generate_key(2048, {"kid": "one"})
    return {**answer, "id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims_of(answer), key)}


def with_the_secret(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    key = OctKey.import_key("the client's secret is long enough to sign")
    return {**answer, "id_token": jwt.encode({"alg": "HS256"}, claims_of(answer), key)}


def changed(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    head, body, signature = answer["id_token"].split(".")
    return {**answer, "id_token": f"{head}.{body[:-4]}AAAA.{signature}"}


def without(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {"access_token": "at"}


def no_text(answer: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "id_token": 7}


@pytest.mark.parametrize("spoil", [none, other_key, with_the_secret, changed, without, no_text])
async def test_a_token_that_the_providers_key_did_not_sign_is_refused(
    shop: Shop, provider: Provider, spoil: Any
) -> None:
    provider.spoil = spoil
    assert "could not be verified" in await refused(shop, provider)


@pytest.mark.parametrize("over", [{"state": "0" * 64}, {"state": ""}, {"code": ""}, {"state": "é"}])
async def test_a_way_back_that_was_not_begun_here_is_refused(
    shop: Shop, provider: Provider, over: dict[str, str]
) -> None:
    assert "was not begun here" in await refused(shop, provider, **over)
    assert not [request for request in provider.asked if request.url.path == "/token"]


async def test_another_browser_cannot_come_back_with_my_answer(shop: Shop, provider: Provider) -> None:
    async with at_the_door(shop) as mine, at_the_door(shop) as theirs:
        out = await mine.get("/sign-in/provider")
        back = provider.agree(out.headers["location"])
        await theirs.get("/sign-in/provider")
        assert (await theirs.get("/sign-in/back", params=back)).status_code == 403
        assert (await at_the_door(shop).get("/sign-in/back", params=back)).status_code == 403
        assert (await mine.get("/sign-in/back", params=back)).status_code == 303
        assert (await mine.get("/sign-in/back", params=back)).status_code == 403, "the answer is good once"


async def test_an_invented_code_is_refused(shop: Shop, provider: Provider) -> None:
    assert "could not be verified" in await refused(shop, provider, code="made-up")


async def test_a_local_account_of_the_same_name_is_not_taken_over(shop: Shop, provider: Provider) -> None:
    await employ(shop, "lena@shop.example", "admin")
    async with at_the_door(shop) as browser:
        answer = await come(shop, provider, browser)
        assert answer.status_code == 403
        assert "may not sign in that way" in answer.text
        assert COOKIE not in browser.cookies
    assert account(shop).role == "admin"


async def test_a_name_that_went_to_somebody_else_is_not_them(shop: Shop, provider: Provider) -> None:
    async with at_the_door(shop) as browser:
        assert (await come(shop, provider, browser)).status_code == 303
        provider.claims["sub"] = "user-2"
        assert (await come(shop, provider, browser)).status_code == 403


async def test_a_shut_account_stays_outside(shop: Shop, provider: Provider) -> None:
    async with at_the_door(shop) as browser:
        await come(shop, provider, browser)
        run(shop, disable("lena@shop.example"))
        assert (await come(shop, provider, browser)).status_code == 403


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "Lena"}, "lena"),
        ({"preferred_username": None, "email": "L@x.example"}, "l@x.example"),
        ({"preferred_username": None, "email": "l@x.example", "email_verified": False}, None),
        ({"preferred_username": "no blanks please"}, None),
        ({"preferred_username": "<script>"}, None),
        ({"preferred_username": None}, None),
        ({"preferred_username": 7}, None),
    ],
)
async def test_the_name_is_what_the_provider_calls_them(
    shop: Shop, provider: Provider, claims: dict[str, Any], name: str | None
) -> None:
    provider.claims = claims
    async with at_the_door(shop) as browser:
        answer = await come(shop, provider, browser)
        assert answer.status_code == (303 if name else 403)
    assert name is None or account(shop, name).role == "lead"


async def test_a_provider_that_is_away_or_is_another_is_said(shop: Shop, provider: Provider) -> None:
    provider.down = True
    async with at_the_door(shop) as browser:
        answer = await browser.get("/sign-in/provider")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.text
        provider.down = False
        for about in ({"issuer": "https://evil.example"}, {"token_endpoint": "http://id.example/token"}):
            provider.about = about
            assert (await browser.get("/sign-in/provider")).status_code == 403


async def test_keys_that_changed_are_asked_for_again(
    shop: Shop, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_the_door(shop) as browser:
        assert (await come(shop, provider, browser)).status_code == 303
        provider.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        assert (await come(shop, provider, browser)).status_code == 403, "asked a moment ago"
        monkeypatch.setattr("serving.staff.oidc._AGAIN_SECONDS", 0)
        assert (await come(shop, provider, browser)).status_code == 303


async def test_without_a_provider_there_is_no_way_to_one(small_shop: Shop) -> None:
    async with at_the_door(small_shop) as browser:
        assert "organisation" not in (await browser.get("/sign-in")).text
        assert (await browser.get("/sign-in/provider")).status_code == 404


@pytest.mark.parametrize(
    "values", [{"issuer": "http://id.example"}, {"issuer": ISSUER, "client_id": ""}, {"issuer": ISSUER, "roles": {}}]
)
def test_settings_that_cannot_work_are_named(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"console\.oidc"):
        Client(Oidc(**{**SETTINGS, **values}), "https://console.example")
