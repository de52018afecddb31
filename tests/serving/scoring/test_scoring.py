"""The scoring service: the batch decision, cold starts, standings, graded risk, and swaps that cannot break it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from fakes.scoring import ARMS, Features, Models, abuse, policy, uplift

from models.policy.assign import Policy, Prices, choose
from models.policy.contact import UserLimit
from models.policy.expected import expected_profit
from models.policy.explore import Rates
from models.policy.limits import Limits, SegmentLimit
from models.policy.segment import Segmentation
from models.registry import Artefact, ArtefactError, Loaded, effects
from pipelines.abuse_probability import abuse_probability
from serving.keys import ROLES, KeyRing, new_key
from serving.scoring.app import build
from serving.scoring.champions import Holder

ROWS = {
    ("user", "loyal"): [5.0, 1.0],
    ("identity", "loyal"): [0.0, 0.0],
    ("user", "idle"): [0.0, 0.0],
    ("identity", "idle"): [0.0, 0.0],
    ("user", "ringer"): [5.0, 1.0],
    ("identity", "ringer"): [5.0, 5.0],
}


class Service:
    def __init__(self, **models: Any) -> None:
        self.features = Features(ROWS)
        self.models = Models()
        for name, artefact in models.items():
            self.models.put(name, artefact)
        self.standings: dict[str, str] = {}
        self.holder = Holder(self.models, self.features)
        self.holder.refresh()
        self.keys = {role: new_key() for role in ROLES}
        app = build(self.holder, self.features, self._stand, KeyRing.of(self.keys))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://scoring")

    def _stand(self, users: list[str]) -> dict[str, str]:
        return {user: self.standings[user] for user in users if user in self.standings}

    async def post(self, path: str, body: Any, role: str = "coupons") -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Authorization": f"Bearer {self.keys[role]}"})

    async def decide(self, user_id: str, key: str = "k", **more: Any) -> dict[str, Any]:
        body = {"user_id": user_id, "key": key, "offers": ["cut", "flat"], **more}
        answer = await self.post("/v1/decisions", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def risk(self, user_id: str, **more: Any) -> dict[str, Any]:
        answer = await self.post("/v1/risk", {"user_id": user_id, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def service() -> Service:
    return Service(uplift=uplift(), policy=policy(), abuse=abuse())


async def test_the_offer_that_pays_is_chosen_and_its_figures_are_given(service: Service) -> None:
    found = await service.decide("loyal")
    assert (found["offer"], found["reason"], found["propensity"]) == ("cut", "best", 1.0)
    cut = next(score for score in found["offers"] if score["offer"] == "cut")
    assert cut["value_cents"] == pytest.approx(900, abs=5)
    assert cut["cost_cents"] == pytest.approx(300, abs=5)
    assert cut["score"] == pytest.approx(cut["value_cents"] - 1.5 * cut["cost_cents"])
    assert found["versions"] == {"uplift": "1", "policy": "1", "policy_round": "round-1", "abuse": "1"}
    assert found["features_as_of"] == "2026-05-01T00:00:00"
    assert (await service.decide("idle"))["offer"] == "none"


async def test_only_offers_that_were_asked_for_are_eligible(service: Service) -> None:
    found = await service.decide("loyal", offers=["flat", "unheard_of"])
    assert found["eligible"] == ["none", "flat"]
    assert found["offer"] == "none"
    assert [score["offer"] for score in found["offers"]] == ["none", "flat"]
    assert (await service.decide("loyal", offers=[]))["reason"] == "nothing_eligible"


async def test_an_unknown_user_is_answered_and_marked(service: Service) -> None:
    found = await service.decide("stranger")
    assert found["cold_start"] is True
    assert found["features_as_of"] is None
    assert found["propensity"] > 0
    risk = await service.risk("stranger")
    assert (risk["score"], risk["action"], risk["cold_start"]) == (None, "allow", True)


async def test_one_by_one_in_a_batch_and_in_the_batch_flow_the_decision_is_the_same() -> None:
    service = Service(uplift=uplift(), policy=policy(exploration=0.4, holdout=0.2))
    users = [name for name in ("loyal", "idle", "stranger") for _ in range(30)]
    keys = [f"k{n}" for n in range(len(users))]
    asks = [{"user_id": u, "key": k, "offers": list(ARMS[1:])} for u, k in zip(users, keys, strict=True)]
    batch = (await service.post("/v1/decisions:batch", {"decisions": asks})).json()["decisions"]
    single = [await service.decide(u, k) for u, k in zip(users, keys, strict=True)]
    assert batch == single
    X = np.array([[*ROWS.get(("user", user), [np.nan, np.nan])] for user in users])
    effect = effects(uplift(), X)
    flow = choose(Policy.from_spec(policy(exploration=0.4, holdout=0.2).spec), effect.profit, effect.cost, users, keys)
    assert [found["offer"] for found in single] == [ARMS[k] for k in flow.offer]
    assert [found["propensity"] for found in single] == pytest.approx(flow.propensity.tolist(), abs=0)
    assert [found["holdout"] for found in single] == flow.holdout.tolist()
    assert {found["reason"] for found in single} > {"explored"}


def limited_policy() -> Artefact:
    """Two segments by orders, prices for each, at most three of what spend counts, chance held back for one offer."""
    prices = Prices(("", "many"), (0.5, 0.2), ((0.0, 30.0, 0.0), (0.0, -20.0, 5.0)), 1e-6)
    made = Policy(
        ARMS,
        prices,
        0.4,
        0.2,
        "salt",
        "round-1",
        "1",
        Limits(1000.0, stock={"cut": 9}, segments={"many": SegmentLimit(min_users=1)}),
        Segmentation("orders_30d", (3.0,), ("few", "many")),
        (UserLimit("spend_30d", 3),),
        Rates(("", "many"), ((1.0, 0.3, 1.0), (1.0, 0.6, 1.0))),
    )
    return Artefact("policy", made.to_spec())


async def test_with_limits_segments_and_abuse_the_batch_flow_decides_alike() -> None:
    service = Service(uplift=uplift(), policy=limited_policy(), abuse=abuse())
    rng = np.random.default_rng(2)
    users = [f"u{number}" for number in range(120)]
    for user in users:
        service.features.rows["user", user] = [float(rng.integers(0, 6)), float(rng.integers(0, 5))]
        service.features.rows["identity", user] = [float(rng.integers(0, 5)), 0.0]
    asks = [{"user_id": user, "key": "round", "offers": list(ARMS[1:])} for user in users]
    online = (await service.post("/v1/decisions:batch", {"decisions": asks})).json()["decisions"]
    assert online == [await service.decide(user, "round") for user in users]

    frame = pd.DataFrame(
        [[*service.features.rows["user", user], *service.features.rows["identity", user]] for user in users],
        columns=["orders_30d", "spend_30d", "device_others_24h", "ip_others_24h"],
    )
    chance = abuse_probability(Loaded(abuse(), "abuse", "1", "run", {}, {}), frame)
    assert chance is not None
    assert chance.tolist() == [found["risk"]["score"] for found in online]
    effect = effects(uplift(), frame[["orders_30d", "spend_30d"]].to_numpy())
    withhold = np.array([found["risk"]["action"] == "withhold" for found in online])
    policy_ = Policy.from_spec(limited_policy().spec)
    facts = {name: frame[name].to_numpy() for name in policy_.needs}
    profit = expected_profit(effect, chance)
    batch = choose(policy_, profit, effect.cost, users, ["round"] * 120, None, withhold, facts)
    assert [found["offer"] for found in online] == [ARMS[k] for k in batch.offer]
    assert [found["propensity"] for found in online] == batch.propensity.tolist()
    assert [found["reason"] for found in online] == batch.reasons
    assert {"best", "no_gain", "explored", "holdout", "contact_limit"} <= set(batch.reasons)
    for found, row in zip(online, profit.tolist(), strict=True):
        assert {one["offer"]: one["profit_cents"] for one in found["offers"]} == dict(zip(ARMS, row, strict=True))


async def test_a_decision_explains_itself_in_figures_and_words(service: Service) -> None:
    why = (await service.decide("loyal"))["explanation"]
    assert (why["rule_offer"], why["runner_up"], why["budget_price"]) == ("cut", "none", 0.5)
    assert why["lead_cents"] == pytest.approx(why["profit_cents"] - 0.5 * why["cost_cents"])
    assert why["offer_above"] == "none"
    assert why["price_above"] == pytest.approx(why["profit_cents"] / why["cost_cents"])
    assert why["en"].startswith("cut: ¥9.")
    assert "则为不发券" in why["zh"]
    assert (await service.decide("idle"))["explanation"]["en"].startswith("No coupon earns its price")
    withheld = (await service.decide("ringer"))["explanation"]
    assert withheld["en"] == "Coupons are withheld from this account because of risk."


async def test_a_user_at_the_contact_limit_is_told_apart_and_live_counts_bring_one_there() -> None:
    service = Service(uplift=uplift(), policy=limited_policy())
    before, after = await service.decide("loyal"), await service.decide("loyal", counts={"spend_30d": 3})
    assert before["eligible"] == list(ARMS)
    assert (after["eligible"], after["offer"], after["reason"]) == (["none"], "none", "contact_limit")
    assert after["propensity"] == 1
    assert "as many coupons as one user may" in after["explanation"]["en"]


async def test_an_abusers_value_is_discounted_until_a_person_clears_the_account() -> None:
    service = Service(uplift=uplift(), policy=policy(), abuse=abuse())
    service.features.rows["identity", "loyal"] = [3.0, 0.0]

    async def cut() -> tuple[float, dict[str, Any]]:
        found = await service.decide("loyal")
        return found["risk"]["score"], next(one for one in found["offers"] if one["offer"] == "cut")

    chance, found = await cut()
    assert found["profit_cents"] == pytest.approx((1 - chance) * found["value_cents"] - found["cost_cents"])
    service.standings = {"loyal": "allow"}
    _, cleared = await cut()
    assert cleared["profit_cents"] == pytest.approx(found["value_cents"] - found["cost_cents"])


async def test_a_policy_whose_features_are_not_served_is_refused(service: Service) -> None:
    unknown = Policy(ARMS, Prices.of_cost(0.5, 3), 0, 0, "salt", user_limits=(UserLimit("horoscope", 1),))
    service.models.put("policy", Artefact("policy", unknown.to_spec()))
    reloaded = (await service.post("/v1/model:reload", {}, "scientist")).json()
    assert "horoscope" in reloaded["refused"]["policy"]
    assert (await service.decide("loyal"))["offer"] == "cut"


async def test_a_ring_is_withheld_with_reasons_but_a_machine_does_not_block(service: Service) -> None:
    risk = await service.risk("ringer")
    assert risk["score"] > 0.95
    assert risk["action"] == "withhold"
    assert risk["reasons"][0] == {
        "code": "device_others_24h",
        "en": "5 others on the device",
        "zh": "设备上有 5 个其他账号",
    }
    decision = await service.decide("ringer")
    assert (decision["offer"], decision["reason"], decision["propensity"]) == ("none", "withheld", 1.0)


async def test_live_counts_raise_what_last_night_knew_and_never_lower_it(service: Service) -> None:
    assert (await service.risk("loyal"))["action"] == "allow"
    assert (await service.risk("loyal", counts={"device_others_24h": 5}))["action"] == "withhold"
    assert (await service.risk("ringer", counts={"device_others_24h": 0}))["action"] == "withhold"


async def test_a_verdict_stands_above_the_model(service: Service) -> None:
    service.standings = {"ringer": "allow", "loyal": "block"}
    cleared, blocked = await service.risk("ringer"), await service.risk("loyal")
    assert (cleared["action"], cleared["flagged"]) == ("allow", True)
    assert (blocked["action"], blocked["reasons"][0]["code"]) == ("block", "flagged")
    assert (await service.decide("loyal"))["reason"] == "withheld"


async def test_without_models_it_is_alive_but_not_ready() -> None:
    service = Service()
    assert (await service.http.get("/healthz")).status_code == 200
    assert (await service.http.get("/readyz")).json()["code"] == "not_ready"
    body = {"user_id": "loyal", "key": "k", "offers": ["cut"]}
    assert (await service.post("/v1/decisions", body)).status_code == 503
    assert (await service.risk("loyal"))["score"] is None


async def test_without_features_it_is_not_ready_until_they_are_built() -> None:
    service = Service(uplift=uplift(), policy=policy())
    assert (await service.http.get("/readyz")).status_code == 200
    service.holder.features_ready, service.features.missing = False, "features of group user are not applied"
    service.holder.refresh()
    answer = await service.http.get("/readyz")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (503, "features")
    service.features.missing = ""
    service.holder.refresh()
    assert (await service.http.get("/readyz")).status_code == 200


async def test_a_new_champion_is_swapped_in_and_a_bad_one_is_not(service: Service) -> None:
    service.models.put("policy", policy(uplift_version="2"))
    reloaded = (await service.post("/v1/model:reload", {}, "scientist")).json()
    assert reloaded["models"] == {"uplift": "1", "policy": "2", "abuse": "1"}
    assert reloaded["policy_fits"] is False
    assert (await service.decide("loyal"))["versions"]["policy_made_for_uplift"] == "2"
    service.models.put("uplift", ArtefactError("digest", "a", "b"))
    service.models.put("abuse", uplift(("orders_30d", "horoscope")))
    reloaded = (await service.post("/v1/model:reload", {}, "scientist")).json()
    assert reloaded["models"]["uplift"] == "1"
    assert set(reloaded["refused"]) == {"uplift", "abuse"}
    assert "horoscope" in reloaded["refused"]["abuse"]
    assert (await service.decide("loyal"))["offer"] == "cut"


async def test_only_a_scientist_reloads_and_only_known_keys_are_answered(service: Service) -> None:
    assert (await service.post("/v1/model:reload", {})).status_code == 403
    assert (await service.post("/v1/decisions", {}, "checkout")).status_code == 403
    assert (await service.http.post("/v1/risk", json={"user_id": "u"})).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": ""},
        {"user_id": 5},
        {"key": "a b"},
        {"offers": "cut"},
        {"counts": {"x": "many"}},
        {"counts": {"x": 1e400}},
        {"propensity": 1},
        {"offers": ["x"] * 101},
    ],
)
async def test_a_question_that_is_not_one_is_refused(service: Service, change: dict[str, Any]) -> None:
    import json

    body = {"user_id": "loyal", "key": "k", "offers": ["cut"], **change}
    headers = {"Authorization": f"Bearer {service.keys['coupons']}", "Content-Type": "application/json"}
    answer = await service.http.post("/v1/decisions", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text


async def test_latency_is_measured_in_process(service: Service) -> None:
    await asyncio.gather(*(service.decide("loyal", f"k{n}") for n in range(10)))
    metrics = (await service.http.get("/metrics")).text
    assert 'scoring_seconds_count{what="decision"} 10.0' in metrics
