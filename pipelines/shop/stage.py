"""Where look-alikes and rings are played: the users without a part yet, and what a scene may change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.calendar import DAY, Calendar
from pipelines.shop.network import Network
from pipelines.shop.newcomers import Newcomers
from pipelines.shop.population import Population
from pipelines.shop.seeds import Ints

CLAIMING = 0.85


@dataclass
class Stage:
    """What a scene is played with; ``free`` are users without a part yet, in random order."""

    people: Population
    network: Network
    newcomers: Newcomers
    calendar: Calendar
    rng: np.random.Generator
    free: Ints

    def cast(self, count: int) -> Ints:
        """Take so many users who have no part."""
        taken, self.free = self.free[:count], self.free[count:]
        return taken

    def moments(self, count: int, low: float = 0.02, high: float = 0.97) -> Ints:
        """Random moments of the period."""
        span = self.calendar.days * DAY
        return self.calendar.begin + (self.rng.uniform(low, high, count) * span).astype(np.int64)

    def arrive(self, members: Ints, at: Ints, claiming: float = CLAIMING) -> None:
        self.newcomers.arrive(self.people, self.network, members, at, claiming, self.rng)

    def some(self, members: Ints, share: float) -> Ints:
        """About that share of the members, at least one."""
        picked = members[self.rng.random(len(members)) < share]
        return picked if len(picked) else members[:1]
