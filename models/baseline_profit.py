"""What a decision would have earned apart from its offer: the nuisance that makes estimates of a policy narrow.

Profit less the believed effect of the offer taken is regressed on the features, cross-fitted by user so that no
decision's own outcome (nor that of the same user at another time) enters its prediction. With known propensities
every such model leaves doubly robust estimates unbiased; a good one makes their intervals narrower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import codes

Floats = NDArray[np.float64]

# Shallow and slow on purpose: order margins are heavy-tailed and library defaults overfit them.
SHAPE = {"num_leaves": 8, "learning_rate": 0.08, "lambda_l2": 10.0, "verbosity": -1, "num_threads": 1}
ROUNDS = 60


def baseline_profit(
    X: Floats, profit: ArrayLike, effect_taken: ArrayLike, user: ArrayLike, folds: int = 2, seed: int = 0
) -> Floats:
    """Predicted profit (n,) without an offer for each decision, from a model that has not seen its user.

    Args:
        X: (n, d) features at the moment of decision, NaN for missing.
        profit: (n,) what the decision earned, in cents.
        effect_taken: (n,) effect on profit that a model trained on other decisions gives the offer taken.
        user: (n,) user of each decision.
        folds: parts the users are split into.
        seed: of that split.
    """
    import lightgbm

    cluster = codes(user, len(X))
    assert cluster is not None
    users = int(cluster.max()) + 1 if len(cluster) else 0
    if users < folds or folds < 2:
        raise InputError("user", f"{users} users", f"at least as many users as folds, {folds}, and two folds")
    target = np.asarray(profit, dtype=np.float64) - np.asarray(effect_taken, dtype=np.float64)
    fold = np.random.default_rng(seed).permutation(users)[cluster] % folds
    predicted = np.empty(len(X))
    for held in range(folds):
        rest = fold != held
        leaf = max(20, int(rest.sum()) // 50)
        data = lightgbm.Dataset(X[rest], target[rest], params={"verbosity": -1, "min_data_in_leaf": leaf})
        model = lightgbm.train(
            {**SHAPE, "objective": "regression", "min_data_in_leaf": leaf, "seed": seed}, data, num_boost_round=ROUNDS
        )
        predicted[~rest] = model.predict(X[~rest], num_threads=1)
    return predicted
