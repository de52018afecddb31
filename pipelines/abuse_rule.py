"""The rule that acts in an installation: guard rails and costs of actions, and the hubs that a lead has named.

The settings say it, and what was promoted at the console says it over them. Flows read it from the ledger when they
begin; an installation without a ledger has its settings only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import ibis
import pandas as pd
from ibis.expr.types import Table
from sqlalchemy import Connection, inspect

from models.abuse.decision.actions import ALLOW, Decider, Remedy, Thresholds
from models.abuse.decision.budgets import Caps
from serving.privacy import Hasher
from serving.review.rule_hubs import KINDS, HubEntry, Listed
from serving.review.rules import Rule, live_rule, rule_of, shadow_rules
from serving.risk_settings import Risk
from serving.settings import Settings
from serving.store.engine import database_file, is_sqlite, reader_engine
from serving.store.schema_rules import rules_acting

T = TypeVar("T")
_COLUMNS = {"device": "device_id", "ip": "ip", "address": "address"}
_ACTIVITY = ("coupons", "orders", "events")


def decider_of(risk: Risk) -> Decider:
    """How probabilities become actions here."""
    remedies = {name: Remedy(**of) for name, of in risk.costs.model_dump().items()}
    return Decider(
        Thresholds(risk.review, risk.automatic), {ALLOW: Remedy(1.0, 0.0, 0.0), **remedies}, risk.review_price_cents
    )


def caps_of(risk: Risk) -> Caps:
    """Most that may happen to innocent look-alikes here."""
    return Caps(risk.look_alikes.automatic, risk.look_alikes.review)


def standing_rule(settings: Settings) -> Rule:
    """The rule that acts now: the settings with the promoted change over them."""
    return _from_ledger(settings, lambda connection: live_rule(connection, settings)) or rule_of(settings)


def rules_in_shadow(settings: Settings) -> dict[str, Rule]:
    """Rules that are weighed beside the standing one, by the id of their change."""
    return _from_ledger(settings, lambda connection: shadow_rules(connection, settings)) or {}


def decider_for(rule: Rule, settings: Settings) -> Decider:
    """How probabilities become actions under a rule; costs are those of the settings."""
    return decider_of(rule.settings(settings).risk)


def without_hubs(
    con: Any, tables: Mapping[str, Table], hubs: Sequence[HubEntry], key: str, today: date
) -> dict[str, Table]:
    """The tables of a shop as if nobody had been seen on the things that are named as hubs on the day ``today``.

    Their values are emptied in claims, orders and events, before any link is made of them, so they link nobody and are
    evidence of nothing. ``key`` is that of identifiers (``risk.key``).
    """
    listed, found = Listed(hubs, Hasher(key), today), dict(tables)
    for kind in (kind for kind in KINDS if listed.asks(kind)):
        column = _COLUMNS[kind]
        having = [name for name in _ACTIVITY if name in found and column in found[name].columns]
        values = {value for name in having for value in _distinct(con, found[name], column)}
        gone = sorted(value for value in values if listed(kind, value))
        if not gone:
            continue
        name = f"hubs_{kind}"
        con.create_table(name, pd.DataFrame({"hub_value": gone}), overwrite=True, temp=True)
        hub = con.table(name)
        for table in having:
            text = found[table][column].cast("string")
            emptied = ibis.ifelse(text.isin(hub.hub_value), ibis.null("string"), text)
            found[table] = found[table].mutate(**{column: emptied})
    return found


def _distinct(con: Any, table: Table, column: str) -> list[str]:
    values = table.select(value=table[column].cast("string")).distinct()
    return [value for value in con.to_pandas(values)["value"] if isinstance(value, str)]


def _from_ledger(settings: Settings, query: Callable[[Connection], T]) -> T | None:
    """What the ledger says; None where there is none yet, or one of an older schema."""
    url = settings.ledger_url
    if is_sqlite(url) and not database_file(url).exists():
        return None
    engine = reader_engine(url)
    try:
        if not inspect(engine).has_table(rules_acting.name):
            return None
        with engine.begin() as connection:
            return query(connection)
    finally:
        engine.dispose()
