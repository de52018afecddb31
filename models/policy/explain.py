"""Why the price rule gives this user this offer, who came second, and what would have to change.

Offers are ranked by profit - price of the budget x cost - price of a unit of the offer. All that is said here is about
that rule; a user who was drawn or held out got something else, which the reason of the decision says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.policy.price import Floats, Ints


@dataclass(frozen=True)
class Explained:
    """The rule's choice for n users beside its runner-up; figures in cents, NaN where there is nothing to say.

    ``offer`` and ``runner_up`` (n,) indices into the arms, -1 where nothing else was eligible; ``lead`` by how much the
    score of the choice is higher; ``budget_price`` (profit per cent of cost) and ``unit_price`` of the choice.

    What would turn the choice, if it changed alone: the price of the budget below ``price_below`` gives ``offer_below``
    and above ``price_above`` gives ``offer_above`` (-1 where no price does). The runner-up would be chosen with an
    expected cost below ``cost_below`` (where it is none: if the choice were expected to cost more than
    ``cost_above``), or with a unit price below ``unit_below``. The two costs are NaN where the price is -1 or less.
    """

    offer: Ints
    runner_up: Ints
    lead: Floats
    budget_price: Floats
    unit_price: Floats
    price_below: Floats
    offer_below: Ints
    price_above: Floats
    offer_above: Ints
    cost_below: Floats
    cost_above: Floats
    unit_below: Floats


def first_choice(score: Floats, cost: Floats) -> Ints:
    """The offer (n,) with the highest score (n, K); exact ties go to the cheaper offer, then to the earlier."""
    best: Ints = np.where(score == score.max(axis=1, keepdims=True), cost, np.inf).argmin(axis=1)
    return best


def explain(cost: Floats, score: Floats, budget_price: Floats, unit_price: Floats) -> Explained:
    """Explain n decisions of the price rule.

    Args:
        cost: (n, K) cents; column 0 (none) zero.
        score: (n, K) what was ranked, -inf where not eligible.
        budget_price: (n,) what each user's cent of cost must earn.
        unit_price: (n, K) price of one unit of each offer, for the user's segment.
    """
    users = np.arange(len(score))
    best = first_choice(score, cost)
    others = score.copy()
    others[users, best] = -np.inf
    second = others.argmax(axis=1)
    alone = np.isneginf(others[users, second])
    second = np.where(alone, 0, second)

    lead = score[users, best] - np.where(alone, np.nan, score[users, second])
    unit_second = unit_price[users, second]
    # Scores are straight lines in the price of the budget, so each offer meets the choice once, if ever.
    dearer = cost - cost[users, best][:, None]
    behind = score[users, best][:, None] - score
    meets = np.full(score.shape, np.nan)
    np.divide(-behind, dearer, out=meets, where=(dearer != 0) & np.isfinite(score))
    meets += budget_price[:, None]
    below, above = np.where(dearer > 0, meets, -np.inf), np.where(dearer < 0, meets, np.inf)
    below[np.isnan(below) | (below < 0)], above[np.isnan(above)] = -np.inf, np.inf
    low, high = below.max(axis=1), above.min(axis=1)
    # A cheaper coupon saves its cost and the price of that cost; where spending is paid for with more than it costs
    # (a segment far below its floor), a cheaper coupon is no better, and there is nothing to say.
    saves = 1.0 + budget_price
    slack = np.full(len(score), np.nan)
    np.divide(lead, saves, out=slack, where=saves > 0)
    cheaper = np.where(second > 0, cost[users, second] - slack, np.nan)
    at_unit = unit_second - lead
    return Explained(
        offer=best,
        runner_up=np.where(alone, -1, second),
        lead=lead,
        budget_price=budget_price,
        unit_price=unit_price[users, best],
        price_below=np.where(np.isfinite(low), low, np.nan),
        offer_below=np.where(np.isfinite(low), below.argmax(axis=1), -1),
        price_above=np.where(np.isfinite(high), high, np.nan),
        offer_above=np.where(np.isfinite(high), above.argmin(axis=1), -1),
        cost_below=np.where(cheaper >= 0, cheaper, np.nan),
        cost_above=np.where((second == 0) & ~alone, cost[users, best] + slack, np.nan),
        unit_below=np.where((unit_second > 0) & (at_unit >= 0), at_unit, np.nan),
    )
