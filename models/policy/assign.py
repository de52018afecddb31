"""From effects to a decision: the price rule, a user-level holdout, exploration, and exact probabilities.

The batch flow and the scoring service call :func:`choose` with the same policy, so one user's decision is the same
in a table of a million and alone. All chance comes from keyed hashes (``models.policy.draws``).

Order of what happens to a decision: offers beyond the user's own limits are not eligible; a withheld user (abuse risk)
may only get ``none``; a holdout user gets ``none``; with probability ``exploration`` an offer is drawn evenly from the
eligible ones (``none`` among them) and given as far as its rate allows (``models.policy.explore``); otherwise the
price rule decides.

**What a probability means here.** ``probabilities[i, a]`` is the chance of offer ``a`` for decision ``i``, under these
prices, over all that the hashes decide: the holdout (so ``none`` has at least the holdout's share for everyone,
holdout member or not) and the decision's draw. It is the weight that an inverse-propensity estimate over the whole log
needs. Since the holdout is drawn once per user, such estimates cluster by user. The lot that splits users who tie at
the prices is a fixed fact of the user, not chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.contact import within
from models.policy.draws import Draws, user_draws
from models.policy.explain import Explained, explain, first_choice
from models.policy.policy import NONE as NONE
from models.policy.policy import Policy as Policy
from models.policy.price import Bools, Floats, Ints, mask, matrix, offers
from models.policy.prices import Prices as Prices

#: Why an offer was chosen, in the order of ``Assigned.reason``.
REASONS = ("best", "no_gain", "explored", "holdout", "withheld", "nothing_eligible", "contact_limit")
BEST, NO_GAIN, EXPLORED, HOLDOUT, WITHHELD, NOTHING_ELIGIBLE, CONTACT_LIMIT = range(len(REASONS))


@dataclass(frozen=True)
class Assigned:
    """Decisions of n users over K arms.

    ``offer`` (n,) index into the arms; ``propensity`` (n,) probability of that offer, > 0; ``holdout`` and ``explored``
    (n,) booleans; ``probabilities`` (n, K), rows sum to 1; ``score`` (n, K) profit less all prices, -inf where not
    eligible; ``reason`` (n,) index into :data:`REASONS`; ``best`` (n,) what the price rule says; ``eligible`` (n, K)
    what was asked for and is within the user's limits (a withheld user's offers included).
    """

    offer: Ints
    propensity: Floats
    holdout: Bools
    explored: Bools
    probabilities: Floats
    score: Floats
    reason: NDArray[np.int8]
    best: Ints
    eligible: Bools

    @property
    def reasons(self) -> list[str]:
        return [REASONS[code] for code in self.reason]


def choose(
    policy: Policy,
    value: ArrayLike,
    cost: ArrayLike,
    user_ids: Sequence[str],
    keys: Sequence[str],
    eligible: ArrayLike | None = None,
    withhold: ArrayLike | None = None,
    facts: Mapping[str, ArrayLike] | None = None,
) -> Assigned:
    """Decide for n users at once (n = 1 online).

    Args:
        policy: with K arms.
        value: (n, K) expected profit in cents (effect on margin less coupon cost); column 0 zero.
        cost: (n, K) expected coupon cost in cents; column 0 zero.
        user_ids: n ids; they decide holdout and lot.
        keys: n keys of the decisions (a decision or request id); with the user they decide the draw, so a repeated
            request is answered alike.
        eligible: (n, K) booleans, by default all; ``none`` is always eligible.
        withhold: (n,) booleans, users who may only get ``none``.
        facts: the features in ``policy.needs``, each (n,), NaN where a user's is not known: such a user is in no
            segment and has got nothing so far.

    Raises:
        InputError: for shapes that do not fit, numbers that are not finite, or a feature in ``needs`` that is absent.
    """
    case = Case.of(policy, value, cost, eligible, withhold, facts)
    users = len(case.values)
    if len(user_ids) != users or len(keys) != users:
        raise InputError("user_ids, keys", (len(user_ids), len(keys)), f"{users} of each, one per row of value")
    return settle(policy, case, Draws.of(policy.salt, user_ids, keys))


@dataclass(frozen=True)
class Case:
    """Checked input of n decisions: ``values`` and ``costs`` (n, K); what was ``asked`` for, what of it is ``open``
    within the user's limits, and what is ``allowed`` to who is not withheld (n, K); ``segment`` names (n,)."""

    values: Floats
    costs: Floats
    asked: Bools
    open: Bools
    allowed: Bools
    withheld: Bools
    segment: NDArray[np.str_] | None

    @classmethod
    def of(
        cls,
        policy: Policy,
        value: ArrayLike,
        cost: ArrayLike,
        eligible: ArrayLike | None = None,
        withhold: ArrayLike | None = None,
        facts: Mapping[str, ArrayLike] | None = None,
    ) -> Case:
        """Check the arguments of :func:`choose`."""
        shape = matrix("value", value).shape
        given = mask("eligible", eligible, shape)
        asked = np.ones(shape, dtype=np.bool_) if given is None else given.copy()
        asked[:, 0] = True
        values, costs = offers(value, cost, asked)
        if values.shape[1] != len(policy.arms):
            raise InputError("value", values.shape, f"{len(policy.arms)} columns, one per arm of the policy")
        withheld = mask("withhold", withhold, shape[:1])
        open_ = asked & within(policy.user_limits, facts, costs) if policy.user_limits else asked
        allowed = open_ if withheld is None else open_ & ~withheld[:, None]
        allowed[:, 0] = True
        none = np.zeros(shape[0], dtype=np.bool_)
        segment = policy.segment(facts, shape[0])
        return cls(values, costs, asked, open_, allowed, none if withheld is None else withheld, segment)


def settle(policy: Policy, case: Case, draws: Draws) -> Assigned:
    """The decisions of checked input under given draws."""
    allowed, users = case.allowed, len(case.values)
    score = policy.prices.scores(case.values, case.costs, draws.lot, case.segment, allowed)
    best = first_choice(score, case.costs)
    choices = allowed.sum(axis=1)
    keep = None if policy.rates is None else policy.rates.of(case.segment, users)

    held = draws.place < policy.holdout
    nth = np.minimum((draws.pointer * choices).astype(np.intp), choices - 1)
    drawn = _nth_eligible(allowed, nth)
    explored = ~held & (draws.coin < policy.exploration)
    if keep is not None:
        # What is left of the pointer within its offer is even and independent of which offer it is.
        explored &= draws.pointer * choices - nth < keep[np.arange(users), drawn]
    offer = np.where(held, 0, np.where(explored, drawn, best))
    probabilities = _probabilities(policy, allowed, choices, best, keep)
    alone = choices == 1
    reason = np.where(best == 0, NO_GAIN, BEST).astype(np.int8)
    reason[explored] = EXPLORED
    reason[held] = HOLDOUT
    reason[alone] = NOTHING_ELIGIBLE
    reason[alone & case.asked[:, 1:].any(axis=1)] = CONTACT_LIMIT
    reason[case.withheld] = WITHHELD
    return Assigned(
        offer=offer,
        propensity=probabilities[np.arange(users), offer],
        holdout=held,
        explored=explored,
        probabilities=probabilities,
        score=score,
        reason=reason,
        best=best,
        eligible=case.open,
    )


def explain_decisions(policy: Policy, case: Case, assigned: Assigned) -> Explained:
    """Why the price rule says what it says for each of n decisions."""
    group = policy.prices.groups(case.segment, len(case.values))
    cents, units = np.array(policy.prices.cost)[group], np.array(policy.prices.unit)[group]
    return explain(case.costs, assigned.score, cents, units)


def lots(salt: str, user_ids: Sequence[str]) -> Floats:
    """The lots (n,) in [0, 1) that :func:`choose` uses for these users; hand them to ``program.solve``."""
    return user_draws(salt, user_ids)[1]


def in_holdout(policy: Policy, user_ids: Sequence[str]) -> Bools:
    """Which users (n,) the holdout keeps from every offer."""
    return user_draws(policy.salt, user_ids)[0] < policy.holdout


def probabilities(
    policy: Policy,
    value: ArrayLike,
    cost: ArrayLike,
    user_ids: Sequence[str],
    eligible: ArrayLike | None = None,
    facts: Mapping[str, ArrayLike] | None = None,
) -> Floats:
    """Chance (n, K) of each arm under the policy, for off-policy evaluation: needs no decision keys."""
    case = Case.of(policy, value, cost, eligible, None, facts)
    score = policy.prices.scores(case.values, case.costs, lots(policy.salt, user_ids), case.segment, case.allowed)
    keep = None if policy.rates is None else policy.rates.of(case.segment, len(case.values))
    return _probabilities(policy, case.allowed, case.allowed.sum(axis=1), first_choice(score, case.costs), keep)


def _probabilities(policy: Policy, allowed: Bools, choices: NDArray[Any], best: Ints, keep: Floats | None) -> Floats:
    treated = 1 - policy.holdout
    drawn = treated * policy.exploration / choices
    if keep is None:
        chance = allowed * drawn[:, None]
        ruled = np.full(len(best), treated * (1 - policy.exploration))
    else:
        chance = np.where(allowed, keep, 0.0) * drawn[:, None]
        ruled = np.maximum(treated - chance.sum(axis=1), 0.0)
    chance[np.arange(len(best)), best] += ruled
    chance[:, 0] += policy.holdout
    chance[choices == 1, 0] = 1.0  # certain, whatever the sum above rounds to
    return chance


def _nth_eligible(allowed: Bools, nth: Ints) -> Ints:
    """The column of the nth (from 0) eligible offer of every row."""
    return (allowed.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
