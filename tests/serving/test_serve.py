"""All three apps in one real process: they start, answer each other over HTTP, and stop without losing the ledger."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.errors import InputError
from serving.app import console_link, coupons_app, key_ring, open_store, serve
from serving.keys import SCORE, embedded_keys, hash_key
from serving.settings import ApiKey, Settings
from serving.store.unit import Answer, Request
from serving.store.verify import verify_ledger

SERVER = """
import sys
sys.path.insert(0, {tests!r})
from fakes.scoring import Features, Models, abuse, policy, uplift
from serving.app import Parts, serve
from serving.settings import Settings
models = Models()
for name, artefact in (("uplift", uplift()), ("policy", policy()), ("abuse", abuse())):
    models.put(name, artefact)
features = Features({{("user", "loyal"): [5.0, 1.0], ("identity", "loyal"): [0.0, 0.0]}})
serve(Settings(home={home!r}, services={services!r}), parts=Parts(features=features, models=models))
print("closed", flush=True)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ready(url: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(300):
            try:
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(f"{url} did not get ready")


async def test_one_process_serves_the_loop_and_stops_cleanly(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("scoring", "coupons", "console")}
    services: dict[str, Any] = {name: {"port": port} for name, port in ports.items()}
    services["scoring_deadline_ms"] = 5000
    script = SERVER.format(tests=str(Path(__file__).parents[1]), home=str(tmp_path), services=services)
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    try:
        for port in ports.values():
            await ready(f"http://127.0.0.1:{port}")
        settings = Settings(home=tmp_path, services=services)
        beside = open_store(settings)  # a second process may write to the same ledger
        beside.write(Request("beside", "k", "nothing", "f"), lambda tx: Answer(200, {}))
        beside.close()
        keys = embedded_keys(tmp_path)
        async with httpx.AsyncClient(follow_redirects=True, timeout=30) as http:

            async def post(role: str, path: str, body: Any) -> httpx.Response:
                headers = {"Authorization": f"Bearer {keys[role]}", "Idempotency-Key": path}
                return await http.post(f"http://127.0.0.1:{ports['coupons']}{path}", json=body, headers=headers)

            await post("operator", "/v1/campaigns", {"campaign_id": "c", "name": "c", "budget_cents": 10000})
            template = {
                "template_id": "cut",
                "name": "cut",
                "deduction": {"kind": "no_threshold", "face_cents": 500},
                "validity": {"kind": "days", "days": 7},
                "quantity": -1,
                "per_user": -1,
                "campaign_id": "c",
                "access": "decision",
            }
            await post("operator", "/v1/templates", template)
            decided = (await post("issuance", "/v1/triggers", {"user_id": "loyal"})).json()
            assert (decided["offer"], decided["fallback"]) == ("cut", False)
            claim = await post("issuance", "/v1/claims", {"user_id": "loyal", "decision_id": decided["decision_id"]})
            assert claim.status_code == 201, claim.text
            assert claim.json()["fallback"] is False
            page = (await http.get(console_link(settings))).text
            link = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("token", "link")}
            first = await http.post(f"http://127.0.0.1:{ports['console']}/sign-in/link", data=link)
            assert "lena" in first.text, "signed in"
        server.send_signal(signal.SIGTERM)
        said, _ = await asyncio.to_thread(server.communicate, timeout=20)
        assert (server.returncode, said.splitlines()[-1]) == (0, "closed")
    finally:
        server.kill()
        server.communicate()
    report = verify_ledger(settings.ledger_url)
    assert report.exact
    assert report.rows["coupons"] == 1
    assert not (tmp_path / "ledger.db-wal").exists(), "the log was folded back"


def test_an_app_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of: scoring, coupons, console"):
        serve(Settings(home=tmp_path), "casino")


def test_embedded_keys_are_random_private_and_stay(tmp_path: Path) -> None:
    first = embedded_keys(tmp_path)
    assert embedded_keys(tmp_path) == first
    assert embedded_keys(tmp_path / "other") != first
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert all(len(key) > 40 for key in first.values())


def test_keys_of_the_settings_replace_the_embedded_ones(tmp_path: Path) -> None:
    key = ApiKey(principal="shop", sha256=hash_key("fd_x"), scopes=(SCORE,))
    ring = key_ring(Settings(home=tmp_path, services={"api_keys": [key]}))
    found = ring.find("fd_x")
    assert found is not None
    assert (found.name, found.scopes) == ("shop", frozenset({SCORE}))
    assert not (tmp_path / "keys.json").exists()
    wrong = ApiKey(principal="shop", sha256=hash_key("fd_x"), scopes=("everything",))
    with pytest.raises(InputError, match="scopes"):
        key_ring(Settings(home=tmp_path, services={"api_keys": [wrong]}))


def test_nothing_happens_on_import() -> None:
    script = (
        "import os, serving.app, serving.api.coupons, serving.console.app, serving.scoring.app; print(os.listdir())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.returncode == 0, done.stderr
    assert ".fairdeal" not in done.stdout


def test_the_openapi_document_describes_every_route(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    store = open_store(settings)
    app = coupons_app(settings, store)
    store.close()
    for path, item in app.openapi()["paths"].items():
        for operation in item.values():
            assert operation.get("description"), path


def test_a_server_with_public_secrets_or_open_webhooks_does_not_start(tmp_path: Path) -> None:
    stores = {"ledger_url": "postgresql+psycopg://nobody@localhost/none"}
    with pytest.raises(InputError, match="FAIRDEAL_RISK__KEY"):
        serve(Settings(home=tmp_path, stores=stores))
    secret = {"key": "a-secret-of-this-installation"}
    with pytest.raises(InputError, match="allow_private"):
        serve(Settings(home=tmp_path, stores=stores, risk=secret, webhooks={"allow_private": True}))
