"""Several processes on one ledger, some of them killed in the middle: never one coupon too many, none lost."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock, Scoring, Shop, cart
from sqlalchemy import func, select

from serving.store import schema
from serving.store.engine import reader_engine
from serving.store.verify import verify_ledger

CROWD = Path(__file__).parent / "processes" / "crowd.py"
KILLED = -signal.SIGKILL
# Every named point of a claim; a refusal passes "after_undo" in place of those that write.
POINTS = ("after_state", "after_event", "after_outbox", "after_key", "before_commit", "after_commit", "after_undo")
LIMITS = {
    "quantity": 100,
    "per_user": 2,
    "per_device": 2,
    "per_ip": 2,
    "per_address": 2,
    "day_quota": 1000,
}


@dataclass
class Ended:
    """What a crowd did: how its workers ended, and every answer that one of them had, by key."""

    codes: list[int]
    answers: dict[str, list[dict[str, Any]]]

    def first(self) -> dict[str, dict[str, Any]]:
        return {key: found[0] for key, found in self.answers.items()}


class Crowd:
    """Runs plans of ``processes/crowd.py`` on one ledger."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url
        self._numbers = itertools.count(1)

    async def set_up(self, *, template: dict[str, Any], owners: Sequence[str] = ()) -> dict[str, str]:
        """A ledger with one template; the coupons of its first owners, by user."""
        shop = Shop(self.home, self.url, Clock(), Scoring())
        await shop.campaign(liability_cents=90_000)
        await shop.template(**template)
        coupons = {user_id: await shop.coupon(user_id) for user_id in owners}
        await shop.close()
        return coupons

    def run(self, *workers: dict[str, Any], timeout: float = 120) -> Ended:
        number = next(self._numbers)
        for place, worker in enumerate(workers):
            worker["answers"] = str(self.home / f"answers-{number}-{place}.jsonl")
        plan = self.home / f"plan-{number}.json"
        plan.write_text(json.dumps({"home": str(self.home), "url": self.url, "workers": workers}))
        done = subprocess.run([sys.executable, str(CROWD), str(plan)], capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stderr
        answers: dict[str, list[dict[str, Any]]] = {}
        for worker in workers:
            for line in Path(worker["answers"]).read_text().splitlines():
                answer = json.loads(line)
                assert answer["status"] < 500, (answer, done.stdout[-2000:])  # nobody is told "locked" or "too busy"
                answers.setdefault(answer["key"], []).append(answer)
        codes = json.loads(done.stdout.splitlines()[-1])["codes"]
        assert set(codes) <= {0, KILLED}, done.stderr
        return Ended(codes, answers)

    def require_exact(self) -> dict[str, int]:
        """State is what the events say, and every event has its message; returns the rows of each table."""
        report = verify_ledger(self.url)
        assert report.exact, report.differences[:5]
        engine = reader_engine(self.url)
        with engine.connect() as connection:
            sent, noted = (
                connection.scalar(select(func.count()).select_from(table)) for table in (schema.outbox, schema.events)
            )
        engine.dispose()
        assert sent == noted == report.events
        return dict(report.rows)

    def paid(self) -> int:
        """Orders that stand as redeemed."""
        engine = reader_engine(self.url)
        with engine.connect() as connection:
            redeemed = select(func.count()).select_from(schema.orders).where(schema.orders.c.state == "redeemed")
            count = connection.scalar(redeemed)
        engine.dispose()
        return int(count or 0)


@pytest.fixture
def crowd(tmp_path: Path, ledger_url: str) -> Crowd:
    return Crowd(tmp_path, ledger_url)


def claims(count: int, first: int = 0, per_user: int = 2) -> list[dict[str, Any]]:
    """Requests of users who claim ``per_user`` times each, with their devices, addresses and IPs."""
    return [
        {
            "role": "issuance",
            "path": "/v1/claims",
            "key": f"claim-{number}",
            "body": {
                "user_id": f"u{number // per_user}",
                "template_id": "flat_8",
                "device_id": f"d{number // per_user}",
                "ip": f"10.0.{number // 200}.{number % 200}",
                "address": f"{number // per_user} High Street",
            },
        }
        for number in range(first, first + count)
    ]


def outcome(answer: dict[str, Any]) -> str:
    return "won" if answer["status"] == 201 else str(answer["body"]["code"])


def dealt(requests: list[Any], hands: int) -> list[list[Any]]:
    """The requests in a fixed random order, dealt like cards."""
    shuffled = random.Random(1).sample(requests, len(requests))
    return [shuffled[hand::hands] for hand in range(hands)]


async def test_a_thousand_claims_of_four_processes_on_a_hundred_coupons_give_a_hundred(crowd: Crowd) -> None:
    await crowd.set_up(template=LIMITS)
    ended = crowd.run(*({"requests": hand, "at_once": 32} for hand in dealt(claims(1000), 4)))
    assert ended.codes == [0, 0, 0, 0]
    assert Counter(outcome(answer) for answer in ended.first().values()) == {"won": 100, "quantity_exhausted": 900}
    rows = crowd.require_exact()
    assert rows["coupons"] == 100


async def killed_in_the_middle(crowd: Crowd, coupons: int, count: int, seed: int) -> None:
    """Claims of processes of which most are killed; then a survivor asks for everything again."""
    await crowd.set_up(template={**LIMITS, "quantity": coupons})
    chance = random.Random(seed)
    hands = dealt(claims(count), len(POINTS) + 4)
    # Four at once are at most eight connections of each process: PostgreSQL gives a hundred by default.
    workers: list[dict[str, Any]] = [{"requests": hand, "at_once": 4} for hand in hands]
    for worker, point in zip(workers, POINTS, strict=False):
        worker["fault"] = f"{point}:{chance.randint(1, 8)}"
    undone = {**claims(1)[0], "key": "refused", "body": {"user_id": "u0", "template_id": "no_such"}}
    undoing = workers[POINTS.index("after_undo")]
    undoing.update(fault="after_undo:1", requests=[undone, *undoing["requests"]])
    for worker in workers[len(POINTS) : len(POINTS) + 2]:
        worker["kill_after"] = chance.uniform(0.05, 0.6)
    ended = crowd.run(*workers)
    assert ended.codes[: len(POINTS)] == [KILLED] * len(POINTS), "every point was reached"
    assert ended.codes[-2:] == [0, 0]
    acknowledged = ended.first()
    assert len(acknowledged) < count, "some were killed before they had their answer"

    again = crowd.run({"requests": dealt(claims(count), 1)[0], "at_once": 16})
    final = again.first()
    assert Counter(outcome(answer) for answer in final.values()) == {
        "won": coupons,
        "quantity_exhausted": count - coupons,
    }
    for key, answer in acknowledged.items():
        assert (final[key]["status"], final[key]["body"]) == (answer["status"], answer["body"]), key
        assert final[key]["replayed"]
    assert crowd.require_exact()["coupons"] == coupons


async def test_processes_killed_at_every_point_lose_nothing_and_give_nothing_twice(crowd: Crowd) -> None:
    await killed_in_the_middle(crowd, 60, 260, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 4))
async def test_a_thousand_claims_of_processes_killed_at_random_still_give_a_hundred(crowd: Crowd, seed: int) -> None:
    await killed_in_the_middle(crowd, 100, 1000, seed)


async def test_two_processes_that_get_the_same_keys_give_one_answer_to_each(crowd: Crowd) -> None:
    await crowd.set_up(template={"quantity": 40})
    same = claims(60, per_user=1)
    ended = crowd.run(*({"requests": same, "at_once": 12} for _ in range(2)))
    assert ended.codes == [0, 0]
    assert len(ended.answers) == 60
    for key, found in ended.answers.items():
        assert len(found) == 2, key
        assert found[0]["body"] == found[1]["body"], key
        assert sorted(answer["replayed"] for answer in found) == [False, True], key
    assert Counter(outcome(answer) for answer in ended.first().values()) == {"won": 40, "quantity_exhausted": 20}
    assert crowd.require_exact()["coupons"] == 40


def order(path: str, key: str, **body: Any) -> dict[str, Any]:
    return {"role": "checkout", "path": path, "key": key, "body": body}


async def test_holds_payments_releases_and_time_of_four_processes_leave_each_coupon_in_one_state(crowd: Crowd) -> None:
    """Of two orders one gets the coupon; then it is paid, given back and swept at once, and one of these counts."""
    coupons = await crowd.set_up(template={"per_user": 1}, owners=[f"u{number}" for number in range(24)])

    def holding(side: str) -> list[dict[str, Any]]:
        return [
            order(
                "/v1/holds", f"{side}-{user}", user_id=user, coupon_ids=[coupon], order_id=f"{side}-{user}", cart=cart()
            )
            for user, coupon in coupons.items()
        ]

    held = crowd.run(*({"requests": holding(side), "at_once": 8} for side in ("left", "right"))).first()
    winners = {key: answer["body"]["hold_id"] for key, answer in held.items() if answer["status"] == 201}
    assert sorted(key.partition("-")[2] for key in winners) == sorted(coupons), "each coupon is held once"

    paying, giving_back = [], []
    for key, hold_id in winners.items():
        user = key.partition("-")[2]
        paying.append(order("/v1/redemptions", f"pay-{user}", user_id=user, hold_id=hold_id))
        giving_back.append(
            order("/v1/rollbacks", f"back-{user}", user_id=user, hold_id=hold_id, scene="order_cancelled")
        )
    late = {"requests": [{"sweep": True}] * 6, "at_once": 1, "minutes_later": 60}
    fast = {"requests": paying[::-1], "at_once": 8}, {"requests": dealt(giving_back, 1)[0], "at_once": 8}
    ended = crowd.run(*fast, late, {"requests": dealt(paying, 1)[0], "at_once": 8})
    assert ended.codes == [0, 0, 0, 0]
    paid = {
        key.partition("-")[2] for key, found in ended.answers.items() if key[0] == "p" and found[0]["status"] == 201
    }
    back = {
        key.partition("-")[2] for key, found in ended.answers.items() if key[0] == "b" and found[0]["status"] == 201
    }
    assert not paid & back
    for found in ended.answers.values():
        assert len({json.dumps(answer["body"], sort_keys=True) for answer in found}) == 1, "two processes, one answer"
    assert crowd.require_exact()["orders"] == len(coupons)
    assert crowd.paid() == len(paid)
