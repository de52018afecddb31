from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.tables import read_tables
from pipelines.shop import simulate
from pipelines.shop.live import CHOICES, Response, Shoppers, Visit
from pipelines.shop.offers import TEMPLATES


def discount(offer: str, answer: Response) -> int:
    goods = sum(line.quantity * line.unit_price_cents for line in answer.cart)
    templates = [template for template in TEMPLATES if template.template_id == offer]
    return sum(int(template.discount(np.array([goods]))[0]) for template in templates)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("live") / "shop"
    simulate(users=1500, days=30, seed=4, out=out)
    return out


@pytest.fixture(scope="module")
def shoppers(folder: Path) -> Shoppers:
    return Shoppers(folder)


@pytest.fixture(scope="module")
def visits(shoppers: Shoppers) -> list[Visit]:
    return shoppers.visits(0, 200, np.random.default_rng(1))


def test_visits_are_of_different_users_on_the_day_after_the_period_in_the_order_of_time(
    folder: Path, visits: list[Visit]
) -> None:
    last = read_tables(folder, ["events"])["events"].to_pandas().occurred_at.max()
    assert len(visits) == len({visit.user_id for visit in visits}) == 200
    assert [visit.at for visit in visits] == sorted(visit.at for visit in visits)
    assert last < visits[0].at
    assert (visits[-1].at - visits[0].at).total_seconds() < 86_400
    assert all(visit.hour == (visit.at.hour + 8) % 24 for visit in visits)


def test_returning_users_are_known_to_the_tables_and_newcomers_are_not(folder: Path, visits: list[Visit]) -> None:
    known = set(read_tables(folder, ["users"])["users"]["user_id"].to_pylist())
    for visit in visits:
        assert (visit.user_id in known) == (visit.trigger == "session")


def test_carts_hold_lines_of_the_catalogue_with_their_money(visits: list[Visit]) -> None:
    for visit in visits:
        assert visit.cart
        assert visit.goods_cents == sum(line.quantity * line.unit_price_cents for line in visit.cart) > 0
        assert all(line.quantity >= 1 and 0 < line.unit_cost_cents < line.unit_price_cents for line in visit.cart)


def test_a_day_brings_two_rings_and_look_alikes_that_share_what_rings_share(visits: list[Visit]) -> None:
    rings = Counter(visit.family for visit in visits if visit.abusive)
    assert set(rings) == {"A1", "A9"}
    assert min(rings.values()) >= 3
    assert len({visit.device_id for visit in visits if visit.family == "A1"}) == 1
    assert len({visit.ip for visit in visits if visit.family == "A9"}) == 1
    kiosk = [visit for visit in visits if visit.look_alike == "L7" and visit.trigger == "registered"]
    assert len({visit.device_id for visit in kiosk}) == 1 < len(kiosk)
    assert not any(visit.abusive and visit.look_alike for visit in visits)


def test_the_truth_of_a_user_is_that_of_the_truth_folder(folder: Path, shoppers: Shoppers, visits: list[Visit]) -> None:
    responses = pq.read_table(folder / "truth" / "responses.parquet").to_pylist()
    expected = {(row["user_id"], row["offer"]): (row["value_cents"], row["cost_cents"]) for row in responses}
    for visit in visits:
        for offer in CHOICES[:-1]:
            if (visit.user_id, offer) in expected:
                assert shoppers.truth_of(visit.user_id, offer) == pytest.approx(expected[visit.user_id, offer])


@pytest.mark.parametrize("offer", CHOICES)
def test_answers_over_many_days_earn_and_cost_what_the_truth_says(shoppers: Shoppers, offer: str) -> None:
    # Given the visits, answers are independent draws: their sum lies within its own standard error of the truth.
    value, cost = [], []
    for day in range(8):
        for visit in shoppers.visits(day, 150, np.random.default_rng([day, 3])):
            answers = [shoppers.respond(visit, choice) for choice in (offer, "none")]
            margins = [
                sum(line.quantity * (line.unit_price_cents - line.unit_cost_cents) for line in answer.cart)
                * (answer.buys and not answer.cancels)
                for answer in answers
            ]
            expected_value, expected_cost = shoppers.truth_of(visit.user_id, offer)
            value.append(margins[0] - margins[1] - expected_value)
            kept = answers[0].redeem and not answers[0].cancels
            cost.append(discount(offer, answers[0]) * kept - expected_cost)
    for gap in (np.array(value), np.array(cost)):
        assert abs(gap.mean()) <= 3.5 * gap.std() / np.sqrt(len(gap))


def test_only_buyers_redeem_or_cancel_and_none_redeems_nothing(shoppers: Shoppers, visits: list[Visit]) -> None:
    for visit in visits:
        answer = shoppers.respond(visit, "flat_20")
        assert answer.buys or not (answer.redeem or answer.cancels)
        assert not shoppers.respond(visit, "none").redeem


def test_the_same_visit_and_offer_get_the_same_answer(shoppers: Shoppers, visits: list[Visit]) -> None:
    again = [shoppers.respond(visit, "cut_100_10") for visit in visits]
    assert again == [shoppers.respond(visit, "cut_100_10") for visit in visits]


def test_ring_guests_buy_only_for_a_coupon(shoppers: Shoppers, visits: list[Visit]) -> None:
    for visit in visits:
        if visit.abusive:
            assert not shoppers.respond(visit, "none").buys
            assert shoppers.truth_of(visit.user_id, "new_15")[1] > 0


def test_wrong_input_names_the_field(shoppers: Shoppers, visits: list[Visit], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^offer: got 'gift'"):
        shoppers.respond(visits[0], "gift")
    with pytest.raises(InputError, match=r"^user_id: got 'nobody'"):
        shoppers.truth_of("nobody", "none")
    with pytest.raises(InputError, match=r"^n: got 5"):
        shoppers.visits(0, 5, np.random.default_rng(1))
    with pytest.raises(InputError, match=r"^simulated shop: got"):
        Shoppers(tmp_path)
