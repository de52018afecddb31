"""From effects to a decision: the price rule, a user-level holdout, exploration, and exact probabilities.

The batch flow and the scoring service call :func:`choose` with the same policy, so one user's decision is the same
in a table of a million and alone. All chance comes from keyed hashes (BLAKE2b, RFC 7693) of the policy's salt and the
ids, none from a generator: a decision can be recomputed from its log line.

Order of what happens to a decision: a withheld user (abuse risk) may only get ``none``; a holdout user gets ``none``;
with probability ``exploration`` the offer is drawn evenly from the eligible ones (``none`` among them); otherwise the
price rule decides.

**What a probability means here.** ``probabilities[i, a]`` is the chance of offer ``a`` for decision ``i`` over all
that the hashes decide: the holdout (so ``none`` has at least the holdout's share for everyone, holdout member or not)
and the decision's draw. It is the weight that an inverse-propensity estimate over the whole log needs. Since the
holdout is drawn once per user, such estimates cluster by user. The lot that splits users who tie at the price is a
fixed fact of the user, not chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.price import Bools, Floats, Ints, best_offer, mask, offers, pick
from models.policy.price import Price as Price

NONE = "none"
#: Why an offer was chosen, in the order of ``Assigned.reason``.
REASONS = ("best", "no_gain", "explored", "holdout", "withheld", "nothing_eligible")
BEST, NO_GAIN, EXPLORED, HOLDOUT, WITHHELD, NOTHING_ELIGIBLE = range(len(REASONS))


@dataclass(frozen=True)
class Policy:
    """Everything that decides, as plain values that fit in a registry artefact's JSON spec.

    ``arms`` are the offers in the order of the effect columns, ``none`` first; ``exploration`` the share of decisions
    drawn evenly; ``holdout`` the share of users who never get an offer; ``salt`` keys all hashes (keep it to keep the
    same users in the holdout under the next policy).
    """

    arms: tuple[str, ...]
    price: Price
    exploration: float
    holdout: float
    salt: str
    version: str = ""
    uplift_version: str = ""
    budget_cents: int = 0

    def __post_init__(self) -> None:
        if not self.arms or self.arms[0] != NONE or len(set(self.arms)) != len(self.arms):
            raise InputError("arms", self.arms, f"distinct offers, the first of them {NONE!r}")
        if not 0 <= self.exploration <= 1:
            raise InputError("exploration", self.exploration, "a share between 0 and 1")
        if not 0 <= self.holdout < 1:
            raise InputError("holdout", self.holdout, "a share from 0 to less than 1")

    def to_spec(self) -> dict[str, Any]:
        """The policy as JSON values."""
        return {**asdict(self), "kind": "policy", "arms": list(self.arms)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Policy:
        """The policy of an artefact's spec; other keys of the spec are left alone."""
        try:
            return cls(
                arms=tuple(spec["arms"]),
                price=Price(**spec["price"]),
                exploration=float(spec["exploration"]),
                holdout=float(spec["holdout"]),
                salt=str(spec["salt"]),
                version=str(spec.get("version", "")),
                uplift_version=str(spec.get("uplift_version", "")),
                budget_cents=int(spec.get("budget_cents", 0)),
            )
        except (KeyError, TypeError) as error:
            raise InputError("policy spec", spec, f"the keys that Policy.to_spec writes ({error})") from error


@dataclass(frozen=True)
class Assigned:
    """Decisions of n users over K arms.

    ``offer`` (n,) index into the arms; ``propensity`` (n,) probability of that offer, > 0; ``holdout`` and ``explored``
    (n,) booleans; ``probabilities`` (n, K), rows sum to 1; ``score`` (n, K) ``value - price * cost``, -inf where not
    eligible; ``reason`` (n,) index into :data:`REASONS`.
    """

    offer: Ints
    propensity: Floats
    holdout: Bools
    explored: Bools
    probabilities: Floats
    score: Floats
    reason: NDArray[np.int8]

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

    Raises:
        InputError: for shapes that do not fit or numbers that are not finite.
    """
    arms = len(policy.arms)
    allowed = _allowed(eligible, withhold, np.shape(value))
    values, costs = offers(value, cost, allowed)
    users = len(values)
    if values.shape[1] != arms:
        raise InputError("value", values.shape, f"{arms} columns, one per arm of the policy")
    if len(user_ids) != users or len(keys) != users:
        raise InputError("user_ids, keys", (len(user_ids), len(keys)), f"{users} of each, one per row of value")

    place, lot = _user_draws(policy.salt, user_ids)
    coin, pointer = _decision_draws(policy.salt, user_ids, keys)
    price = policy.price.paid_by(lot)
    best = best_offer(values, costs, price)
    choices = allowed.sum(axis=1)
    drawn = _nth_eligible(allowed, np.minimum((pointer * choices).astype(np.intp), choices - 1))

    held = place < policy.holdout
    explored = ~held & (coin < policy.exploration)
    offer = np.where(held, 0, np.where(explored, drawn, best))
    probabilities = _probabilities(policy, allowed, choices, best)
    withheld = np.zeros(users, dtype=np.bool_) if withhold is None else np.asarray(withhold)
    reason = np.select(
        [withheld, choices == 1, held, explored, best == 0],
        [WITHHELD, NOTHING_ELIGIBLE, HOLDOUT, EXPLORED, NO_GAIN],
        BEST,
    )
    return Assigned(
        offer=offer,
        propensity=pick(probabilities, offer),
        holdout=held,
        explored=explored,
        probabilities=probabilities,
        score=np.where(allowed, values - price[:, None] * costs, -math.inf),
        reason=reason.astype(np.int8),
    )


def lots(salt: str, user_ids: Sequence[str]) -> Floats:
    """The lots (n,) in [0, 1) that :func:`choose` uses for these users; hand them to ``knapsack.allocate``."""
    return _user_draws(salt, user_ids)[1]


def in_holdout(policy: Policy, user_ids: Sequence[str]) -> Bools:
    """Which users (n,) the holdout keeps from every offer."""
    return _user_draws(policy.salt, user_ids)[0] < policy.holdout


def probabilities(
    policy: Policy, value: ArrayLike, cost: ArrayLike, user_ids: Sequence[str], eligible: ArrayLike | None = None
) -> Floats:
    """Chance (n, K) of each arm under the policy, for off-policy evaluation: needs no decision keys."""
    allowed = _allowed(eligible, None, np.shape(value))
    values, costs = offers(value, cost, allowed)
    best = best_offer(values, costs, policy.price.paid_by(lots(policy.salt, user_ids)))
    return _probabilities(policy, allowed, allowed.sum(axis=1), best)


def _allowed(eligible: ArrayLike | None, withhold: ArrayLike | None, shape: tuple[int, ...]) -> Bools:
    if len(shape) != 2:
        raise InputError("value", shape, "shape (users, offers)")
    given = mask("eligible", eligible, shape)
    withheld = mask("withhold", withhold, shape[:1])
    allowed = np.ones(shape, dtype=np.bool_) if given is None else given.copy()
    if withheld is not None:
        allowed[withheld] = False
    allowed[:, 0] = True
    return allowed


def _probabilities(policy: Policy, allowed: Bools, choices: NDArray[Any], best: Ints) -> Floats:
    treated = 1 - policy.holdout
    chance = allowed * (treated * policy.exploration / choices)[:, None]
    chance[np.arange(len(best)), best] += treated * (1 - policy.exploration)
    chance[:, 0] += policy.holdout
    chance[choices == 1, 0] = 1.0  # certain, whatever the sum above rounds to
    return chance


def _nth_eligible(allowed: Bools, nth: Ints) -> Ints:
    """The column of the nth (from 0) eligible offer of every row."""
    return (allowed.cumsum(axis=1) > nth[:, None]).argmax(axis=1)


def _user_draws(salt: str, user_ids: Sequence[str]) -> tuple[Floats, Floats]:
    """Two uniform numbers per user: its place for the holdout and its lot."""
    hashed = _keyed(salt, b"fairdeal-user")
    return _uniform([_digest(hashed, user.encode()) for user in user_ids])


def _decision_draws(salt: str, user_ids: Sequence[str], keys: Sequence[str]) -> tuple[Floats, Floats]:
    """Two uniform numbers per decision: whether to explore, and which eligible offer."""
    hashed = _keyed(salt, b"fairdeal-draw")
    # The length in front keeps ("ab", "c") and ("a", "bc") apart.
    return _uniform(
        [
            _digest(hashed, b"%d:%s%s" % (len(user), user.encode(), key.encode()))
            for user, key in zip(user_ids, keys, strict=True)
        ]
    )


def _keyed(salt: str, purpose: bytes) -> blake2b:
    key = blake2b(salt.encode()).digest()  # any length of salt becomes a key of 64 bytes
    return blake2b(key=key, person=purpose, digest_size=16)


def _digest(hashed: blake2b, message: bytes) -> bytes:
    one = hashed.copy()
    one.update(message)
    return one.digest()


def _uniform(digests: list[bytes]) -> tuple[Floats, Floats]:
    """Two numbers in [0, 1) with 53 random bits each, from digests of 16 bytes."""
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2) >> np.uint64(11)
    numbers = words.astype(np.float64) * 2.0**-53
    return numbers[:, 0].copy(), numbers[:, 1].copy()
