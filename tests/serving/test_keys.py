"""Keys: who calls, whether it is a try, until when; and the embedded keys, which are completed and never replaced."""

from __future__ import annotations

import fcntl
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from serving import keys
from serving.api.access import allowed
from serving.api.problems import add_problem_handlers
from serving.keys import ROLES, SCOPES, SCORE, TEST_ROLES, KeyRing, Principal, embedded_keys, hash_key, new_key

NAMES = {*ROLES, *(f"test_{role}" for role in TEST_ROLES)}


def test_every_role_has_known_scopes_and_every_scope_has_a_role() -> None:
    assert set(SCOPES) == {scope for scopes in ROLES.values() for scope in scopes}
    assert len(set(SCOPES)) == len(SCOPES)


def test_a_test_key_may_what_the_live_one_may_and_says_that_it_is_a_test() -> None:
    ring = KeyRing.of({"checkout": "fd_live_a", "test_checkout": "fd_test_b"})
    live, test = ring.find("fd_live_a"), ring.find("fd_test_b")
    assert live == Principal("checkout", frozenset(ROLES["checkout"]))
    assert test == Principal("test_checkout", frozenset(ROLES["checkout"]), test=True)


def test_a_test_key_that_was_listed_as_live_is_still_a_test() -> None:
    ring = KeyRing([(hash_key("fd_test_b"), Principal("shop", frozenset()))])
    found = ring.find("fd_test_b")
    assert found is not None
    assert found.test


def test_a_key_from_before_there_were_two_kinds_is_live() -> None:
    ring = KeyRing.of({"checkout": "fd_4f7b"})
    found = ring.find("fd_4f7b")
    assert found is not None
    assert not found.test


@pytest.mark.parametrize(
    ("now", "works"),
    [
        (datetime(2026, 5, 31), True),
        (datetime(2026, 6, 1, 23, 59, 59, 999999), True),
        (datetime(2026, 6, 2), False),
        (datetime(2027, 1, 1), False),
    ],
)
def test_a_key_works_until_the_end_of_its_last_utc_day(now: datetime, works: bool) -> None:
    entry = (hash_key("fd_live_a"), Principal("shop", frozenset(), expires=date(2026, 6, 1)))
    assert (KeyRing([entry], lambda: now).find("fd_live_a") is not None) is works


@pytest.mark.parametrize(("day", "status"), [(1, 200), (2, 401)])
async def test_an_expired_key_is_answered_like_an_unknown_one(day: int, status: int) -> None:
    app = FastAPI()
    add_problem_handlers(app)
    entry = (hash_key("fd_live_a"), Principal("shop", frozenset({SCORE}), expires=date(2026, 6, 1)))
    app.state.keys = KeyRing([entry], lambda: datetime(2026, 6, day))

    @app.get("/score", dependencies=[Depends(allowed(SCORE))])
    async def score() -> str:
        return "ok"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        answer, unknown = [
            await http.get("/score", headers={"Authorization": f"Bearer {key}"}) for key in ("fd_live_a", "fd_live_b")
        ]
    assert answer.status_code == status
    assert unknown.status_code == 401
    assert status == 200 or answer.content == unknown.content


@given(st.text(max_size=80))
def test_a_guess_finds_nobody(guess: str) -> None:
    assert KeyRing.of({"checkout": new_key()}).find(guess) is None


def test_new_keys_say_their_kind() -> None:
    assert new_key().startswith("fd_live_")
    assert new_key(test=True).startswith("fd_test_")
    assert len({new_key() for _ in range(100)}) == 100


def test_embedded_keys_are_made_for_every_role_and_for_trying(tmp_path: Path) -> None:
    made = embedded_keys(tmp_path)
    assert made.keys() == NAMES
    assert {name for name, key in made.items() if key.startswith("fd_test_")} == NAMES - ROLES.keys()
    assert embedded_keys(tmp_path) == made
    ring = KeyRing.of(made)
    for name, key in made.items():
        found = ring.find(key)
        assert found is not None
        assert (found.name, found.test) == (name, name.startswith("test_"))


def test_keys_that_exist_are_completed_and_stay(tmp_path: Path) -> None:
    old = {role: f"fd_{role}" for role in ROLES if role != "scientist"}
    (tmp_path / "keys.json").write_text(json.dumps(old), "utf-8")
    made = embedded_keys(tmp_path)
    assert {name: made[name] for name in old} == old
    assert made.keys() == NAMES
    assert json.loads((tmp_path / "keys.json").read_text("utf-8")) == made
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '"fd_x"', '{"checkout": 1}'])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"keys\.json"):
        embedded_keys(tmp_path)
    assert path.read_text("utf-8") == text


def test_apps_that_start_together_on_a_fresh_home_agree(tmp_path: Path) -> None:
    theirs = embedded_keys(tmp_path / "other")
    home = tmp_path / "home"
    home.mkdir()
    handle = os.open(home, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with ThreadPoolExecutor() as pool:
        ours = pool.submit(embedded_keys, home)
        time.sleep(0.2)  # ours has seen that there is no file, and waits
        (home / "keys.json").write_text(json.dumps(theirs), "utf-8")
        os.close(handle)
        assert ours.result(timeout=10) == theirs
    assert [path.name for path in home.iterdir()] == ["keys.json"]


def test_only_the_owner_may_read_even_while_the_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    written = json.dump

    def dump(data: object, file: object, **options: object) -> None:
        modes.extend(found.stat().st_mode & 0o777 for found in tmp_path.glob("keys.*"))
        written(data, file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(keys.json, "dump", dump)
    embedded_keys(tmp_path)
    assert modes == [0o600]
