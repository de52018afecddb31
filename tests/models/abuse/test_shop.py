"""Reading a shop before a moment: what is condensed, what is left out and counted, and what may not be seen yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.engine import connect
from models.abuse.marks import DAY, HOUR
from models.abuse.shop import KEYS, Shop, shop_before

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
START = pd.Timestamp("2026-03-01")
Tables = dict[str, pd.DataFrame]


@pytest.fixture
def con() -> Iterator[Any]:
    made = connect(threads=1)
    yield made
    made.disconnect()


def read(con: Any, tables: Tables, as_of: datetime | None = None) -> Shop:
    return shop_before(con, {name: ibis.memtable(frame) for name, frame in tables.items()}, as_of)


def rows_of(con: Any, table: Any) -> list[tuple[Any, ...]]:
    frame = con.to_pandas(table)
    frame = frame[sorted(frame.columns)].astype(object).where(lambda t: t.notna(), None)
    return sorted(frame.itertuples(index=False, name=None), key=str)


def at(*hours: float) -> list[pd.Timestamp]:
    return [START + pd.Timedelta(hours=hour) for hour in hours]


def users(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"user_id": names, "registered_at": START})


def busy(seed: int, n: int = 400) -> Tables:
    """A few accounts with many events of every kind on a few devices and networks over five days."""
    rng = np.random.default_rng(seed)
    names = [f"u{i}" for i in range(6)]
    events = pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "user_id": rng.choice(names, n),
            "occurred_at": START + pd.to_timedelta(rng.integers(0, 5 * 24 * 3600, n), unit="s"),
            "kind": rng.choice(["view", "search", "cancel", "checkout"], n),
            "terminal": rng.choice(["web", "kiosk"], n, p=[0.95, 0.05]),
            "device_id": rng.choice(np.array(["dev-1a2b", "dev-3c4d", "unknown", None], object), n),
            "ip": rng.choice(np.array(["8.8.8.8", "8.8.8.9", "::ffff:8.8.8.8", "10.0.0.1", None], object), n),
        }
    )
    return {"users": users(*names), "events": events}


def test_events_are_condensed_without_losing_a_view_a_device_or_a_moment(con: Any) -> None:
    tables = busy(1)
    shop, events = read(con, tables), tables["events"]
    us = events["occurred_at"].astype("datetime64[us]").astype("int64")
    viewed, cancelled = events["kind"].isin(["view", "search"]), events["kind"] == "cancel"
    plain = events.assign(us=us, views=viewed.astype(int), cancels=cancelled.astype(int))
    hourly = plain.groupby(["user_id", us // HOUR]).agg(
        us=("us", "min"), views=("views", "sum"), cancels=("cancels", "sum")
    )
    assert rows_of(con, shop.acts) == rows_of(con, ibis.memtable(hourly.reset_index(level=0)))
    device = events["device_id"].where(lambda s: s != "unknown")
    ip = events["ip"].str.removeprefix("::ffff:").where(lambda s: s != "10.0.0.1")
    block = ip.where(ip.isna(), "8.8.8.0/24")
    plain = plain.assign(device=device, ip=ip, block=block, address=None, day=us // DAY)
    seen = plain.groupby(["user_id", *KEYS, "day"], dropna=False)["us"].min().reset_index().drop(columns="day")
    assert rows_of(con, shop.touches) == sorted(
        (tuple(None if pd.isna(v) else v for v in row) for row in seen[sorted(seen)].itertuples(index=False)), key=str
    )
    house = plain[(plain["terminal"] == "kiosk") & plain["device"].notna()].groupby("device")["us"].min()
    assert rows_of(con, shop.house) == sorted(house.items(), key=str)


def test_of_rows_with_one_key_the_first_in_time_counts(con: Any) -> None:
    coupons = pd.DataFrame(
        {
            "coupon_id": ["c1", "c1", "c1", "c2", None, None],
            "user_id": ["late", "first", "late", "a", "a", "a"],
            "claimed_at": at(3, 1, 2, 4, 5, 5),
        }
    )
    shop = read(con, {"users": users("first", "late", "a"), "coupons": coupons})
    claims = con.to_pandas(shop.claims)
    assert sorted(claims["user_id"]) == ["a", "a", "a", "first"]  # a row without a key stands for itself
    assert shop.left_out == {"coupons of a key seen before": 2}


def test_a_repeated_event_is_not_seen_twice(con: Any) -> None:
    tables = busy(2)
    again = {**tables, "events": pd.concat([tables["events"], tables["events"].head(50)])}
    once = read(con, tables)
    expected = rows_of(con, once.acts), rows_of(con, once.touches)
    twice = read(con, again)
    assert (rows_of(con, twice.acts), rows_of(con, twice.touches)) == expected
    assert twice.left_out == {"events of a key seen before": 50}


def test_rows_ahead_of_their_time_are_shut_out_by_as_of(con: Any) -> None:
    tables = busy(3)
    ahead = (
        tables["events"]
        .head(20)
        .assign(event_id=[f"ahead{i}" for i in range(20)], occurred_at=pd.Timestamp("2099-01-01"))
    )
    now = (START + pd.Timedelta(days=30)).to_pydatetime()
    plain = read(con, tables, now)
    expected = rows_of(con, plain.touches), rows_of(con, plain.acts), plain.left_out
    jumped = read(con, {**tables, "events": pd.concat([tables["events"], ahead])}, now)
    assert (rows_of(con, jumped.touches), rows_of(con, jumped.acts), jumped.left_out) == expected


def test_an_account_may_claim_before_it_is_registered(con: Any) -> None:
    """Clocks of two machines differ; the claim is kept and the account is as new as can be."""
    people = users("a").assign(registered_at=START + pd.Timedelta(hours=5))
    coupons = pd.DataFrame({"coupon_id": ["c"], "user_id": ["a"], "claimed_at": at(1)})
    shop = read(con, {"users": people, "coupons": coupons})
    assert con.to_pandas(shop.claims)["user_id"].tolist() == ["a"]
    assert shop.left_out == {}


def test_ids_of_any_script_are_their_own_users(con: Any) -> None:
    names = ["😀", "😀😀", "张三", " 😀", "a|b"]
    coupons = pd.DataFrame(
        {
            "coupon_id": ["1", "2", "3", "4", "5"],
            "user_id": names,
            "claimed_at": at(1, 2, 3, 4, 5),
            "device_id": "👾" * 4,
        }
    )
    shop = read(con, {"users": users(*names), "coupons": coupons})
    assert sorted(con.to_pandas(shop.claims)["user_id"]) == sorted(names)
    assert con.to_pandas(shop.users)["user_id"].nunique() == 5


def test_verdicts_that_contradict_each_other_are_all_kept_in_their_order(con: Any) -> None:
    said = pd.DataFrame(
        {"user_id": ["a", "a", "b"], "decided_at": at(2, 1, 1), "verdict": ["legitimate", "abusive", "abusive"]}
    )
    coupons = pd.DataFrame({"user_id": ["a"], "claimed_at": at(1)})
    shop = read(con, {"users": users("a", "b"), "coupons": coupons, "verdicts": said})
    assert shop.verdicts is not None
    found = con.to_pandas(shop.verdicts).sort_values(["user_id", "us"])
    assert found[["user_id", "abusive"]].to_numpy().tolist() == [["a", 1], ["a", 0], ["b", 1]]


def test_what_is_left_out_is_counted_by_reason(con: Any) -> None:
    tables = busy(4, n=30)
    events = tables["events"].copy()
    events.loc[:2, "occurred_at"] = pd.NaT
    events.loc[3:4, "user_id"] = None
    events.loc[5, "user_id"] = ""
    events.loc[6:9, "user_id"] = "stranger"
    shop = read(con, {**tables, "events": events})
    assert shop.left_out == {
        "events without a readable time": 3, "events without a user": 3, "events of users not in users": 4,
    }  # fmt: skip


def test_an_account_is_engaged_by_an_order_without_discount_or_its_fourth_day(con: Any) -> None:
    orders = pd.DataFrame(
        {
            "order_id": ["o1", "o2", "o3"], "user_id": ["buyer", "saver", "buyer"], "placed_at": at(7, 8, 9),
            "goods_cents": 1000, "discount_cents": [0, 200, 0],
        }
    )  # fmt: skip
    events = pd.DataFrame(
        {"event_id": list("abcd"), "user_id": "visitor", "occurred_at": at(0, 24, 48, 72), "kind": "view"}
    )
    shop = read(con, {"users": users("buyer", "saver", "visitor"), "orders": orders, "events": events})
    since = dict(con.to_pandas(shop.engaged).itertuples(index=False, name=None))
    expected = {"buyer": at(7)[0], "visitor": at(72)[0]}
    assert since == {name: int(when.value // 1000) for name, when in expected.items()}
