"""A change of the rule is tested as it is, approved by a second person, and stands only as long as nothing moved."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fakes.rules import SETTLED, Lab, rule, write

from features.errors import InputError
from serving.review.rule_change import TESTABLE
from serving.review.rule_work import (
    beat,
    changes_of,
    draft,
    failed,
    find_change,
    promote,
    queue,
    reject,
    revise,
    roll_back,
    shadow,
    start,
    versions_of,
    withdraw,
)
from serving.review.rules import acting, live_rule
from serving.settings import Settings
from serving.store.verify import verify_ledger

OMAR, LENA = "staff:omar", "staff:lena"


def exact(shop: Any) -> None:
    report = verify_ledger(shop.settings.ledger_url)
    assert report.exact, report.differences


def live(shop: Any) -> Any:
    return shop.store.read(lambda connection: live_rule(connection, Settings()))


async def test_a_tested_change_is_promoted_by_another_person_and_acts(shop: Any, lab: Lab) -> None:
    change_id = lab.tested(rule(review=0.4, device_accounts=5))
    assert lab.write(promote(change_id, LENA, "mine", SETTLED)).body["code"] == "rule_own"
    assert live(shop) == SETTLED
    assert lab.write(promote(change_id, OMAR, "agreed", SETTLED)).status == 200
    assert (live(shop).review, live(shop).device_accounts, live(shop).automatic) == (0.4, 5, SETTLED.automatic)
    found = shop.store.read(lambda connection: find_change(connection, change_id))
    assert (found.state, found.decided_by, found.decision) == ("promoted", OMAR, "agreed")
    assert lab.write(promote(change_id, OMAR, "again", SETTLED)).body["code"] == "rule_state"
    exact(shop)


async def test_the_approval_carries_the_difference(small_shop: Any, small_lab: Lab) -> None:
    small_lab.promoted(rule(review=0.4))
    from sqlalchemy import select

    from serving.store.schema import events

    query = select(events.c.data).where(events.c.kind == "rule.promoted")
    data = small_shop.store.read(lambda connection: connection.execute(query).scalar_one())
    assert '{"after":0.4,"before":0.25,"field":"review"}' in data


async def test_nothing_untested_is_promoted(shop: Any, lab: Lab) -> None:
    change_id = lab.drafted()
    assert lab.write(promote(change_id, OMAR, "", SETTLED)).body["code"] == "rule_state"
    tested_id = lab.tested(rule(review=0.5))
    assert lab.write(revise(tested_id, LENA, "more", rule(review=0.55), SETTLED)).status == 200
    assert lab.write(promote(tested_id, OMAR, "", SETTLED)).body["code"] == "rule_state"
    found = shop.store.read(lambda connection: find_change(connection, tested_id))
    assert (found.state, found.summary) == ("draft", None)
    exact(shop)


async def test_a_backtest_of_another_rule_proves_nothing(small_shop: Any, small_lab: Lab) -> None:
    from serving.review.rule_work import tested

    change_id = small_lab.drafted()
    small_lab.write(queue(change_id, LENA, SETTLED))
    small_lab.write(start("w1"))
    small_lab.write(
        tested(change_id, "w1", {"before": SETTLED.digest, "after": rule(review=0.9, automatic=0.9).digest})
    )
    assert small_lab.write(promote(change_id, OMAR, "", SETTLED)).body["code"] == "rule_untested"
    assert small_lab.write(shadow(change_id, LENA, SETTLED)).body["code"] == "rule_untested"


async def test_a_promotion_makes_earlier_backtests_stale(shop: Any, lab: Lab) -> None:
    first, second = lab.tested(rule(review=0.4)), lab.tested(rule(automatic=0.9))
    assert lab.write(promote(first, OMAR, "", SETTLED)).status == 200
    assert lab.write(promote(second, OMAR, "", SETTLED)).body["code"] == "rule_stale"
    assert lab.write(queue(second, LENA, SETTLED)).status == 200
    assert lab.write(start("w2")).body["change_id"] == second
    lab.finish(second, "w2")
    assert lab.write(promote(second, OMAR, "", SETTLED)).status == 200
    assert (live(shop).review, live(shop).automatic) == (0.4, 0.9)
    exact(shop)


async def test_rolling_back_brings_the_one_before_and_takes_two(shop: Any, lab: Lab) -> None:
    assert lab.write(roll_back(LENA, "", SETTLED)).body["code"] == "rule_first"
    lab.promoted(rule(review=0.4))
    second = rule(review=0.4, large_order_cents=100)
    change_id = lab.tested(second)
    assert lab.write(promote(change_id, OMAR, "", SETTLED)).status == 200
    back = lab.write(roll_back(LENA, "the queue drowns", SETTLED)).body["change_id"]
    assert lab.write(promote(back, LENA, "", SETTLED)).body["code"] == "rule_own"
    assert live(shop).large_order_cents == 100
    assert lab.write(promote(back, OMAR, "", SETTLED)).status == 200
    assert live(shop) == rule(review=0.4)
    assert [row.version for row in shop.store.read(versions_of)] == [3, 2, 1]
    exact(shop)


async def test_rejecting_and_withdrawing_end_a_change(shop: Any, lab: Lab) -> None:
    one, other = lab.tested(rule(review=0.3)), lab.shadowed(rule(review=0.31))
    assert lab.write(reject(one, LENA, "")).body["code"] == "rule_own"
    assert lab.write(reject(one, OMAR, "too risky")).status == 200
    assert lab.write(withdraw(other, LENA, "no more")).status == 200
    assert shop.store.read(acting).shadows == ()
    states = {change.change_id: change.state for change in shop.store.read(changes_of)}
    assert states == {one: "rejected", other: "withdrawn"}
    assert lab.write(withdraw(one, LENA, "")).body["code"] == "rule_state"
    assert lab.write(withdraw("rule_nothing", LENA, "")).status == 404
    exact(shop)


async def test_what_says_nothing_new_is_no_change(small_lab: Lab) -> None:
    assert small_lab.write(draft(LENA, "", SETTLED, SETTLED)).body["code"] == "rule_same"
    change_id = small_lab.drafted()
    assert small_lab.write(revise(change_id, LENA, "", SETTLED, SETTLED)).body["code"] == "rule_same"


async def test_at_most_three_rules_are_in_shadow(small_lab: Lab) -> None:
    for n in range(3):
        small_lab.shadowed(rule(review=0.3 + n / 100))
    change_id = small_lab.tested(rule(review=0.5))
    assert small_lab.write(shadow(change_id, LENA, SETTLED)).body["code"] == "rule_shadows"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"review": 0.0}, "review"),
        ({"review": 0.8}, "automatic"),
        ({"automatic": 1.5}, "automatic"),
        ({"device_accounts": 1}, "device_accounts"),
        ({"orders_within_minutes": 100_000}, "orders_within_minutes"),
        ({"nothing": 1}, "rule"),
        ({"review": float("nan")}, "review"),
    ],
)
def test_a_rule_that_cannot_be_is_named(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError) as error:
        rule(**fields)
    assert error.value.field == name


async def test_one_change_is_run_by_one_of_two_workers(shop: Any, lab: Lab) -> None:
    change_ids = {lab.drafted(rule(review=0.3 + n / 100)) for n in range(6)}
    for change_id in change_ids:
        lab.write(queue(change_id, LENA, SETTLED))
    taken: list[str] = []
    ready = threading.Barrier(4)

    def work(name: str) -> None:
        ready.wait()
        while (found := write(shop.store, start(name)).body["change_id"]) is not None:
            taken.append(found)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(change_ids)
    exact(shop)


async def test_a_silent_worker_loses_its_change(shop: Any, lab: Lab) -> None:
    change_id = lab.drafted()
    lab.write(queue(change_id, LENA, SETTLED))
    lab.write(start("w1"))
    shop.clock.forward(minutes=4)
    assert lab.write(beat(change_id, "w1", "replaying rules", 0.8)).status == 200
    shop.clock.forward(minutes=4)
    assert lab.write(start("w2")).body["change_id"] is None
    shop.clock.forward(minutes=2)
    assert lab.write(start("w2")).body["change_id"] == change_id
    assert lab.write(beat(change_id, "w1", "", 0.9)).status == 409
    assert lab.finish(change_id, "w1").body["code"] == "rule_state"
    assert lab.finish(change_id, "w2").status == 200
    exact(shop)


async def test_a_failed_backtest_says_why_and_can_be_run_again(shop: Any, lab: Lab) -> None:
    change_id = lab.drafted()
    lab.write(queue(change_id, LENA, SETTLED))
    lab.write(start("w1"))
    lab.write(failed(change_id, "w1", "tables: got nothing"))
    found = shop.store.read(lambda connection: find_change(connection, change_id))
    assert (found.state, found.failure) == ("failed", "tables: got nothing")
    assert "failed" in TESTABLE
    assert lab.write(queue(change_id, LENA, SETTLED)).status == 200
    exact(shop)


async def test_two_promotions_at_once_are_one(shop: Any, lab: Lab) -> None:
    ids = [lab.tested(rule(review=0.3)), lab.tested(rule(review=0.35))]
    ready, codes = threading.Barrier(2), []

    def go(change_id: str) -> None:
        ready.wait()
        codes.append(write(shop.store, promote(change_id, OMAR, "", SETTLED)).status)

    threads = [threading.Thread(target=go, args=(change_id,)) for change_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 409]
    exact(shop)
