"""Links against plain loops: who was seen on what, in whose company, at any moment and however crowded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.company import accounts_at
from features.engine import connect, keep, tables_in
from features.links import claims, edges, sightings, touches
from features.shop import prepare
from oracles import links as oracle
from oracles.features import rows_of
from oracles.small_shop import moments_of, small_shop

IPS = ["8.8.8.8", "::ffff:8.8.8.8", "9.1.2.3", "9.1.2.77", "10.0.0.1", "fe80::1", None, "999.1.1.1",
       "2400:3200:1:2::9", "2400:3200:0001:0002:0:0:0:9", "2400:3200:1:2::A", "2400:3200:1:3::1",
       "2400:3200:1:aa00::1"]  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


def shop_of(seed: int) -> dict[str, pd.DataFrame]:
    """A small shop with IPv6 in several spellings and a terminal of the house."""
    frames = small_shop(seed)
    rng = np.random.default_rng(seed)
    for name in ("events", "orders", "coupons"):
        frames[name]["ip"] = np.array(IPS, dtype=object)[rng.integers(0, len(IPS), len(frames[name]))]
    frames["events"]["terminal"] = np.array(["app", "kiosk"])[(rng.random(len(frames["events"])) < 0.2).astype(int)]
    return frames


def ready(con: Any, frames: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Prepared tables with sightings, in which some orders go to a named recipient."""
    tables = dict(tables_in(con, frames))
    last = tables["orders"].order_id.right(1)
    recipients = ibis.cases((last == "1", "r1"), (last == "2", "unknown"), (last == "3", "r3"))
    tables["orders"] = tables["orders"].mutate(recipient_token=recipients)
    tables = dict(prepare(con, tables))
    return tables | {"sightings": keep(con, "kept_sightings", sightings(tables))}


def plain(frames: dict[str, pd.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    shop = rows_of(frames)
    for row in shop["orders"]:
        row["recipient_token"] = {"1": "r1", "2": "unknown", "3": "r3"}.get(row["order_id"][-1])
    return shop


def test_links_equal_plain_loops(con: Any) -> None:
    frames = shop_of(1)
    tables, shop = ready(con, frames), plain(frames)
    for moment in [*moments_of(frames, 1, 3)[:2], pd.Timestamp("2030-01-01")]:
        at = moment.to_pydatetime()
        found = edges(tables, at).execute()
        rows = {(r["kind"], r["level"], r["key"], r["user_id"]): r for r in found.to_dict("records")}
        truth = oracle.edges(shop, at)
        assert len(rows) == len(found)
        assert rows.keys() == truth.keys()
        for link, want in truth.items():
            for name, value in want.items():
                got = rows[link][name]
                assert got == (pytest.approx(value) if isinstance(value, float) else value), (link, name)
    assert {("ip", level) for level in ("exact", "network", "site", "block")} <= {link[:2] for link in truth}
    assert ("recipient", "name") in {link[:2] for link in truth}


def test_company_equals_plain_loops_at_the_very_moments_of_the_rows(con: Any) -> None:
    frames = shop_of(2)
    tables = ready(con, frames)
    seen = touches(tables).execute()
    ips = seen[seen.kind == "ip"]
    rows = list(zip(ips.key, ips.user_id, (t.to_pydatetime() for t in ips.seen_at), strict=True))
    # Its own moment, when windows of one and of twenty-four hours end to the microsecond, and just after.
    asked = {(k, t + gap) for k, _, t in rows[::3] for gap in map(timedelta, (0, 0, 1), (0, 3600, 0), (0, 0, 1))}
    asked.add(("1.1.1.1", datetime(2026, 4, 1)))
    spine = ibis.memtable(pd.DataFrame(sorted(asked), columns=["key", "at"]).astype({"at": "datetime64[us]"}))
    found = con.execute(accounts_at(tables["touches"].filter(tables["touches"].kind == "ip"), spine))
    assert len(found) == len(asked)
    for row in found.to_dict("records"):
        truth = oracle.accounts_at(rows, row["key"], row["at"].to_pydatetime())
        assert {name: row[name] for name in truth} == truth, (row["key"], row["at"])


def test_later_rows_change_no_link_as_it_was_known(con: Any) -> None:
    frames, at = shop_of(3), pd.Timestamp("2026-04-20 07:30")
    times = {"users": "registered_at", "events": "occurred_at", "orders": "placed_at", "coupons": "claimed_at"}
    early = {n: f[f[times[n]] < at] if n in times else f for n, f in frames.items()}
    order = ["kind", "level", "key", "user_id"]
    known, later = (edges(ready(con, rows), at.to_pydatetime()).order_by(order).execute() for rows in (early, frames))
    pd.testing.assert_frame_equal(known, later)


def test_kept_sightings_tell_what_the_tables_tell(con: Any) -> None:
    kept = ready(con, shop_of(4))
    tables = {name: table for name, table in kept.items() if name != "sightings"}
    for make in (touches, claims):
        first, second = (make(t).execute() for t in (tables, kept))
        by = list(first.columns)
        first, second = (frame.sort_values(by, ignore_index=True) for frame in (first, second))
        pd.testing.assert_frame_equal(first, second, check_dtype=False)


def crowd(con: Any, devices: list[str | None], ips: list[str | None]) -> dict[str, Any]:
    """An account and a claim per value, ten seconds apart; one clock that jumped into the future."""
    users = [f"u{i}" for i in range(len(devices))]
    times = pd.Timestamp("2026-03-01") + pd.to_timedelta(10 * np.arange(len(devices)), unit="s")
    times = times.to_series(index=range(len(devices))).astype("datetime64[us]")
    times[1] = pd.Timestamp("2199-01-01")
    frames = {name: frame.head(0) for name, frame in small_shop(1, users=1).items()}
    frames["users"] = pd.DataFrame({"user_id": users, "registered_at": times})
    when = dict.fromkeys(("claimed_at", "valid_from", "valid_until"), times)
    ids = {"coupon_id": users, "user_id": users, "template_id": "t1", "state": "unused", "address": None}
    frames["coupons"] = pd.DataFrame({**ids, **when, "device_id": devices, "ip": ips})
    return ready(con, frames)


def test_a_device_of_two_hundred_thousand_accounts_is_linked_in_one_pass(con: Any) -> None:
    count = 200_000
    tables = crowd(con, ["farm-phone-1"] * count, ["8.8.8.8"] * count)
    at = datetime(2026, 4, 1)
    found = edges(tables, at).filter(ibis._.kind == "device")
    device = found.aggregate(
        n=found.count(), degree=found.degree.min(), lately=found.others_30d.max(), least=found.discount.min()
    )
    assert device.execute().iloc[0].to_dict() == {
        "n": count - 1,
        "degree": count - 1,
        "lately": count - 8640,  # those of the first day are older than thirty
        "least": 1.0,  # none of them ever shopped, so the crowd is no reason to look away
    }
    seen = tables["touches"].filter(ibis._.kind == "device")
    everyone = accounts_at(seen, seen.select("key", at="seen_at")).filter(ibis._["at"] < at)
    most = everyone.aggregate(hour=everyone.accounts_1h.max(), n=everyone.count())
    assert most.execute().iloc[0].to_dict() == {"hour": 360, "n": count - 1}


def test_what_says_nothing_links_nobody_and_the_future_is_unknown_until_then(con: Any) -> None:
    devices = ["phone-1", "phone-1", "phone-1", "unknown", "unknown", "0000-0000", "0000-0000", "😀", "😀", None, ""]
    ips = ["8.8.8.8", "8.8.8.8", "8.8.8.8", "10.0.0.1", "10.0.0.1", "::1", "::1", "garbage", "garbage", None, ""]
    tables = crowd(con, devices, ips)
    assert set(edges(tables, datetime(2026, 6, 1)).execute().user_id) == {"u0", "u2"}
    assert set(edges(tables, datetime(2200, 1, 1)).execute().user_id) == {"u0", "u1", "u2"}
