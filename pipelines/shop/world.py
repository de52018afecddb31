"""The shop as it stands before anybody visits: everything that holds for the whole period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.errors import InputError
from pipelines.shop.attacks import Script, plant_attacks
from pipelines.shop.baskets import Menu, build_menu
from pipelines.shop.calendar import Calendar
from pipelines.shop.catalogue import Catalogue
from pipelines.shop.lookalikes import plant_lookalikes
from pipelines.shop.network import Network, build_network
from pipelines.shop.newcomers import Newcomers, build_newcomers
from pipelines.shop.population import Population, build_population
from pipelines.shop.rows import Names
from pipelines.shop.seeds import Ints, stream
from pipelines.shop.stage import Stage

BLOCK = 2000
LEAST_USERS, LEAST_DAYS = 200, 28


@dataclass(frozen=True)
class Shop:
    """A function of users, days and seed. Users are played in blocks of ``BLOCK``."""

    users: int
    days: int
    seed: int
    calendar: Calendar
    catalogue: Catalogue
    people: Population
    network: Network
    newcomers: Newcomers
    script: Script
    names: Names

    @classmethod
    def open(cls, users: int, days: int, seed: int) -> Shop:
        if users < LEAST_USERS:
            raise InputError("users", users, f"at least {LEAST_USERS}, so that every group has members")
        if days < LEAST_DAYS:
            raise InputError("days", days, f"at least {LEAST_DAYS}, so that the trial has closed windows")
        if seed < 0:
            raise InputError("seed", seed, "a number from 0")
        calendar = Calendar.of(days)
        catalogue = Catalogue.build(seed)
        people = build_population(users, calendar, seed)
        network = build_network(people, calendar, seed)
        newcomers = build_newcomers(people, network, calendar, seed)
        rng = stream(seed, "scenes")
        stage = Stage(people, network, newcomers, calendar, rng, rng.permutation(users))
        script = plant_attacks(stage, catalogue)
        plant_lookalikes(stage)
        names = Names.of(people, network, catalogue, seed)
        return cls(users, days, seed, calendar, catalogue, people, network, newcomers, script, names)

    @property
    def blocks(self) -> int:
        return -(-self.users // BLOCK)

    def members(self, block: int) -> Ints:
        return np.arange(block * BLOCK, min((block + 1) * BLOCK, self.users))

    def menu(self, block: int) -> Menu:
        return build_menu(self.people, self.members(block), self.catalogue, self.seed, block)
