"""Reserved and made-up identifiers never link; local time follows the shop's zone through its changes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pytest

from features.clock import local_day, local_hour, local_seconds, local_weekday
from features.engine import connect
from features.links import usable


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


def answers(con: Any, kind: str, keys: list[str | None]) -> list[bool]:
    rows = ibis.memtable(
        pd.DataFrame({"i": range(len(keys)), "key": keys}), schema=ibis.schema({"i": "int64", "key": "string"})
    )
    found = con.execute(rows.select("i", good=usable(kind, rows.key).fill_null(False)).order_by("i"))
    return [bool(good) for good in found.good]


def test_addresses_link_exactly_when_they_are_public(con: Any) -> None:
    rng = np.random.default_rng(1)
    edges = ["9.255.255.255", "10.0.0.0", "11.0.0.0", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0",
             "172.15.9.9", "172.16.0.0", "172.31.9.9", "172.32.0.0", "192.168.0.1", "192.167.0.1", "127.0.0.1",
             "0.0.0.0", "169.254.1.1", "223.9.9.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.17.0.1",
             "198.18.0.1",
             "198.19.0.1", "198.20.0.1", "fe80::1", "fd00::1", "::1", "2400:3200::1"]  # fmt: skip
    ips = edges + [str(ipaddress.IPv4Address(int(n))) for n in rng.integers(0, 2**32, 400)]
    public = [(a := ipaddress.ip_address(ip)).is_global and not a.is_multicast for ip in ips]
    wrong = [ip for ip, good, want in zip(ips, answers(con, "ip", ips), public, strict=True) if good != want]
    assert wrong == []


def test_placeholders_never_link(con: Any) -> None:
    junk = [None, "", "  ", "unknown", "UNKNOWN", "null", "None", "N/A", "0", "000000000000000", "undefined", "-1",
            "::", "00000000-0000-0000-0000-000000000000", "ffffffff"]  # fmt: skip
    assert [key for key, good in zip(junk, answers(con, "device", junk), strict=True) if good] == []
    assert not any(answers(con, "ip", junk))


def test_real_identifiers_link(con: Any) -> None:
    assert answers(con, "device", ["d1", "000000000000001", "Unknown-7", "face0ff"]) == [True] * 4


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"])
def test_local_time_equals_the_zone_database(con: Any, zone: str) -> None:
    rng = np.random.default_rng(7)
    start = datetime(2025, 1, 1)
    moments = [start + timedelta(seconds=int(s)) for s in rng.integers(0, 700 * 86_400, 300)]
    moments += [datetime(2026, 3, 29) + timedelta(minutes=m) for m in range(0, 240, 29)]
    rows = ibis.memtable(pd.DataFrame({"i": range(len(moments)), "t": pd.Series(moments).astype("datetime64[us]")}))
    local = local_seconds(rows.t, zone)
    found = con.execute(
        rows.select("i", day=local_day(local), hour=local_hour(local), weekday=local_weekday(local)).order_by("i")
    )
    for moment, row in zip(moments, found.itertuples(), strict=True):
        truth = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        assert (row.hour, row.weekday) == (truth.hour, truth.weekday())
        assert row.day == (truth.date() - datetime(1970, 1, 1).date()).days
