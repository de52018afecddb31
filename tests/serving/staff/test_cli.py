"""``fairdeal staff`` and ``fairdeal audit verify --head``: on a fresh home and with bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from features.errors import InputError
from pipelines.cli.app import app
from serving.app import console_link, console_links, open_store
from serving.settings import load_settings
from serving.staff.accounts import find
from serving.store.audit import seal, verify
from serving.store.schema_staff import sign_in_links, staff_secrets
from serving.store.verify import verify_ledger

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path))
    monkeypatch.delenv("FAIRDEAL_PROFILE", raising=False)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("serving.staff.passwords.PasswordHasher", lambda: quick)
    return tmp_path


def fairdeal(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def read(query: Any) -> Any:
    store = open_store(load_settings())
    try:
        return store.read(query)
    finally:
        store.close()


def test_an_account_begins_with_a_link(home: Path) -> None:
    said = fairdeal("staff", "add", "Adam", "--role", "admin")
    assert re.search(r"http://127\.0\.0\.1:8103/sign-in/link\?link=\S{43}", said)
    listed = json.loads(fairdeal("staff", "list", "--json"))
    assert [(row["name"], row["role"], row["state"], row["signs in"]) for row in listed] == [
        ("adam", "admin", "active", "link")
    ]
    assert "adam" in fairdeal("staff", "list")


def test_on_a_terminal_it_asks_for_a_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["short", PASSWORD])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(typed))
    monkeypatch.setattr("pipelines.cli.staff._on_terminal", lambda: True)
    with pytest.raises(InputError, match="password"):
        fairdeal("staff", "add", "rita", "--role", "reviewer")
    assert read(lambda connection: find(connection, "rita")) is None, "no half account"
    assert "http" not in fairdeal("staff", "add", "rita", "--role", "reviewer")
    kept = read(lambda connection: connection.execute(staff_secrets.select()).one())
    assert kept.password.startswith("$argon2id$")


def test_role_and_state(home: Path) -> None:
    fairdeal("staff", "add", "adam", "--role", "admin")
    fairdeal("staff", "add", "rita", "--role", "reviewer")
    fairdeal("staff", "role", "rita", "lead")
    fairdeal("staff", "disable", "rita")
    rita = read(lambda connection: find(connection, "rita"))
    assert (rita.role, rita.state) == ("lead", "disabled")
    fairdeal("staff", "enable", "rita")
    assert "link=" in fairdeal("staff", "reset", "rita")
    assert "link=" in fairdeal("staff", "link", "rita")
    assert len(read(lambda connection: connection.execute(sign_in_links.select()).all())) == 2, "one each"
    assert verify_ledger(load_settings().ledger_url).exact


@pytest.mark.parametrize(
    "words",
    [
        ("add", "rita", "--role", "king"), ("add", "a b", "--role", "lead"), ("add", "adam", "--role", "lead"),
        ("role", "nobody", "lead"), ("role", "adam", "lead"), ("disable", "nobody"), ("disable", "adam"),
        ("link", "nobody"), ("reset", "nobody"), ("enable", "<b>"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_input_is_one_line(words: tuple[str, ...]) -> None:
    fairdeal("staff", "add", "adam", "--role", "admin")
    with pytest.raises(InputError) as caught:  # what main() prints as one line, with exit code 2
        fairdeal("staff", *words)
    assert "\n" not in str(caught.value)


def test_links_for_the_team_of_a_fresh_home(home: Path) -> None:
    settings = load_settings()
    links = console_links(settings)
    assert sorted(links) == ["admin", "analyst", "lead", "operator", "reviewer"]
    assert len(set(links.values())) == 5
    names = {row["name"]: row["role"] for row in json.loads(fairdeal("staff", "list", "--json"))}
    assert names == {"rita": "reviewer", "lena": "lead", "oscar": "operator", "ana": "analyst", "adam": "admin"}
    assert console_link(settings) != links["lead"]
    fairdeal("staff", "disable", "oscar")
    fairdeal("staff", "role", "ana", "lead")
    assert sorted(console_links(settings)) == ["admin", "lead", "reviewer"]
    assert verify_ledger(settings.ledger_url).exact


def test_a_head_that_was_written_down_must_be_in_the_chain(home: Path) -> None:
    settings = load_settings()
    for name in ("a1", "a2", "a3"):
        fairdeal("staff", "add", name, "--role", "admin")
    key = settings.risk.key
    seal(settings.ledger_url, settings.seals, key)
    head = verify(settings.ledger_url, settings.seals, key).head
    fairdeal("staff", "add", "a4", "--role", "lead")
    seal(settings.ledger_url, settings.seals, key)
    assert "intact" in fairdeal("audit", "verify", "--head", head)
    lines = settings.seals.read_text().splitlines(keepends=True)
    settings.seals.write_text("".join(lines[:4]))
    assert "intact" in fairdeal("audit", "verify"), "without the head nothing is seen"
    assert "cut off" in fairdeal("audit", "verify", "--head", head, code=1)
    settings.seals.unlink()
    assert "cut off" in fairdeal("audit", "verify", "--head", head, code=1)
    with pytest.raises(InputError, match="head"):
        fairdeal("audit", "verify", "--head", "abc")
