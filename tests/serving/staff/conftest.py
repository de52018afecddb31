"""Hashes that take no time, so that the tests of the door are quick; one test uses the real ones."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.staff.passwords.PasswordHasher", lambda: QUICK)
