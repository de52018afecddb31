"""Whether a JSON schema still takes what callers send, and still promises what they were answered.

Callers send: everything that fitted the old schema must fit the new one. Callers are answered: everything that fits the
new schema must have fitted the old one, except that a word added to an enumeration, or a wider range, is only a notice.
What cannot be judged (a changed pattern) counts as breaking.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Named = tuple[str, Schema]  # the name is empty for a schema that is not shared
ANYTHING = "anything"
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_EXACT = ("pattern", "format", "multipleOf", "uniqueItems", "contentEncoding", "prefixItems")
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Change:
    """One line about one place; a change that is not ``breaking`` is a notice."""

    where: str
    what: str
    breaking: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def resolve(document: Schema, node: Schema) -> Schema:
    """The node, or what its local ``$ref`` leads to."""
    while "$ref" in node:
        found: Any = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def default(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    """What a left-out value means: a request that is sent unchanged must mean the same."""
    was, now = old.get("default"), new.get("default")
    if was != now:
        yield Change(where, f"default {_show(was)} → {_show(now)}")


class Schemas:
    """Compares schemas of two documents; shared ones are compared once for each direction."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._known: dict[tuple[str, str, bool], list[Change]] = {}

    def compare(self, old: Schema, new: Schema, where: str, sent: bool) -> list[Change]:
        """Changes from ``old`` to ``new`` for what callers send (``sent``) or are answered."""
        olds, news = list(_alternatives(self._old, old)), list(_alternatives(self._new, new))
        ours, theirs = (olds, news) if sent else (news, olds)
        return [change for one in ours for change in self._alternative(one, ours, theirs, where, sent)]

    def _alternative(self, one: Named, ours: list[Named], theirs: list[Named], where: str, sent: bool) -> list[Change]:
        """Nothing when one of theirs takes all of ``one``; else what keeps its counterpart from doing so."""
        name, kind = one[0], _kind(one[1])
        taken = {other for other, _ in ours if other}  # their namesakes are meant for others of ours
        trials = []
        # What is answered under a name must keep what that name promised, even if another alternative promised less.
        namesakes = [] if sent else [other for other in theirs if name and other[0] == name]
        for other in namesakes or theirs:
            if _covers(_kind(other[1]), kind):
                changes = self._single(*((one, other) if sent else (other, one)), where, sent)
                if not any(change.breaking for change in changes):
                    return changes
                if other[0] == name or other[0] not in taken:
                    trials.append((other[0] != name, len(changes), changes))
        if trials:
            return min(trials, key=lambda trial: trial[:2])[2]
        return [Change(where, f"no longer takes {name or kind}" if sent else f"may now be {name or kind}")]

    def _single(self, old: Named, new: Named, where: str, sent: bool) -> list[Change]:
        key = (old[0], new[0], sent)
        if not all(key[:2]):
            return list(self._same_kind(old[1], new[1], where, sent))
        if key not in self._known:
            self._known[key] = []  # a schema that holds itself is taken to fit while it is being compared
            shared = f"{old[0]} ({'sent' if sent else 'answered'})"
            self._known[key] = list(self._same_kind(old[1], new[1], shared, sent))
        return self._known[key]

    def _same_kind(self, old: Schema, new: Schema, where: str, sent: bool) -> Iterator[Change]:
        if ANYTHING in (_kind(old), _kind(new)):
            return
        yield from _values(old, new, where, sent)
        yield from _bounds(old, new, where, sent)
        if _kind(old) == "object":
            yield from self._object(old, new, where, sent)
        if _kind(old) == "array":
            yield from self.compare(old.get("items", {}), new.get("items", {}), f"{where}[]", sent)

    def _object(self, old: Schema, new: Schema, where: str, sent: bool) -> Iterator[Change]:
        were, are = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in were:
            if name not in are:
                yield Change(f"{where}.{name}", "field removed")
            else:
                yield from self.compare(were[name], are[name], f"{where}.{name}", sent)
                if sent and name not in needed:
                    yield from default(were[name], are[name], f"{where}.{name}")
        for name in sorted(needs - needed if sent else (needed - needs) & are.keys()):
            yield Change(f"{where}.{name}", "newly required" if sent else "may be missing now")
        rest, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(rest, dict) and isinstance(now, dict):
            yield from self.compare(rest, now, f"{where}.*", sent)
        elif sent and rest is not False and now is not True:
            yield Change(where, "other fields are no longer taken")
        elif not sent and isinstance(rest, dict) and now is True:
            yield Change(where, f"other fields may now be {ANYTHING}")


def _alternatives(document: Schema, schema: Schema) -> Iterator[Named]:
    """The schemas of one type each that a schema allows, with the name of a shared one."""
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    schema = resolve(document, schema)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        for option in options:
            yield from _alternatives(document, option)
        return
    if "allOf" in schema:
        schema = _merged(document, schema)
    if isinstance(schema.get("type"), list):
        yield from ((name, {**schema, "type": kind}) for kind in schema["type"])
        return
    yield name, schema


def _merged(document: Schema, schema: Schema) -> Schema:
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        for _, found in _alternatives(document, part):
            properties = {**merged.get("properties", {}), **found.get("properties", {})}
            required = [*merged.get("required", ()), *found.get("required", ())]
            merged |= {**found, **({"properties": properties, "required": required} if properties else {})}
    return merged


def _kind(schema: Schema) -> str:
    """The JSON type, said or implied."""
    if "type" in schema:
        return str(schema["type"])
    values = _words(schema)
    if values:
        return _JSON_TYPES.get(type(json.loads(values[0])), "null")
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else ANYTHING


def _covers(wider: str, kind: str) -> bool:
    return wider in (kind, ANYTHING) or (wider, kind) == ("number", "integer")


def _words(schema: Schema) -> list[str]:
    """The values of an enumeration as JSON; none when any value goes."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return [_show(value) for value in values]


def _values(old: Schema, new: Schema, where: str, sent: bool) -> Iterator[Change]:
    were, are = _words(old), _words(new)
    if sent and are and not were:
        yield Change(where, f"only takes {', '.join(are)} now")
    elif sent and are:
        yield from (Change(where, f"no longer takes {word}") for word in were if word not in are)
    elif not sent and were and not are:
        yield Change(where, f"may now be more than {', '.join(were)}")
    elif not sent and were:
        yield from (Change(where, f"may now be {word}", breaking=False) for word in are if word not in were)


def _bounds(old: Schema, new: Schema, where: str, sent: bool) -> Iterator[Change]:
    # What callers send breaks when the new schema is narrower; what they are answered changes when it is wider.
    wide, narrow = (old, new) if sent else (new, old)
    for names, sign in ((_UPPER, 1), (_LOWER, -1)):
        for name in names:
            bound, free = narrow.get(name), wide.get(name)
            vacuous = bound == 0 and name in ("minLength", "minItems", "minProperties")
            if bound is not None and not vacuous and (free is None or sign * free > sign * bound):
                yield Change(where, f"{name} {_show(old.get(name))} → {_show(new.get(name))}", breaking=sent)
    for name in _EXACT:
        was, now = old.get(name), new.get(name)
        if was != now and narrow.get(name) not in (None, False):
            yield Change(where, f"{name} {_show(was)} → {_show(now)}", breaking=sent or name == "format")


def _show(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
