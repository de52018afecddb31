"""Who the users are: latent traits that drive what they do, and the accounts that the tables show.

Traits are never written to the tables; they leave traces in behaviour. The four types of the uplift literature are
regions of the trait space: *persuadables* buy because of a coupon, *sure things* buy anyway, *lost causes* buy in
neither case, *sleeping dogs* are put off by being prodded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.calendar import DAY, Calendar
from pipelines.shop.catalogue import CATEGORIES
from pipelines.shop.offers import KINDS
from pipelines.shop.seeds import Bools, Floats, Ints, stream

TYPES = ("persuadable", "sure_thing", "lost_cause", "sleeping_dog")
TIERS = ("bronze", "silver", "gold")
CHANNELS = ("organic", "search", "social", "friend", "advert", "store")

_SHARE = np.array([0.36, 0.24, 0.26, 0.14])
_BUY_MEAN = np.array([-2.1, 0.15, -3.9, -0.8])  # log odds of buying in an ordinary week without a coupon
_BUY_SD = np.array([0.55, 0.5, 0.4, 0.45])
_PRICE = np.array([[8.0, 2.2], [1.6, 18.0], [2.0, 10.0], [1.6, 18.0]])  # Beta of price sensitivity
_REDEEM = np.array([0.95, 0.88, 0.7, 0.5])  # chance that a buyer with a usable coupon remembers it
_ACTIVITY = np.array([1.0, 1.35, 0.6, 0.95])


@dataclass
class Population:
    """Arrays over users. Other modules of the shop rewrite places, devices and registration of those they play.

    Traits: ``kind`` (index of TYPES), ``activity`` (visits a day), ``buy`` (log odds a week), ``price`` (sensitivity,
    0..1), ``reactance`` (log odds lost when prodded), ``taste`` (n, coupon kinds), ``redeem``, ``cancel``, ``refund``
    (probabilities), ``spend`` (lines a basket), ``premium`` (0..1), ``interest`` (n, categories), ``hour`` (habit),
    ``lapse`` (day of the last visit). Moments are microseconds. ``phone`` and ``identity`` name a person: two accounts
    with the same number are one person (-1: not verified). -1 in ``family``, ``ring`` or ``look_alike`` means none.
    """

    number: Ints
    kind: Ints
    activity: Floats
    buy: Floats
    price: Floats
    reactance: Floats
    taste: Floats
    redeem: Floats
    cancel: Floats
    refund: Floats
    spend: Floats
    premium: Floats
    interest: Floats
    hour: Floats
    lapse: Ints
    registered: Ints
    birthday: Ints
    tier: Ints
    channel: Ints
    phone: Ints
    identity: Ints
    western: Bools
    in_trial: Bools
    family: Ints
    ring: Ints
    look_alike: Ints

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def abusive(self) -> Bools:
        return self.family >= 0

    @property
    def kept(self) -> Floats:
        """Chance that a paid order is neither cancelled nor refunded."""
        return 1 - self.cancel - self.refund


def build_population(users: int, calendar: Calendar, seed: int) -> Population:
    """Draw the users; nobody abuses anything yet."""
    rng = stream(seed, "population")
    kind = rng.choice(4, users, p=_SHARE)
    price = rng.beta(_PRICE[kind, 0], _PRICE[kind, 1])
    buy = rng.normal(_BUY_MEAN[kind], _BUY_SD[kind])
    # Lognormal with a long right tail: the busiest 1 % make about a tenth of all visits.
    activity = np.clip(0.13 * _ACTIVITY[kind] * rng.lognormal(0, 0.95, users), 0.004, 4.0)
    worth = buy + 0.5 * np.log(activity / 0.13) + rng.normal(0, 0.8, users)
    tier = np.digitize(worth, np.quantile(worth, [0.6, 0.88]))
    is_new = rng.random(users) < 0.25
    age = np.where(is_new, 0, rng.gamma(1.3, 260 * DAY, users)).astype(np.int64)
    within = (rng.random(users) * calendar.days * DAY).astype(np.int64)
    years = rng.gamma(6, 5.5, users) + 16
    stays = np.where(kind == 2, rng.exponential(160, users), rng.exponential(900, users)) + 20
    return Population(
        number=rng.permutation(users).astype(np.int64),
        kind=kind,
        activity=activity,
        buy=buy,
        price=price,
        reactance=np.where(kind == 3, rng.gamma(9, 0.11, users), rng.gamma(1.2, 0.03, users)),
        taste=rng.lognormal(0, 0.55, (users, len(KINDS))),
        redeem=np.clip(_REDEEM[kind] + rng.normal(0, 0.03, users), 0.05, 0.99),
        cancel=rng.beta(1.5, 60, users),
        refund=rng.beta(1.5, 55, users),
        spend=rng.lognormal(0.2, 0.5, users),
        premium=rng.beta(3, 3, users) * np.where(kind == 0, 0.85, 1.0),
        interest=rng.dirichlet(np.full(len(CATEGORIES), 0.45), users),
        hour=np.mod(rng.choice([8.5, 12.5, 18.5, 21.5], users, p=[0.15, 0.2, 0.25, 0.4]) + rng.normal(0, 1, users), 24),
        lapse=(calendar.day_of(calendar.begin + within) * is_new + stays).astype(np.int64),
        registered=np.where(is_new, calendar.begin + within, calendar.begin - age - 7 * DAY),
        birthday=(calendar.begin - (years * 365.25 * DAY)).astype(np.int64) // DAY * DAY,
        tier=np.where(is_new, 0, tier),
        channel=rng.choice(len(CHANNELS), users, p=[0.3, 0.2, 0.2, 0.12, 0.13, 0.05]),
        phone=np.arange(users),
        identity=np.where(rng.random(users) < 0.35, np.arange(users), -1),
        western=rng.random(users) < 0.2,
        in_trial=np.ones(users, dtype=bool),
        family=np.full(users, -1),
        ring=np.full(users, -1),
        look_alike=np.full(users, -1),
    )
