"""What changed between two OpenAPI documents that callers of the old one would notice.

Own code: what the package index offers looks at fields and types but not at ranges, patterns, alternatives and the
difference between what is sent and what is answered. Additions are not listed; the documents just differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serving.openapi.describe import operations
from serving.openapi.schemas import Change, Schema, Schemas, default, resolve


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Breaking changes first, then notices, each once, in the order of the old document."""
    found = dict.fromkeys(_Documents(old, new).changes())
    return sorted(found, key=lambda change: not change.breaking)


class _Documents:
    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._old = old
        self._new = new
        self._schemas = Schemas(old, new)

    def changes(self) -> Iterator[Change]:
        yield from self._schemes()
        present = {(path, method): operation for path, method, operation in operations(self._new)}
        for path, method, operation in operations(self._old):
            where = f"{method.upper()} {path}"
            if (path, method) in present:
                yield from self._operation(operation, present[path, method], where)
            elif path in self._new.get("paths", {}):
                yield Change(where, "method removed")
            else:
                yield Change(where, "path removed")

    def _schemes(self) -> Iterator[Change]:
        were, are = (document.get("components", {}).get("securitySchemes", {}) for document in (self._old, self._new))
        for name, scheme in were.items():
            if name not in are:
                yield Change(f"security scheme {name}", "removed")
            elif _plain(scheme) != _plain(are[name]):
                yield Change(f"security scheme {name}", "changed")

    def _operation(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        was = _security(self._old, old)
        now = _security(self._new, new)
        if was != now:
            yield Change(where, f"security changed from {was} to {now}")
        if old.get("operationId") != new.get("operationId"):
            said = f"operationId {old.get('operationId')} → {new.get('operationId')}"
            yield Change(where, said, breaking=False)  # generated clients name their methods by it
        yield from self._parameters(old, new, where)
        yield from self._body(old, new, where)
        yield from self._responses(old, new, where)

    def _parameters(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        were, are = _parameters(self._old, old), _parameters(self._new, new)
        for key, parameter in were.items():
            place = f"{where} {key[0]} parameter {key[1]}"
            if key not in are:
                yield Change(place, "removed")
                continue
            if are[key].get("required") and not parameter.get("required"):
                yield Change(place, "newly required")
            was, now = parameter.get("schema", {}), are[key].get("schema", {})
            yield from self._schemas.compare(was, now, place, sent=True)
            if not parameter.get("required"):
                yield from default(was, now, place)
        for key, parameter in are.items():
            if key not in were and parameter.get("required"):
                yield Change(f"{where} {key[0]} parameter {key[1]}", "new and required")

    def _body(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        was = resolve(self._old, old.get("requestBody", {}))
        now = resolve(self._new, new.get("requestBody", {}))
        if was and not now:
            yield Change(where, "takes no body any more")
            return
        if now.get("required") and not was.get("required"):
            yield Change(where, "needs a body now")
        yield from self._content(was, now, f"{where} body", sent=True)

    def _responses(self, old: Schema, new: Schema, where: str) -> Iterator[Change]:
        were, are = old.get("responses", {}), new.get("responses", {})
        for status, response in were.items():
            place = f"{where} {status}"
            if status not in are:
                yield Change(place, "response removed")
                continue
            was, now = resolve(self._old, response), resolve(self._new, are[status])
            yield from self._content(was, now, place, sent=False)
        for status in are:
            if status not in were and not status.startswith(("4", "5")):
                yield Change(f"{where} {status}", "new way to succeed", breaking=False)

    def _content(self, old: Schema, new: Schema, where: str, sent: bool) -> Iterator[Change]:
        are = new.get("content", {})
        for media, content in old.get("content", {}).items():
            if media not in are:
                yield Change(where, f"no longer {'takes' if sent else 'answers'} {media}")
            else:
                yield from self._schemas.compare(content.get("schema", {}), are[media].get("schema", {}), where, sent)


def _parameters(document: Schema, operation: Schema) -> dict[tuple[str, str], Schema]:
    found = (resolve(document, parameter) for parameter in operation.get("parameters", []))
    return {(parameter["in"], _name(parameter)): parameter for parameter in found}


def _name(parameter: Schema) -> str:
    name = str(parameter["name"])
    return name.lower() if parameter["in"] == "header" else name


def _security(document: Schema, operation: Schema) -> str:
    """The alternatives in one line; their order means nothing."""
    options = operation.get("security", document.get("security", []))
    return " or ".join(sorted(json.dumps(option, sort_keys=True) for option in options)) or "none"


def _plain(scheme: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in scheme.items() if key != "description"}
