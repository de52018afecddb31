"""The form of a change: every number of the rule and its named hubs, read with an error beside each wrong field."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from features.errors import InputError
from serving.console.formats import Formats
from serving.console.forms import Form
from serving.privacy import Hasher
from serving.review.rule_hubs import MOST, HubEntry, checked_entry
from serving.review.rules import FIELDS, HUBS, Field, Rule

MORE_HUBS = 3
"""Empty lines for new hubs."""
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")


@dataclass
class Draft:
    """What a form says: ``shown`` is what stands in its fields, ``errors`` what is wrong with which."""

    shown: dict[str, str]
    reason: str = ""
    kept: tuple[HubEntry, ...] = ()
    lines: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    rule: Rule | None = None


def typed(of: Field, value: Any) -> str:
    """A value as it stands in its field: cents as the currency's unit, everything else as it is."""
    return f"{Decimal(value) / 100:.2f}" if of.unit == "cents" else f"{value:g}" if of.unit == "share" else str(value)


def prefilled(rule: Rule, reason: str = "", asked: Form | None = None) -> Draft:
    """The form of a rule; numbers that the link names stand in place of the rule's."""
    shown = {of.name: typed(of, getattr(rule, of.name)) for of in FIELDS}
    if asked is not None:
        for of in FIELDS:
            wanted = asked.one(of.name)
            if _NUMBER.fullmatch(wanted):
                shown[of.name] = wanted
    return Draft(shown, reason, rule.hubs, [_EMPTY] * MORE_HUBS)


def read(form: Form, live: Rule, before: Rule, connection: Connection, hasher: Hasher, today: date) -> Draft:
    """The rule that a form asks for: ``before`` has the hubs whose boxes stand in it, ``live`` the numbers left out."""
    found = Draft({of.name: form.one(of.name) for of in FIELDS}, form.one("reason"))
    values: dict[str, Any] = {}
    for of in FIELDS:
        try:
            values[of.name] = _number(of, found.shown[of.name])
        except InputError as error:
            found.errors[of.name] = error.expected
    if not 3 <= len(found.reason) <= 500:
        found.errors["reason"] = "3–500"
    gone = set(form.many("hub_gone"))
    found.kept = before.hubs
    hubs = [entry for entry in before.hubs if f"{entry.kind}:{entry.value}" not in gone]
    for n in range(MORE_HUBS):
        line = {name: form.one(f"hub_{name}_{n}") for name in ("kind", "value", "name", "until")}
        found.lines.append(line)
        if not line["value"] and not line["name"]:
            continue
        try:
            hubs.append(checked_entry(connection, hasher, line, today))
        except InputError as error:
            found.errors[f"{error.field}_{n}"] = error.expected
    if len(hubs) > MOST:
        found.errors["hub_value_0"] = f"≤ {MOST}"
    if found.errors:
        return found
    unique = {(entry.kind, entry.value): entry for entry in hubs}
    try:
        found.rule = live.over({**values, HUBS: [entry.data() for entry in sorted(unique.values())]})
    except InputError as error:
        found.errors[error.field] = error.expected
    return found


_EMPTY = {"kind": "device", "value": "", "name": "", "until": ""}


def bounds(of: Field, fmt: Formats) -> str:
    """The range of a field in words."""
    if of.unit == "cents":
        return f"{fmt.money(of.least)} – {fmt.money(of.most)}"
    return f"{of.least:g} – {fmt.number(of.most)}"


def _number(of: Field, text: str) -> float | int:
    if not _NUMBER.fullmatch(text):
        raise InputError(of.name, text[:40], _range(of))
    exact = Decimal(text) * (100 if of.unit == "cents" else 1)
    if of.unit != "share" and exact != exact.to_integral_value():
        raise InputError(of.name, text[:40], _range(of))
    value = float(exact) if of.unit == "share" else int(exact)
    if not of.least <= value <= of.most:
        raise InputError(of.name, text[:40], _range(of))
    return value


def _range(of: Field) -> str:
    by = 100 if of.unit == "cents" else 1
    return f"{of.least / by:g} – {of.most / by:,.10g}"
