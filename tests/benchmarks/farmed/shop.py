"""A simulated shop whose rings stay for the coupon trial, and what each offer is truly worth there.

The simulated shop keeps its rings out of the trial: their accounts come, take the newcomers' coupon and go. Here they
stay, visit, and take whatever coupon the trial gives them; they buy with it and without it hardly ever. To a log of a
week their coupons look like the best of all. They are not: what such an order earns is charged back or takes the place
of a sale that would have been made anyway, so a coupon's true value with an abuser is 0 and its profit minus its cost.

What their outcomes teach may depend on how they behave. *Brisk* farmers come for the coupon and look at nothing, unlike
the honest users whom coupons move; *browsing* ones look around as price-sensitive customers do.

The trial is made to say much per second of simulation: two offers instead of five, a decision every nine days, and
nobody visits more often than every third day or so (more visits cost time and bring no decision).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shop import attacks, trial
from pipelines.shop.calendar import DAY
from pipelines.shop.offers import OFFERS
from pipelines.shop.play import _seen, block_tables
from pipelines.shop.rows import template_rows, user_rows
from pipelines.shop.seeds import stream
from pipelines.shop.truth import population_rows
from pipelines.shop.verdicts import verdict_rows
from pipelines.shop.world import Shop
from pipelines.shop.writer import whole_folder

TRIED = ("none", "cut_200_35", "pct_10_cap_30")
_GAP = 9 * DAY  # longer than the week in which a decision's outcome falls
_MOST_ACTIVE = 0.3  # visits a day


@dataclass(frozen=True)
class Truth:
    """Per decision (n, K), arms in the order asked for: ``profit`` and ``cost`` in cents; ``abusive`` (n,)."""

    profit: np.ndarray
    cost: np.ndarray
    abusive: np.ndarray


def farmed_shop(users: int, days: int, seed: int, share: float, brisk: bool, out: Path) -> None:
    """Write the tables and the truth of such a shop; about ``share`` of the users are in rings."""
    with patch.object(attacks, "SHARE", share):
        shop = Shop.open(users, days, seed)
    _let_farm(shop, brisk)
    by_tier = trial._BY_TIER * np.isin(OFFERS, TRIED)
    with whole_folder(out) as writer, patch.object(trial, "GAP", _GAP), patch.object(trial, "_BY_TIER", by_tier):
        for block in range(shop.blocks):
            for name, rows in block_tables(shop, block).items():
                writer.add(name, _only_tried(rows) if name == "decisions" else rows)
        writer.add("users", user_rows(shop.people, shop.names))
        writer.add("templates", template_rows())
        writer.add("verdicts", verdict_rows(shop.people, _seen(shop), shop.names, shop.calendar, seed))
        writer.add("truth/population", population_rows(shop.people, shop.names))
        facts = {"users": users, "days": days, "seed": seed, "share": share}
        (writer.folder / "truth" / "shop.json").write_text(json.dumps(facts) + "\n", "utf-8")


def truth_of(folder: Path, decision_ids: np.ndarray, arms: tuple[str, ...]) -> Truth:
    """What every offer was truly worth at each decision."""
    effects = pq.read_table(folder / "truth" / "effects.parquet").to_pandas()
    people = pq.read_table(folder / "truth" / "population.parquet").to_pandas().set_index("user_id")
    value, cost = (
        effects.pivot_table(index="decision_id", columns="offer", values=f"{what}_cents")
        .reindex(index=decision_ids, columns=list(arms))
        .to_numpy()
        for what in ("value", "cost")
    )
    owner = effects.drop_duplicates("decision_id").set_index("decision_id")["user_id"].reindex(decision_ids)
    abusive = people["abusive"].reindex(owner).to_numpy(bool)
    return Truth(np.where(abusive[:, None], 0.0, value) - cost, cost, abusive)


def _only_tried(decisions: pa.Table) -> pa.Table:
    place = decisions.schema.get_field_index("eligible")
    field = decisions.schema.field(place)
    return decisions.set_column(place, field, pa.array([list(TRIED)] * len(decisions), field.type))


def _let_farm(shop: Shop, brisk: bool) -> None:
    people, rng = shop.people, stream(shop.seed, "farmers")
    farmers = np.flatnonzero(people.abusive)
    people.in_trial[farmers] = True
    people.buy[farmers] = -4.0
    # What they make of a coupon is price times taste; only price leaves traces in what they look at.
    people.price[farmers] = rng.beta(2, 18, len(farmers)) if brisk else rng.beta(9, 2, len(farmers))
    pull = rng.uniform(2.0, 3.3, (len(farmers), people.taste.shape[1]))
    people.taste[farmers] = pull / people.price[farmers][:, None]
    people.reactance[farmers] = 0.0
    people.redeem[farmers] = 0.97
    people.activity[farmers] = rng.uniform(0.15, 0.5, len(farmers))
    people.lapse[farmers] = np.iinfo(np.int64).max
    people.activity[:] = np.minimum(people.activity, _MOST_ACTIVE)
