"""What nobody in a real shop knows: the effect of every offer at every decision, and who abuses.

effects      decision_id, user_id, offer, value_cents (margin before coupon cost over that of ``none``), cost_cents,
             redeem_probability: expectations over the seven days after the decision
responses    the same for every user and offer on an ordinary day, with purchase_probability and basket_cents
population   user_id, type, family, ring_id, look_alike, abusive
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.shop.attacks import FAMILIES
from pipelines.shop.lookalikes import LOOK_ALIKES
from pipelines.shop.offers import OFFERS
from pipelines.shop.population import TYPES, Population
from pipelines.shop.response import Response
from pipelines.shop.rows import Names, number
from pipelines.shop.seeds import Ints
from pipelines.shop.trial import Decisions

EFFECTS = pa.schema(
    [
        ("decision_id", pa.string()),
        ("user_id", pa.string()),
        ("offer", pa.string()),
        ("value_cents", pa.float64()),
        ("cost_cents", pa.float64()),
        ("redeem_probability", pa.float64()),
    ]
)
RESPONSES = pa.schema(
    [*list(EFFECTS)[1:], ("purchase_probability", pa.float64()), ("basket_cents", pa.float64())],
)
POPULATION = pa.schema(
    [
        ("user_id", pa.string()),
        ("type", pa.string()),
        ("family", pa.string()),
        ("ring_id", pa.string()),
        ("look_alike", pa.string()),
        ("abusive", pa.bool_()),
    ]
)


def effect_rows(decisions: Decisions, names: Names, block: int) -> pa.Table:
    n = len(decisions.user)
    each = pa.array(np.repeat(np.arange(n), len(OFFERS)))
    columns = {"decision_id": names.ids("t", number(block, n)).take(each)}
    return pa.table(columns | _expectations(decisions.truth, decisions.user, names), schema=EFFECTS)


def response_rows(truth: Response, users: Ints, names: Names) -> pa.Table:
    columns = _expectations(truth, users, names)
    columns["purchase_probability"] = pa.array(truth.buys.ravel())
    columns["basket_cents"] = pa.array(truth.goods.ravel())
    return pa.table(columns, schema=RESPONSES)


def population_rows(people: Population, names: Names) -> pa.Table:
    rings = [f"ring-{ring:04d}" for ring in range(int(people.ring.max()) + 1)]
    return pa.table(
        {
            "user_id": names.users,
            "type": pa.array(TYPES).take(pa.array(people.kind)),
            "family": _named(FAMILIES, people.family),
            "ring_id": _named(rings, people.ring),
            "look_alike": _named(LOOK_ALIKES, people.look_alike),
            "abusive": pa.array(people.abusive),
        },
        schema=POPULATION,
    ).take(pa.array(np.argsort(people.number)))


def _expectations(truth: Response, users: Ints, names: Names) -> dict[str, pa.Array]:
    return {
        "user_id": names.users.take(pa.array(np.repeat(users, len(OFFERS)))),
        "offer": pa.array(list(OFFERS) * len(users), pa.string()),
        "value_cents": pa.array(truth.value.ravel()),
        "cost_cents": pa.array(truth.cost.ravel()),
        "redeem_probability": pa.array(truth.redeems.ravel()),
    }


def _named(names: list[str] | tuple[str, ...], codes: Ints) -> pa.Array:
    return pa.array(list(names), pa.string()).take(pa.array(codes, mask=codes < 0))
