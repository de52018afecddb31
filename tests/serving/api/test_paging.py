"""Cursors: both directions show every row once, whatever is added or removed in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, create_engine, delete, insert, select

from serving.api.paging import Cursor, Slice, listing, paged
from serving.api.problems import add_problem_handlers

things = Table("things", MetaData(), Column("id", String(60), primary_key=True), Column("n", Integer))
# Letters of both cases, digits and signs: databases sort them each in their own way.
IDS = st.lists(st.text("abXY019_-.:", min_size=1, max_size=6), unique=True, max_size=30)
QUICK = settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def connection(ledger_url: str) -> Iterator[Connection]:
    engine = create_engine(ledger_url)
    with engine.connect() as made:
        things.metadata.create_all(made)
        made.commit()
        yield made
    engine.dispose()


def fill(connection: Connection, ids: list[str]) -> list[str]:
    """Put exactly these rows; their order is the database's."""
    connection.execute(delete(things))
    if ids:
        connection.execute(insert(things), [{"id": id_, "n": n} for n, id_ in enumerate(ids)])
    return list(connection.execute(select(things.c.id).order_by(things.c.id)).scalars())


def ids(connection: Connection, cursor: Cursor) -> tuple[list[str], bool]:
    # The query has an order of its own, which a page must not follow.
    found = cursor.fetch(connection, select(things).order_by(things.c.n.desc()), things.c.id)
    return [row.id for row in found.rows], found.has_more


def test_walking_forward_and_back_shows_every_row_once_and_in_order(connection: Connection) -> None:
    @QUICK
    @given(IDS, st.integers(1, 9))
    def law(made: list[str], limit: int) -> None:
        ordered = fill(connection, made)
        seen: list[str] = []
        more, cursor = True, Cursor(limit)
        while more:
            page, more = ids(connection, cursor)
            assert len(page) == limit or not more
            seen += page
            cursor = Cursor(limit, after=seen[-1]) if seen else cursor
        assert seen == ordered
        back: list[str] = []
        more = bool(seen)
        while more:
            page, more = ids(connection, Cursor(limit, before=back[0] if back else seen[-1]))
            back = page + back
        assert back == ordered[:-1]

    law()


def test_a_cursor_needs_no_row_of_its_own(connection: Connection) -> None:
    fill(connection, ["a1", "a3", "a5"])
    assert ids(connection, Cursor(5, after="a2")) == (["a3", "a5"], False)
    assert ids(connection, Cursor(1, before="a4")) == (["a3"], True)
    connection.execute(delete(things).where(things.c.id == "a3"))
    assert ids(connection, Cursor(5, after="a3")) == (["a5"], False)
    assert ids(connection, Cursor(5, after="zz")) == ([], False)
    assert ids(connection, Cursor(5, before="a1")) == ([], False)


def test_a_page_does_not_shift_when_a_row_is_added_before_it(connection: Connection) -> None:
    fill(connection, ["b", "d", "f"])
    first, _ = ids(connection, Cursor(1))
    connection.execute(insert(things), {"id": "a", "n": 9})
    assert ids(connection, Cursor(1, after=first[-1])) == (["d"], True)


@pytest.mark.parametrize("wrong", [{"after": "a", "before": "b"}, {"limit": 0}])
def test_a_cursor_that_means_nothing_is_a_misuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"either after or before|1 or more"):
        Cursor(**wrong)


@pytest.fixture
async def http() -> Any:
    """An app that answers with the cursor it understood."""
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/things")
    async def list_things(cursor: Annotated[Cursor, Depends(paged(50))]) -> dict[str, Any]:
        shown = {"limit": cursor.limit, "after": cursor.after, "before": cursor.before}
        return listing(Slice([shown], True), lambda row: row)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        yield client


@pytest.mark.parametrize(
    ("query", "understood"),
    [
        ("", (50, None, None)),
        ("limit=3", (3, None, None)),
        ("limit=100&starting_after=cpn_1", (100, "cpn_1", None)),
        ("ending_before=cpn_1", (50, None, "cpn_1")),
        ("starting_after=", (50, None, None)),
        ("starting_after=&ending_before=x", (50, None, "x")),
    ],
)
async def test_lists_take_the_words_of_stripe(http: Any, query: str, understood: tuple[Any, ...]) -> None:
    answer = await http.get(f"/things?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["has_more"] is True
    assert tuple(answer.json()["data"][0].values()) == understood


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("starting_after=secret-a&ending_before=secret-b", "ending_before"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=secret", "limit"),
        ("starting_after=secret%00", "starting_after"),
        ("ending_before=secret" + "x" * 130, "ending_before"),
    ],
)
async def test_a_cursor_that_means_nothing_is_refused_without_being_repeated(http: Any, query: str, field: str) -> None:
    answer = await http.get(f"/things?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "secret" not in answer.text
