"""The ledger as training tables that keep the contract, with what really happened in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes.cases import decided, open_cases
from fakes.shop import Clock, Scoring, cart
from fakes.templates import templates
from fakes.till import Till, basket, flat
from hypothesis import given

from features.tables import TABLES, read_tables, validate
from serving.coupons.kinds import KINDS
from serving.coupons.template import Campaign, Template
from serving.review.case import Flag
from serving.review.push import put_flags
from serving.store.export import EXPORTED, export_tables
from serving.store.export import template_row as exported_template


@pytest.fixture
async def small_till(sqlite_url: str, clock: Clock, scoring: Scoring) -> Any:
    made = Till(sqlite_url, clock, scoring)
    made.puts(Campaign("spring", "Spring", 100_000))
    yield made
    await made.close()


async def test_the_exported_tables_keep_the_contract_and_tell_what_happened(shop: Any, tmp_path: Path) -> None:
    await shop.template("cut", deduction={"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": 500})
    await shop.template("pct", deduction={"kind": "percent", "percent_off": 10, "cap_cents": 900}, access="decision")
    await shop.template("flat", validity={"kind": "fixed", "first": "2026-05-01", "last": "2026-05-09"})
    shop.scoring.offer = "pct"
    decision = (await shop.post("issuance", "/v1/triggers", {"user_id": "u1", "campaign_id": "spring"})).json()
    claim = {"user_id": "u1", "decision_id": decision["decision_id"], "device_id": "phone-1"}
    used = (await shop.post("issuance", "/v1/claims", claim)).json()["coupon_id"]
    bought = {"user_id": "u1", "coupon_ids": [used], "order_id": "o1", "cart": cart(5000)}
    assert (await shop.post("checkout", "/v1/redemptions", bought)).status_code == 201
    held = await shop.coupon("u2", "cut")
    await shop.post(
        "checkout", "/v1/holds", {"user_id": "u2", "coupon_ids": [held], "order_id": "o2", "cart": cart(5000)}
    )
    put_flags(shop.store, [Flag("u9", 0.9, "withhold")])
    decided(shop.store, shop.store.read(open_cases)[0].case_id, "abusive", "revoke")

    counts = export_tables(shop.settings.ledger_url, tmp_path / "out")
    assert counts == {"coupons": 2, "decisions": 1, "templates": 3, "verdicts": 1}
    tables = read_tables(tmp_path / "out", EXPORTED)
    for name, table in tables.items():
        checked = validate(table.to_pandas(), TABLES[name])
        assert checked.rejected.empty, checked.rejected
    coupons = {row["coupon_id"]: row for row in tables["coupons"].to_pylist()}
    assert coupons[used]["state"] == "used"
    assert coupons[used]["order_id"] == "o1"
    assert coupons[used]["discount_cents"] == 500
    assert coupons[used]["decision_id"] == decision["decision_id"]
    assert len(coupons[used]["device_id"]) == 32
    assert coupons[held]["state"] == "unused"
    (row,) = tables["decisions"].to_pylist()
    assert (row["offer"], row["propensity"], row["policy_version"]) == ("pct", 0.95, "1")
    assert row["eligible"] == ["none", "cut", "flat", "pct"]
    kinds = {row["template_id"]: (row["kind"], row["valid_days"]) for row in tables["templates"].to_pylist()}
    assert kinds == {"cut": ("threshold_cut", 7), "pct": ("percent", 7), "flat": ("no_threshold", None)}
    (verdict,) = tables["verdicts"].to_pylist()
    assert (verdict["user_id"], verdict["verdict"], verdict["reviewer"]) == ("u9", "abusive", "staff:rita")


async def test_a_coupon_of_several_uses_tells_its_last_redemption_that_stands_and_a_revoked_one_has_expired(
    small_till: Till, tmp_path: Path
) -> None:
    till = small_till
    till.puts(flat(uses=3), flat("gone"))
    coupon, gone = await till.coupon("u1"), await till.coupon("u1", "gone")
    await till.revoke(gone)
    paid = []
    for n, price in enumerate((5000, 700, 600)):
        paid.append((await till.buy("u1", [coupon], f"o{n}", basket(price))).body["redemption_id"])
        till.clock.forward(minutes=1)

    def rows() -> dict[str, dict[str, Any]]:
        export_tables(till.url, tmp_path / "out")
        return {row["coupon_id"]: row for row in read_tables(tmp_path / "out", EXPORTED)["coupons"].to_pylist()}

    assert (rows()[coupon]["state"], rows()[coupon]["order_id"], rows()[coupon]["discount_cents"]) == (
        "used",
        "o2",
        600,
    )
    await till.undo("u1", "order_cancelled", redemption_id=paid[2])
    assert (rows()[coupon]["state"], rows()[coupon]["order_id"]) == ("unused", "o1")
    assert (rows()[gone]["state"], rows()[gone]["order_id"]) == ("expired", None)


@given(template=templates())
def test_a_template_of_any_kind_keeps_the_contract(template: Template) -> None:
    checked = validate(pd.DataFrame([exported_template(template)]), TABLES["templates"])
    assert checked.rejected.empty, checked.rejected


def test_the_contract_knows_every_kind() -> None:
    rows = [{**exported_template(flat()), "template_id": kind, "kind": kind} for kind in KINDS]
    assert validate(pd.DataFrame(rows), TABLES["templates"]).rejected.empty


def test_an_empty_ledger_exports_empty_tables(small_shop: Any, tmp_path: Path) -> None:
    assert set(export_tables(small_shop.settings.ledger_url, tmp_path / "out").values()) == {0}
    assert {name: table.num_rows for name, table in read_tables(tmp_path / "out", EXPORTED).items()} == dict.fromkeys(
        EXPORTED, 0
    )
