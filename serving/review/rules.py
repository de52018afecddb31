"""The abuse rule of an installation: thresholds, limits and named hubs; the settings with what was promoted over them.

A rule is a value. What people promote at the console (``rule_work``) is kept in the ledger as the fields that differ
from the settings, and read where the rule acts: the flow that flags abusers, the backtest, and the gate of every claim
and order. All amounts are cents, all shares lie in (0, 1].
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from features.errors import InputError
from serving.people.checks import Checks
from serving.review.rule_hubs import HubEntry, entry_from_data
from serving.settings import Settings
from serving.store.rows import Prepared
from serving.store.schema_rules import rules_acting

LIVE = "live"
"""The place of the rule that acts; a rule in shadow has the id of its change for a place."""
HUBS = "hubs"


@dataclass(frozen=True, slots=True)
class Field:
    """A number of the rule with its least and largest value; ``unit`` is ``share``, ``cents`` or ``count``."""

    name: str
    unit: str
    least: float
    most: float


FIELDS = (
    Field("review", "share", 0.01, 1.0),
    Field("automatic", "share", 0.01, 1.0),
    Field("large_order_cents", "cents", 1, 100_000_000_00),
    Field("orders_in_a_row", "count", 1, 1000),
    Field("orders_within_minutes", "count", 1, 1440),
    Field("device_accounts", "count", 2, 1000),
    Field("ip_claims_per_minute", "count", 1, 100_000),
    Field("capped_per_day", "count", 1, 1000),
)
THRESHOLDS = ("review", "automatic")
LIMITS = tuple(field.name for field in FIELDS if field.name not in THRESHOLDS)


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds, limits and hubs that make no link."""

    review: float
    automatic: float
    large_order_cents: int
    orders_in_a_row: int
    orders_within_minutes: int
    device_accounts: int
    ip_claims_per_minute: int
    capped_per_day: int
    hubs: tuple[HubEntry, ...] = ()

    def __post_init__(self) -> None:
        for field in FIELDS:
            value = getattr(self, field.name)
            if not field.least <= value <= field.most:
                raise InputError(field.name, value, f"from {field.least} to {field.most}")
        if self.review > self.automatic:
            raise InputError("automatic", self.automatic, f"at least the review threshold, {self.review}")

    @property
    def checks(self) -> Checks:
        return Checks(
            self.large_order_cents,
            self.orders_in_a_row,
            timedelta(minutes=self.orders_within_minutes),
            self.device_accounts,
            ip_claims_per_minute=self.ip_claims_per_minute,
        )

    @property
    def digest(self) -> str:
        """Names exactly this rule."""
        return hashlib.sha256(json.dumps(self.data(), sort_keys=True).encode()).hexdigest()[:24]

    def data(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        found[HUBS] = [entry.data() for entry in self.hubs]
        return found

    def over(self, fields: Mapping[str, Any]) -> Rule:
        """This rule with some of its fields replaced, as JSON has them; raises ``InputError`` for what cannot be."""
        unknown = fields.keys() - {field.name for field in FIELDS} - {HUBS}
        if unknown:
            raise InputError("rule", sorted(unknown), "known fields")
        values = dict(fields)
        if HUBS in values:
            values[HUBS] = tuple(entry_from_data(entry) for entry in values[HUBS])
        return replace(self, **values)

    def settings(self, settings: Settings) -> Settings:
        """The settings as they would be if they said this rule; hubs are none of them."""
        risk = settings.risk.model_copy(update={name: getattr(self, name) for name in THRESHOLDS})
        checks = settings.checks.model_copy(update={name: getattr(self, name) for name in LIMITS})
        return settings.model_copy(update={"risk": risk, "checks": checks})


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that two rules say differently: ``field`` is a name of FIELDS, or ``hubs`` with the entry's words."""

    field: str
    before: Any
    after: Any


def rule_of(settings: Settings) -> Rule:
    """What the settings say."""
    limits = {name: getattr(settings.checks, name) for name in LIMITS}
    return Rule(settings.risk.review, settings.risk.automatic, **limits)


def rule_from_data(data: Mapping[str, Any]) -> Rule:
    """The rule that ``Rule.data`` wrote."""
    values = dict(data)
    return Rule(**{**values, HUBS: tuple(entry_from_data(entry) for entry in values.get(HUBS, ()))})


def fields_between(before: Rule, after: Rule) -> dict[str, Any]:
    """The fields (as JSON) that make ``after`` out of ``before``."""
    old, new = before.data(), after.data()
    return {name: value for name, value in new.items() if value != old[name]}


def differences(before: Rule, after: Rule) -> list[Difference]:
    """Old and new value of each field that differs; of hubs, the entries that come (before is None) and go."""
    found = [
        Difference(field.name, getattr(before, field.name), getattr(after, field.name))
        for field in FIELDS
        if getattr(before, field.name) != getattr(after, field.name)
    ]
    found += [Difference(HUBS, entry.data(), None) for entry in before.hubs if entry not in after.hubs]
    found += [Difference(HUBS, None, entry.data()) for entry in after.hubs if entry not in before.hubs]
    return found


# -- what acts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acting:
    """The promoted fields, and those of each change in shadow with its id; read inside every claim and order."""

    live: Mapping[str, Any]
    shadows: tuple[tuple[str, Mapping[str, Any]], ...] = ()


_NOTHING = Acting({})
Rows = tuple[tuple[str, str], ...]
"""(place, fields as JSON) of what acts."""
_ACTING = Prepared(select(rules_acting.c.place, rules_acting.c.fields).order_by(rules_acting.c.place))


def acting(connection: Connection) -> Acting:
    """What is promoted and what is in shadow: one short read of a table with a row for each."""
    return read_acting(acting_rows(connection))


def acting_rows(connection: Connection) -> Rows:
    """The rows themselves, for who keeps what he made of them."""
    return tuple(_ACTING.all(connection, {}))


@lru_cache(maxsize=64)
def read_acting(rows: Rows) -> Acting:
    """What the rows say; read once for as long as nothing is promoted."""
    if not rows:
        return _NOTHING
    found = {place: json.loads(fields) for place, fields in rows}
    return Acting(found.pop(LIVE, {}), tuple(found.items()))


def live_rule(connection: Connection, settings: Settings) -> Rule:
    """The rule that acts: the settings with the promoted change over them."""
    return rule_of(settings).over(acting(connection).live)


def shadow_rules(connection: Connection, settings: Settings) -> dict[str, Rule]:
    """The rules in shadow by the id of their change: the live one with the change over it."""
    found = acting(connection)
    live = rule_of(settings).over(found.live)
    return {change_id: live.over(fields) for change_id, fields in found.shadows}
