"""What the label-free evidence must find and leave alone, on scenes that the simulated shop did not write."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.engine import connect
from models.abuse.decision.actions import Thresholds
from models.abuse.detect import Detected, detect
from models.abuse.evidence import SHARING, SURGE_CAP, collusion, drip, evidence, lockstep, score, surge
from models.abuse.folder import open_folder
from models.abuse.shop import shop_before
from oracles.abuse_scenes import START, wide_scene

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
CUT = START + pd.Timedelta(days=32)
TIMES = {"users": "registered_at", "events": "occurred_at", "orders": "placed_at", "coupons": "claimed_at"}
Tables = dict[str, pd.DataFrame]


def _detect(tables: Tables, folder: Path) -> Detected:
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    con: Any = connect(threads=1)
    try:
        return detect(shop_before(con, open_folder(con, folder), None), Thresholds())
    finally:
        con.disconnect()


@pytest.fixture(scope="module")
def shop() -> tuple[Tables, pd.DataFrame]:
    return wide_scene(seed=6, honest=120)


@pytest.fixture(scope="module")
def found(shop: tuple[Tables, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Detected:
    return _detect(shop[0], tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="module")
def judged(found: Detected, shop: tuple[Tables, pd.DataFrame]) -> pd.DataFrame:
    return found.accounts.merge(shop[1], on="user_id")


@pytest.mark.requirement("F185", "F188", "F208")
@pytest.mark.parametrize("group", ["puppets", "again", "resale", "takeover", "adaptive"])
def test_families_that_share_a_thing_are_held(judged: pd.DataFrame, group: str) -> None:
    assert judged.loc[judged["group"] == group, "flagged"].mean() >= 0.85


@pytest.mark.requirement("F188")
def test_accounts_that_share_nothing_but_a_merchant_rank_above_everybody_innocent(judged: pd.DataFrame) -> None:
    members = judged.loc[judged["group"] == "merchant", "score"]
    assert members.min() > judged.loc[~judged["abusive"], "score"].max()


@pytest.mark.parametrize(
    "group", ["honest", "family", "kiosk", "locker", "office", "carrier", "traveller", "collision"]
)
def test_look_alikes_are_never_held(judged: pd.DataFrame, group: str) -> None:
    assert not judged.loc[judged["group"] == group, "flagged"].any()


def test_rows_after_a_moment_change_nothing_before_it(
    found: Detected, shop: tuple[Tables, pd.DataFrame], tmp_path: Path
) -> None:
    past = {name: frame[frame[TIMES[name]] < CUT] for name, frame in shop[0].items() if name in TIMES}
    early = _detect({**past, "order_lines": shop[0]["order_lines"]}, tmp_path)
    n = len(early.rows)
    assert 0 < n < len(found.rows)
    # What a coupon was worth is known once it is spent, ``account`` is only a number in the order of registration.
    later = ["cents", "account"]
    pd.testing.assert_frame_equal(
        early.rows.drop(columns=later), found.rows.iloc[:n].drop(columns=later), check_exact=True
    )
    pd.testing.assert_frame_equal(early.terms, found.terms.iloc[:n], check_exact=True)


def _rows(found: Detected, kind: str, **columns: float) -> pd.DataFrame:
    """One row of a kind with chosen columns, every other number zero."""
    row = found.rows[found.rows["kind"] == kind].head(1).copy()
    numbers = row.select_dtypes("number").columns
    row[numbers] = 0.0
    for name, value in columns.items():
        assert name in row
        row[name] = value
    return row


def _returning(found: Detected, returns: float, orders: float = 20.0, own: float = 2.0) -> float:
    return float(
        collusion(
            _rows(
                found, "order", merchant_returns_7d=returns, merchant_returns_30d=returns, merchant_spends_7d=orders,
                merchant_spends_30d=orders, trade_returns_30d=10.0, trade_spends_30d=1000.0,
                own_merchant_spends_7d=own, own_merchant_spends_30d=own, spends_ever=2.0,
            )
        )[0]
    )  # fmt: skip


def test_collusion_is_the_surprise_of_a_poisson_count(found: Detected) -> None:
    mean = 0.5 + 0.01 * 20.0
    assert _returning(found, 5.0) == pytest.approx(5.0 * log(5.0 / mean) - (5.0 - mean))
    assert _returning(found, 0.5) == 0.0
    assert (np.diff([_returning(found, k) for k in (1.0, 2.0, 4.0, 8.0)]) > 0).all()


def test_a_busy_merchant_and_an_account_that_did_not_come_back_are_no_collusion(found: Detected) -> None:
    assert _returning(found, 5.0, orders=500.0) < 0.1 * _returning(found, 5.0)
    assert _returning(found, 5.0, own=0.0) == 0.0
    assert _returning(found, 5.0, own=1.0) == pytest.approx(_returning(found, 5.0) / 2)


def _crowd(found: Detected, share: float, minutes: float) -> float:
    columns = {"template_burst": 64.0, "template_claims_10m": 30.0, "template_bare_10m": 30.0 * share}
    return float(surge(_rows(found, "claim", minutes_to_claim=minutes, **columns))[0])


def test_a_flash_sale_is_less_of_a_burst_than_programs_are(found: Detected) -> None:
    assert _crowd(found, 0.7, 1.0) < 0.4 * _crowd(found, 1.0, 0.1)
    assert (np.diff([_crowd(found, 1.0, m) for m in (0.1, 1.0, 5.0, 60.0)]) < 0).all()


def test_a_crowd_alone_holds_nobody() -> None:
    assert score(np.array([SURGE_CAP]))[0] < Thresholds().review


def test_lockstep_needs_haste_and_a_network_of_nobody_else(found: Detected) -> None:
    close = {f"block_same_bare_{w}": 3.0 for w in ("1h", "24h", "7d", "30d", "ever")}
    fast = lockstep(_rows(found, "claim", minutes_to_claim=0.2, **close))[0]
    assert fast > 1.5
    assert lockstep(_rows(found, "claim", minutes_to_claim=30.0, **close))[0] < 0.1 * fast
    assert lockstep(_rows(found, "claim", minutes_to_claim=0.2, block_engaged_ever=60.0, **close))[0] < 0.1 * fast
    assert lockstep(_rows(found, "order", minutes_to_claim=0.2, **close))[0] == 0.0


@pytest.mark.parametrize("kind", ["device", "address"])
def test_a_drip_is_seen_on_a_device_and_at_a_door(found: Detected, kind: str) -> None:
    sharing = next(s for s in SHARING if s.kind == kind)
    alike = {f"{kind}_same_bare_{w}": 4.0 for w in ("30d", "ever")}
    even, uneven = (
        drip(_rows(found, "claim", **alike, **{f"{kind}_gaps": 4.0, f"{kind}_even": e}), sharing)[0]
        for e in (0.95, 0.3)
    )
    assert even == pytest.approx(4 * 0.95)
    assert uneven < even / 3


def test_an_old_account_first_used_today_counts_as_half_a_new_one(found: Detected) -> None:
    on_device = {f"device_same_bare_{w}": 3.0 for w in ("24h", "7d", "30d", "ever")}
    new, woken, used = (
        evidence(_rows(found, "claim", bare=1.0, age_days=age, idle=idle, **on_device))["device"].iat[0]
        for age, idle in ((0.0, 0.0), (200.0, 1.0), (200.0, 0.0))
    )
    assert used < woken < new


def _garbage(users: int) -> Tables:
    """One device for everybody, half of them on nonsense; odd networks, doors and times; verdicts that contradict."""
    names = [f"u{i}" for i in range(users)]
    odd_devices = ["unknown", "0000-0000", "", "\U0001f9ff" * 40, None, "x" * 5000, "the-one-device"]
    odd_ips = ["::ffff:8.8.8.8", "2001:4860:4860::8888", "999.1.1.1", "fe80::1%eth0", "", None, "10.0.0.1"]
    odd_doors = ["", "\U0001f3e0\U0001f3e0", "a" * 10_000, "1 Main Street, Apt 1, Springfield", None, "号室", " \t\n"]
    at = pd.Series(START + pd.to_timedelta(np.arange(users), unit="min")).astype("datetime64[us]")
    at[5::50] = pd.Timestamp("2199-01-01")
    at[7::50] = pd.Timestamp("1970-01-01")
    claims = pd.DataFrame(
        {
            "coupon_id": [f"c{i}" for i in range(users)],
            "template_id": "newcomer",
            "user_id": names,
            "claimed_at": at,
            "device_id": [odd_devices[i % 7] if i % 2 else "the-one-device" for i in range(users)],
            "ip": [odd_ips[i % 7] for i in range(users)],
            "address": [odd_doors[i % 7] for i in range(users)],
        }
    )
    verdicts = pd.DataFrame({"user_id": ["u1", "u1"], "decided_at": at[:2], "verdict": ["abusive", "legitimate"]})
    people = pd.DataFrame({"user_id": names, "registered_at": pd.Series([START] * users).astype("datetime64[us]")})
    return {"users": people, "coupons": claims, "verdicts": verdicts}


def test_garbage_is_scored_and_one_device_of_everybody_costs_a_bounded_number_of_links(tmp_path: Path) -> None:
    found = _detect(_garbage(700), tmp_path)
    assert len(found.accounts) == 700
    assert np.isfinite(found.rows[["score", "score_label_free"]].to_numpy()).all()
    assert (found.accounts["score"] < Thresholds().automatic).all()  # claims alone never act without a person
    assert len(found.links) <= 2 * 6 * len(found.rows)  # two links a row and kind of value, never all pairs
