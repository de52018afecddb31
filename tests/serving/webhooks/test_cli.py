"""``fairdeal events resend``: what it asks the app, and what it says when there is no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.errors import InputError
from pipelines.cli.events import resend
from serving.keys import embedded_keys


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path))
    monkeypatch.delenv("FAIRDEAL_API_KEY", raising=False)
    return tmp_path


def answering(status: int, body: Any, asked: list[httpx.Request]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=body)

    return httpx.MockTransport(answer)


def test_it_asks_the_running_app_with_the_operators_key_and_a_new_key_each_time(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[httpx.Request] = []
    transport = answering(200, {"event_id": "evt_1", "webhook_ids": ["whk_1", "whk_2"]}, asked)
    assert resend("evt_1", transport=transport) == 0
    assert resend("evt_1", "whk_1", transport=transport) == 0
    assert "whk_1, whk_2" in capsys.readouterr().out
    assert [(request.method, request.url.path) for request in asked] == [("POST", "/v1/events/evt_1/resend")] * 2
    assert [json.loads(request.content) for request in asked] == [{}, {"webhook_id": "whk_1"}]
    assert asked[0].headers["authorization"] == f"Bearer {embedded_keys(home)['operator']}"
    assert asked[0].headers["idempotency-key"] != asked[1].headers["idempotency-key"]


def test_a_refusal_is_said_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[httpx.Request] = []
    refused = answering(404, {"code": "event_unknown", "detail": "There is no such event."}, asked)
    assert resend("evt_2", transport=refused) == 1
    assert "There is no such event." in capsys.readouterr().out


def test_a_key_of_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDEAL_API_KEY", "fd_live_given")
    asked: list[httpx.Request] = []
    assert resend("evt_1", transport=answering(200, {"event_id": "evt_1", "webhook_ids": []}, asked)) == 0
    assert asked[0].headers["authorization"] == "Bearer fd_live_given"


def test_without_an_app_or_with_an_id_that_is_none_the_error_names_it() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(InputError, match="coupons app"):
        resend("evt_1", transport=httpx.MockTransport(down))
    for bad in ("", "../webhooks", "evt 1", "evt_1?x=1", "evt_é"):
        with pytest.raises(InputError, match="event"):
            resend(bad, transport=httpx.MockTransport(down))
