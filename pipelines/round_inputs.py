"""What a round decides from, user by user: effects discounted by abuse, costs, and who may not get a coupon.

The night's round and the pricing of the rest of the day read it alike. An offer's value is discounted by the chance
that the user is an abuser (``models.policy.expected``); batch and service take that chance from the same model, and
what people have decided about an account from the same ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import InputError
from models.policy.assign import Policy
from models.policy.expected import expected_profit
from models.policy.plan import Plan, plan
from models.registry import Loaded, Registry, effects
from pipelines.abuse_probability import abuse_probability
from pipelines.read_features import matrix_of
from pipelines.standings import standings
from serving.scoring.messages import KEEPS_COUPONS
from serving.scoring.risk import action_for
from serving.settings import Settings

CLEARED = "allow"  # what stands of an account that a person has looked at and found honest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """n users with their features, and for K offers ``profit`` and ``cost`` (n, K) in cents; ``p_abuse`` (n,) the
    chance of abuse, None without a model; ``withhold`` (n,) who gets nothing."""

    users: pd.DataFrame
    arms: tuple[str, ...]
    uplift_version: str
    profit: Floats
    cost: Floats
    p_abuse: Floats | None
    withhold: NDArray[np.bool_]

    @classmethod
    def of(cls, users: pd.DataFrame, uplift: Loaded, withheld: frozenset[str], p_abuse: Floats | None = None) -> Inputs:
        """Effects of every offer on every user; InputError names a feature of the model that no longer exists."""
        found = effects(uplift.artefact, matrix_of(users, uplift.artefact.features))
        withhold = users["user_id"].isin(withheld).to_numpy(np.bool_)
        profit = expected_profit(found, p_abuse)
        return cls(users, found.arms, uplift.version, profit, found.cost, p_abuse, withhold)

    @property
    def ids(self) -> list[str]:
        return list(self.users["user_id"])

    def rows(self, keep: NDArray[np.bool_]) -> Inputs:
        """The same of some users."""
        return replace(
            self,
            users=self.users[keep].reset_index(drop=True),
            profit=self.profit[keep],
            cost=self.cost[keep],
            p_abuse=None if self.p_abuse is None else self.p_abuse[keep],
            withhold=self.withhold[keep],
        )

    def facts(self, names: Sequence[str]) -> dict[str, Floats]:
        """The features that a policy looks at besides the effects."""
        return dict(zip(names, matrix_of(self.users, names).T, strict=True))

    def plan(self, policy: Policy, key: str) -> Plan:
        """The round that spends the policy's limits on these users.

        Raises :class:`models.policy.limits.Infeasible`, which names the limits, when no round can keep them.
        """
        keys = [key] * len(self.users)
        facts = self.facts(policy.needs)
        return plan(policy, self.profit, self.cost, self.ids, keys, withhold=self.withhold, facts=facts)


def inputs_of(
    settings: Settings, registry: Registry, uplift: Loaded, users: pd.DataFrame, flags: Path | None
) -> Inputs:
    """The inputs for users with features, with the abuse champion's chances and what stands against accounts."""
    known = standings(settings, users["user_id"].tolist())
    abuse = registry.champion("abuse")
    chance = abuse_probability(abuse, users)
    flagged = withheld_users(flags)
    if abuse is not None and chance is not None:
        # As the service does: the model's own word counts where nothing stands on file.
        sure = [action_for(abuse.artefact.spec, p) in KEEPS_COUPONS for p in np.nan_to_num(chance)]
        flagged |= frozenset(users.loc[sure, "user_id"])
        chance = np.where(users["user_id"].map(known).eq(CLEARED).to_numpy(), 0.0, chance)
    return Inputs.of(users, uplift, _withheld(flagged, known), chance)


def withheld_users(flags: Path | None) -> frozenset[str]:
    """Accounts whose flag keeps coupons from them; none without a flags file."""
    if flags is None:
        return frozenset()
    try:
        frame = pq.read_table(flags, columns=["user_id", "action"]).to_pandas()
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError("flags", str(flags), f"a Parquet file with user_id and action ({error})") from error
    return frozenset(frame.loc[frame.action.isin(KEEPS_COUPONS), "user_id"])


def _withheld(flagged: frozenset[str], known: dict[str, str]) -> frozenset[str]:
    """Who gets no coupon: what stands against an account replaces last night's flag."""
    standing = {user for user, action in known.items() if action in KEEPS_COUPONS}
    return frozenset((flagged - known.keys()) | standing)
