"""What the tables tell of flagged accounts: exact, bounded, hashed as the ledger hashes, and nothing of later rows."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from features.engine import connect
from models.abuse.folder import open_folder
from oracles.abuse_scenes import START, scene
from pipelines.case_evidence import evidence_of_flags
from pipelines.evidence_file import evidence_body, evidence_path, read_evidence, weight
from pipelines.flag_abuse import flag_abuse, loads, push_flags, review_flags
from serving.api.review_bodies import EvidenceBody
from serving.app import open_store
from serving.privacy import Hasher
from serving.review.case_rows import read_case
from serving.review.evidence import evidence_of
from serving.review.evidence.brought import COUPONS, LINES, MEMBERS, SIGHTS, Brought, brought_to_data
from serving.risk_settings import Risk
from serving.settings import Service, Services, Settings
from serving.store.schema import cases
from serving.store.verify import verify_ledger

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
Tables = dict[str, pd.DataFrame]
KEY = Risk().key
HASH = Hasher(KEY)
DAY = pd.Timedelta(days=1)


def flagged(rings: dict[str, str | None]) -> pd.DataFrame:
    """Flags by user: the ring's name, or None for a lone account."""
    rows = {"user_id": list(rings), "ring_id": list(rings.values()), "action": "hold", "score": 0.9}
    return pd.DataFrame(rows).astype({"ring_id": "string"})


def gather(tables: Tables, folder: Path, rings: dict[str, str | None], as_of: Any = None) -> dict[str, Brought]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    con = connect(memory="1GB")
    try:
        moment = None if as_of is None else as_of.to_pydatetime()
        found = evidence_of_flags(con, open_folder(con, folder), folder, flagged(rings), moment, KEY, {"detector": "1"})
        return {brought.subject: brought for brought in found}
    finally:
        con.disconnect()


def small() -> Tables:
    """Three accounts of a ring on a device, a settled neighbour, and a stranger."""
    users = pd.DataFrame(
        {
            "user_id": ["a", "b", "c", "old", "new"],
            "registered_at": [START, START, START + DAY, START - 400 * DAY, START],
            "phone_token": ["tok-1", "tok-1", None, "tok-9", None],
        }
    )
    claims = [
        ("k1", "a", 2.0, "used", 3.0, "o1", 500, "Dev-1", "8.8.8.8", "1 Main Street, Apt 2, Springfield 62704"),
        ("k2", "b", 2.1, "unused", None, None, None, "Dev-1", "8.8.8.8", "1 Main St Apt 2 Springfield 62704"),
        ("k3", "c", 2.2, "used", 3.0, "o2", 300, "Dev-1", "10.0.0.1", None),
        ("k4", "old", 1.0, "used", 1.5, "o3", 200, "unknown", "8.8.8.8", None),
        ("k5", "a", 9.0, "unused", None, None, None, "Dev-2", "9.9.9.9", None),
    ]
    names = ("coupon_id", "user_id", "at", "state", "used", "order_id", "discount_cents", "device_id", "ip", "address")
    coupons = pd.DataFrame(claims, columns=list(names))
    coupons["claimed_at"] = START + pd.to_timedelta(coupons.pop("at"), unit="D")
    coupons["redeemed_at"] = START + pd.to_timedelta(coupons.pop("used"), unit="D")
    coupons["valid_until"] = coupons["claimed_at"] + 7 * DAY
    coupons["template_id"] = "flat"
    orders = pd.DataFrame(
        {
            "order_id": ["o1", "o2", "o3", "o4"],
            "user_id": ["a", "c", "old", "old"],
            "placed_at": [START + 3 * DAY, START + 3 * DAY, START + 1.5 * DAY, START + 1.6 * DAY],
            "state": ["refunded", "completed", "completed", "completed"],
            "discount_cents": [500, 300, 200, 0],
            "paid_cents": [100, 100, 100, 900],
            "device_id": ["Dev-1", None, "Dev-9", "Dev-9"],
        }
    )
    templates = pd.DataFrame({"template_id": ["flat"], "kind": ["no_threshold"], "face_cents": [800]})
    return {"users": users, "coupons": coupons, "orders": orders, "templates": templates}


RING = {"a": "R", "b": "R", "c": "R"}


def test_a_ring_is_told_to_the_cent(tmp_path: Path) -> None:
    found = gather(small(), tmp_path, RING, START + 5 * DAY)["ring:R"]
    totals = found.totals
    assert (totals.accounts, totals.coupons, totals.templates, totals.old) == (3, 3, 1, 0)
    assert (totals.unused_cents, totals.redeemed_cents, totals.refunded_cents) == (800, 800, 500)
    assert (totals.first, totals.last) == (START + 2 * DAY, (START + 2.2 * DAY))
    assert [(coupon.coupon_id, coupon.unused_cents, coupon.redeemed_cents) for coupon in found.coupons] == [
        ("k1", 0, 500),
        ("k2", 800, 0),
        ("k3", 0, 300),
    ]
    things = {place.kind: place for place in found.things}
    assert set(things) == {"device", "ip", "address", "phone"}, "10.0.0.1 links nobody"
    assert (things["device"].value, things["device"].members) == (HASH("device", "Dev-1"), 3)
    assert (things["ip"].value, things["ip"].members) == (HASH("ip", "8.8.8.8"), 2)
    assert (things["ip"].outsiders, things["ip"].settled) == (1, 1)
    assert things["address"].value == HASH("address", "1 Main Street, Apt 2, Springfield 62704")
    assert (things["address"].members, things["phone"].members) == (2, 2)
    what = [(line.what, line.user_id) for line in found.timeline]
    assert what.count(("claim", "a")) == 1
    assert ("redemption", "c") in what
    assert not any(what == "order" for what, _ in what), "an order with a coupon is told by its redemption"
    assert [line.at for line in found.timeline] == sorted(line.at for line in found.timeline)


def test_rows_at_or_after_the_moment_are_not_looked_at(tmp_path: Path) -> None:
    tables = small()
    known = {n: f[f[t] < START + 5 * DAY] if (t := TIMES.get(n)) else f for n, f in tables.items()}
    at = START + 5 * DAY
    assert gather(tables, tmp_path / "whole", RING, at) == gather(known, tmp_path / "past", RING, at)
    early = gather(tables, tmp_path / "early", RING, START + 2.5 * DAY)["ring:R"]
    assert (early.totals.redeemed_cents, early.totals.unused_cents) == (0, 2400)


TIMES = {"coupons": "claimed_at", "orders": "placed_at"}


def test_nothing_raw_is_in_it(tmp_path: Path) -> None:
    tables = small()
    found = gather(tables, tmp_path, {**RING, "old": None, "new": None})
    text = json.dumps([brought_to_data(brought) for brought in found.values()])
    raw = {
        str(v)
        for n in ("coupons", "orders")
        for c in ("device_id", "ip", "address")
        if c in tables[n]
        for v in tables[n][c]
    }
    raw |= {str(value) for value in tables["users"]["phone_token"]}
    for value in raw - {"None", "nan"}:
        assert value not in text
    assert set(found) == {"ring:R", "user:old", "user:new"}
    assert found["user:new"].totals.coupons == 0


def test_rows_that_the_ledger_exported_keep_their_hashes(tmp_path: Path) -> None:
    tables = small()
    device, ip = HASH("device", "Dev-1"), HASH("ip", "8.8.8.8")
    assert device is not None
    tables["coupons"].loc[0, ["device_id", "ip", "address"]] = [device, ip, None]
    tables["coupons"].loc[2, ["device_id", "ip"]] = [device, None]
    found = gather(tables, tmp_path, RING)["ring:R"]
    places = {(place.kind, place.value): place.members for place in found.things}
    assert places["device", device] == 2
    assert places["ip", ip] == 2
    lone = {sight.value for sight in found.sights if sight.user_id == "c" and sight.kind == "device"}
    assert device not in lone, "a device of 32 digits may be a raw one: without an IP beside it nobody can tell"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, Tables]:
    folder = tmp_path_factory.mktemp("run")
    tables, _ = scene(seed=5, honest=150, copies=1)
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    flag_abuse(folder, folder / "out" / "flags.parquet")
    return folder / "out" / "flags.parquet", pd.read_parquet(folder / "out" / "flags.parquet"), tables


def test_a_run_tells_of_everybody_it_flagged(run: tuple[Path, pd.DataFrame, Tables]) -> None:
    path, flags, tables = run
    found = read_evidence(path)
    caught = flags[flags["action"] != "allow"]
    pairs = zip(caught.user_id, caught.ring_id, strict=True)
    subjects = {f"ring:{ring}" if isinstance(ring, str) else f"user:{user}" for user, ring in pairs}
    assert set(found) == subjects
    claims = tables["coupons"].groupby("user_id").size()
    for brought in found.values():
        users = [member.user_id for member in brought.members]
        assert brought.totals.accounts == len(users)
        assert brought.totals.coupons == int(claims.reindex(users).fillna(0).sum())
        on: dict[tuple[str, str], set[str]] = defaultdict(set)
        for sight in brought.sights:
            on[sight.kind, sight.value].add(sight.user_id)
        assert {(p.kind, p.value): p.members for p in brought.things if p.members > 1} == {
            thing: len(seen) for thing, seen in on.items() if len(seen) > 1
        }


def test_it_goes_to_the_desk_with_the_flags(run: tuple[Path, pd.DataFrame, Tables], tmp_path: Path) -> None:
    path, _, _ = run
    settings = Settings(home=tmp_path, services=Services(coupons=Service(port=1)))
    first, second = push_flags(settings, path), push_flags(settings, path)
    assert (second.opened, second.unchanged) == (0, first.opened)
    store = open_store(settings)
    try:
        row = store.read(lambda c: c.execute(select(cases).where(cases.c.members > 2)).first())
        assert row is not None
        found = store.read(lambda c: evidence_of(c, read_case(row), store.clock()))
        assert found.totals.coupons > 0
        assert found.holding
        assert found.history[0].version.startswith("fairdeal")
        assert verify_ledger(store.url).exact
    finally:
        store.close()


def test_every_flag_and_all_evidence_is_sent_once_and_a_request_is_not_too_large(
    run: tuple[Path, pd.DataFrame, Tables],
) -> None:
    path, flags, _ = run
    evidence, found = read_evidence(path), review_flags(flags)
    many = {name: replace(brought, sights=brought.sights * 40) for name, brought in evidence.items()}
    sent = list(loads(found, many))
    assert sorted(flag.user_id for part, _ in sent for flag in part) == sorted(flag.user_id for flag in found)
    assert sorted(b.subject for _, told in sent for b in told) == sorted(evidence)
    assert all({b.subject for b in told} <= {flag.subject for flag in part} for part, told in sent)
    for brought in evidence.values():
        body = evidence_body(brought)
        assert EvidenceBody.model_validate_json(json.dumps(body)).value() == brought
        assert len(json.dumps(body)) <= weight(brought)


def test_large_subjects_are_bounded_and_their_sums_are_not(tmp_path: Path) -> None:
    n = 1500
    users = pd.DataFrame({"user_id": [f"u{i:04}" for i in range(n)], "registered_at": START})
    rows = pd.DataFrame(
        {
            "coupon_id": [f"k{i}" for i in range(n)],
            "user_id": users["user_id"],
            "template_id": "flat",
            "claimed_at": START + pd.to_timedelta(range(n), unit="min"),
            "redeemed_at": START + 2 * DAY,
            "discount_cents": 7,
            "device_id": "dev-1",
            "ip": [f"8.8.{i // 250}.{i % 250}" for i in range(n)],
        }
    )
    more = pd.concat([rows] * 4, ignore_index=True)
    more["coupon_id"] = [f"k{i}" for i in range(4 * n)]
    rings = dict.fromkeys(users["user_id"], "R")
    found = gather({"users": users, "coupons": more}, tmp_path, rings, START + 5 * DAY)["ring:R"]
    assert (len(found.members), len(found.coupons), len(found.timeline)) == (MEMBERS, COUPONS, LINES)
    assert len(found.sights) <= SIGHTS
    assert found.timeline_cut
    assert (found.totals.accounts, found.totals.coupons, found.totals.redeemed_cents) == (n, 4 * n, 28 * n)
    assert found.things[0].members == n


def test_ids_that_the_desk_would_refuse_do_not_stop_the_flags(tmp_path: Path) -> None:
    tables = small()
    tables["coupons"]["coupon_id"] = ["a b", "x" * 500, "é", "'; DROP TABLE x; --", "k5"]
    found = gather(tables, tmp_path, RING)["ring:R"]
    assert found.totals.coupons == 4
    EvidenceBody.model_validate_json(json.dumps(evidence_body(found)))


def test_thin_and_odd_tables_are_told_as_far_as_they_go(tmp_path: Path) -> None:
    tables = small()
    for number, thin in enumerate(
        (
            {"users": tables["users"], "coupons": tables["coupons"][["user_id", "claimed_at"]]},
            {"users": tables["users"], "orders": tables["orders"][["user_id", "placed_at"]]},
            {"users": tables["users"][["user_id", "registered_at"]], "coupons": tables["coupons"].iloc[:0]},
            {**tables, "coupons": tables["coupons"].assign(discount_cents="much", redeemed_at="once")},
        )
    ):
        found = gather(thin, tmp_path / str(number), {**RING, "ghost": "R"})["ring:R"]
        assert found.totals.accounts == 4


def test_no_flags_are_no_evidence(tmp_path: Path) -> None:
    assert gather(small(), tmp_path, {}) == {}
    assert read_evidence(tmp_path / "flags.parquet") == {}
    assert evidence_path(tmp_path / "flags.parquet").name == "flags.evidence.jsonl"
