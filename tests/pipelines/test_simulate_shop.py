from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.tables import TABLES, read_tables, validate
from oracles.trial_outcomes import Tables, outcomes, weighted_mean
from pipelines.shop import simulate
from pipelines.shop.calendar import START
from pipelines.shop.offers import OFFERS, TEMPLATES
from pipelines.shop.play import block_tables
from pipelines.shop.world import Shop

USERS, DAYS = 3000, 60
END = pd.Timestamp(START) + timedelta(days=DAYS, hours=-8)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "shop"
    simulate(users=USERS, days=DAYS, seed=11, out=out)
    return out


@pytest.fixture(scope="module")
def tables(shop: Path) -> dict[str, pd.DataFrame]:
    return {name: table.to_pandas() for name, table in read_tables(shop, TABLES).items()}


@pytest.fixture(scope="module")
def rows(shop: Path) -> Tables:
    return {name: table.to_pylist() for name, table in read_tables(shop, ["orders", "coupons", "decisions"]).items()}


def truth(shop: Path, name: str) -> pd.DataFrame:
    return pq.read_table(shop / "truth" / f"{name}.parquet").to_pandas()


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_keeps_the_table_contract(tables: dict[str, pd.DataFrame], name: str) -> None:
    assert validate(tables[name], TABLES[name]).rejected.empty
    assert len(tables[name]) > 0


def test_every_reference_has_its_owner(tables: dict[str, pd.DataFrame]) -> None:
    for table in TABLES.values():
        for reference in table.references:
            owner = TABLES[reference.table]
            known = tables[table.name][reference.column].dropna()
            assert known.isin(tables[owner.name][owner.key[0]]).all(), (table.name, reference)


def test_the_money_of_every_order_reconciles_with_its_lines_and_coupons(tables: dict[str, pd.DataFrame]) -> None:
    orders, lines, coupons = (tables[name] for name in ("orders", "order_lines", "coupons"))
    lines = lines.assign(
        goods=lines.quantity * lines.unit_price_cents,
        gross=lines.quantity * (lines.unit_price_cents - lines.unit_cost_cents),
    )
    sums = lines.groupby("order_id")[["goods", "gross", "discount_cents"]].sum().loc[orders.order_id].reset_index()
    assert (sums.goods == orders.goods_cents).all()
    assert (sums.discount_cents == orders.discount_cents).all()
    assert (sums.gross - orders.discount_cents == orders.margin_cents).all()
    assert (orders.goods_cents + orders.freight_cents - orders.discount_cents == orders.paid_cents).all()
    assert (lines.discount_cents <= lines.goods).all()
    used = coupons[coupons.state == "used"].set_index("order_id").discount_cents
    assert used.index.is_unique
    kept = orders[~orders.state.isin(["cancelled", "refunded"])].set_index("order_id").discount_cents
    assert (kept[used.index] == used).all()
    assert (kept.drop(used.index) == 0).all()


def test_a_coupon_takes_off_what_its_template_says_within_its_time(tables: dict[str, pd.DataFrame]) -> None:
    coupons, orders = tables["coupons"], tables["orders"].set_index("order_id")
    used = coupons[coupons.state == "used"]
    order = orders.loc[used.order_id].reset_index()
    for template in TEMPLATES:
        mine = (used.template_id == template.template_id).to_numpy()
        assert mine.any()
        expected = template.discount(order.goods_cents[mine].to_numpy())
        assert (expected == used.discount_cents[mine]).all()
    assert used.redeemed_at.between(used.claimed_at, used.valid_until).all()
    assert (order.user_id.to_numpy() == used.user_id.to_numpy()).all()
    unused = coupons[coupons.state != "used"]
    assert unused[["redeemed_at", "order_id", "discount_cents"]].isna().all().all()
    assert ((unused.state == "expired") == (unused.valid_until < END)).all()


def test_nothing_happens_before_registration_or_after_the_period(tables: dict[str, pd.DataFrame]) -> None:
    since = tables["users"].set_index("user_id").registered_at
    assert since.max() < END
    for name, moment in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at")):
        frame = tables[name]
        assert (frame[moment].to_numpy() >= since[frame.user_id].to_numpy()).all(), name
        assert frame[moment].max() < END


def test_decisions_of_a_user_are_a_fortnight_apart_and_their_windows_hold_one_purchase(
    tables: dict[str, pd.DataFrame], rows: Tables
) -> None:
    decisions = tables["decisions"].sort_values(["user_id", "decided_at"])
    gaps = decisions.groupby("user_id").decided_at.diff().dropna()
    assert gaps.min() >= timedelta(days=14)
    paid = defaultdict(list)
    for order in rows["orders"]:
        if order["paid_at"] is not None:
            paid[order["user_id"]].append(order["placed_at"])
    for decision in rows["decisions"]:
        window = decision["decided_at"], decision["decided_at"] + timedelta(days=7)
        assert sum(window[0] < at <= window[1] for at in paid[decision["user_id"]]) <= 1


def test_logged_propensities_are_those_the_offers_were_drawn_with(tables: dict[str, pd.DataFrame]) -> None:
    decisions = tables["decisions"].merge(tables["users"], on="user_id")
    bought = decisions.acquisition_channel.isin(["social", "advert"])
    for (_, _), cell in decisions.groupby([decisions.member_tier, bought]):
        logged = cell.groupby("offer").propensity.agg(["min", "max"])
        assert np.allclose(logged["min"], logged["max"])
        assert logged["max"].sum() == pytest.approx(1)
        drawn = cell.offer.value_counts(normalize=True)
        deviation = np.sqrt(logged["max"] * (1 - logged["max"]) / len(cell))
        assert ((drawn - logged["max"]).abs() < 4 * deviation).all()
    assert decisions.propensity.nunique() > len(OFFERS)
    assert set(decisions.offer) == set(OFFERS)
    assert all(tuple(eligible) == OFFERS for eligible in decisions.eligible)


@pytest.mark.parametrize("offer", OFFERS)
def test_the_realised_value_and_cost_of_each_offer_match_the_truth(shop: Path, rows: Tables, offer: str) -> None:
    found = outcomes(rows, END)
    effects = truth(shop, "effects")
    effects = effects[effects.decision_id.isin([row["decision_id"] for row in found]) & (effects.offer == offer)]
    (value, error), (without, error_without) = (
        weighted_mean(found, offer, "value"),
        weighted_mean(found, "none", "value"),
    )
    assert abs(value - without - effects.value_cents.mean()) <= 3 * np.hypot(error, error_without)
    cost, cost_error = weighted_mean(found, offer, "cost")
    assert abs(cost - effects.cost_cents.mean()) <= 3 * cost_error
    for row in found:
        row["redeemed"] = float(row["cost"] > 0)
    redeemed, redeemed_error = weighted_mean(found, offer, "redeemed")
    assert abs(redeemed - effects.redeem_probability.mean()) <= 3 * redeemed_error


def test_no_offer_has_no_effect_and_types_respond_as_their_names_say(shop: Path) -> None:
    responses = truth(shop, "responses").merge(truth(shop, "population"), on="user_id")
    none = responses[responses.offer == "none"]
    assert (none[["value_cents", "cost_cents", "redeem_probability"]] == 0).all().all()
    coupons = responses[(responses.offer != "none") & ~responses.abusive]
    value = coupons.groupby("type").value_cents.mean()
    profit = (coupons.value_cents - coupons.cost_cents).groupby(coupons.type).mean()
    assert value["persuadable"] > 300
    assert value["sleeping_dog"] < -300
    assert abs(value["lost_cause"]) < 60
    assert profit["persuadable"] > 0 > profit["sure_thing"]
    buys = none.groupby("type").purchase_probability.mean()
    assert buys["sure_thing"] > buys["sleeping_dog"] > buys["persuadable"] > buys["lost_cause"]


def test_the_best_offer_differs_between_users_and_beats_the_best_single_one(shop: Path) -> None:
    effects = truth(shop, "effects")
    effects["profit"] = effects.value_cents - effects.cost_cents
    profit = effects.pivot(index="decision_id", columns="offer", values="profit")
    assert profit.max(axis=1).mean() > profit.mean().max() + 200
    best = profit.idxmax(axis=1).value_counts(normalize=True)
    assert set(best[best > 0.03].index) == set(OFFERS)


def test_who_responds_most_is_not_who_gains_most(shop: Path) -> None:
    # Ranking by the chance of buying with a coupon picks sure things, who would have bought without it.
    responses = truth(shop, "responses").set_index(["offer", "user_id"]).loc["pct_10_cap_30"]
    responses["profit"] = responses.value_cents - responses.cost_cents
    top = len(responses) // 5
    by_response = responses.nlargest(top, "purchase_probability").profit.mean()
    by_effect = responses.nlargest(top, "value_cents").profit.mean()
    assert by_effect > 3 * max(by_response, responses.profit.mean(), 0)


def test_traits_leave_traces_in_behaviour(shop: Path, tables: dict[str, pd.DataFrame]) -> None:
    kinds = truth(shop, "population").set_index("user_id").type
    events, coupons = tables["events"], tables["coupons"]
    per_user = events.groupby(["user_id", "kind"]).size().unstack(fill_value=0)
    per_type = per_user.groupby(kinds.reindex(per_user.index)).sum()
    abandoned = per_type.add_to_cart / per_type.checkout
    assert abandoned["persuadable"] > 1.5 * abandoned["sure_thing"]
    own = coupons[coupons.campaign_id == "coupon-centre"].user_id.map(kinds).value_counts()
    assert own["persuadable"] > 3 * own["sure_thing"]
    dwell = events.groupby(events.user_id.map(kinds)).dwell_seconds.mean()
    assert dwell["sleeping_dog"] < 0.7 * dwell["sure_thing"]


def test_activity_has_a_long_tail_and_weekends_are_busy(tables: dict[str, pd.DataFrame]) -> None:
    events = tables["events"]
    per_user = events.user_id.value_counts()
    assert per_user.iloc[: len(per_user) // 100].sum() > 0.05 * len(events)
    weekday = (events.occurred_at + timedelta(hours=8)).dt.dayofweek.value_counts()
    assert weekday[5] > 1.1 * weekday[1]


def test_all_families_and_look_alikes_are_there_and_abusers_are_few(
    shop: Path, tables: dict[str, pd.DataFrame]
) -> None:
    population = truth(shop, "population")
    assert set(population.user_id) == set(tables["users"].user_id)
    assert set(population.family.dropna()) == {f"A{n}" for n in range(1, 11)}
    assert set(population.look_alike.dropna()) == {f"L{n}" for n in range(1, 11)}
    assert 0.003 <= population.abusive.mean() <= 0.01
    assert (population.abusive == population.family.notna()).all()
    assert (population.ring_id.notna() == population.abusive).all()
    assert not (population.abusive & population.look_alike.notna()).any()


def test_every_look_alike_group_holds_new_accounts_that_claimed_the_newcomer_coupon(
    shop: Path, tables: dict[str, pd.DataFrame]
) -> None:
    population = truth(shop, "population").set_index("user_id")
    claimed = tables["coupons"].query("template_id == 'new_15'").user_id.unique()
    groups = population.loc[claimed].look_alike.value_counts()
    assert set(groups.index) == {f"L{n}" for n in range(1, 11)}
    assert groups.min() >= 4
    ordinary = population.loc[claimed].query("family.isnull() and look_alike.isnull()")
    assert len(ordinary) > 5 * population.loc[claimed].abusive.sum()


def test_sock_puppets_share_a_device_and_second_hand_phones_change_hands(
    shop: Path, tables: dict[str, pd.DataFrame]
) -> None:
    population = truth(shop, "population").set_index("user_id")
    events = tables["events"]
    for _, ring in population[population.family == "A1"].groupby("ring_id"):
        shared = events[events.user_id.isin(ring.index)].groupby("user_id").device_id.unique().map(set)
        assert set.intersection(*shared), ring
    sold = events[events.user_id.isin(population.index[population.look_alike == "L6"])]
    users_of = sold.groupby("device_id").user_id.nunique()
    assert (users_of == 2).sum() >= 8


def test_verdicts_are_few_late_and_mostly_right(shop: Path, tables: dict[str, pd.DataFrame]) -> None:
    verdicts = tables["verdicts"].merge(truth(shop, "population"), on="user_id")
    right = (verdicts.verdict == "abusive") == verdicts.abusive
    assert 0.8 < right.mean() < 1
    assert right[verdicts.source != "reviewer"].all()
    assert verdicts.user_id.nunique() < 0.1 * USERS
    assert (verdicts.decided_at > verdicts.user_id.map(tables["users"].set_index("user_id").registered_at)).all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_shop(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        simulate(users=400, days=30, seed=seed, out=tmp_path / name)
    first, again, other = (digest(tmp_path / name) for name in "abc")
    assert first == again
    assert all(first[name] != other[name] for name in first if name != "templates.parquet")


def test_blocks_do_not_depend_on_the_order_or_company_they_are_played_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipelines.shop.world.BLOCK", 150)
    simulate(users=400, days=28, seed=5, out=tmp_path / "whole")
    shop = Shop.open(400, 28, 5)
    assert shop.blocks == 3
    backwards = {block: block_tables(shop, block) for block in (2, 0, 1)}
    for name in backwards[0]:
        whole = pq.read_table(tmp_path / "whole" / f"{name}.parquet")
        parts = [backwards[block][name] for block in range(3)]
        assert sum(map(len, parts)) == len(whole)
        assert whole.to_pylist() == [row for part in parts for row in part.to_pylist()]


@pytest.mark.parametrize(("given", "field"), [({"users": 10}, "users"), ({"days": 3}, "days"), ({"seed": -1}, "seed")])
def test_a_shop_too_small_to_judge_is_refused(tmp_path: Path, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: got"):
        simulate(**{"users": 300, "days": 30, "seed": 1, "out": tmp_path / "shop"} | given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"out: got .*expected a new or empty folder"):
        simulate(users=300, days=30, seed=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_progress_rises_to_one(tmp_path: Path) -> None:
    told: list[float] = []
    simulate(users=200, days=28, seed=1, out=tmp_path / "shop", progress=lambda _, fraction: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1.0
