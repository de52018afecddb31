"""Versions of templates, read once per process: a version never changes, and every coupon of a wallet needs its own.

The cache belongs to an engine, so that two ledgers in one process never see each other's templates. What a transaction
has written itself is not kept: it may yet be undone, and another spec be written under the same number.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, bindparam, insert, select, tuple_

from serving.coupons.catalogue import template_from_data, template_to_data
from serving.coupons.template import Template
from serving.store.schema import template_versions
from serving.store.unit import canonical

MOST_KEPT = 20_000
Key = tuple[str, int]
_AT_ONCE = 200  # keys per query
_WRITTEN = "shelf_written"


class _Kept:
    """The versions used last; any thread may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: OrderedDict[Key, Template] = OrderedDict()
        self._opened: dict[tuple[str, int, str], Template] = {}

    def opened(self, template: Template, version: int, access: str) -> Template:
        """``template`` with an access; a whole template is checked anew whenever it is made."""
        key = template.template_id, version, access
        found = self._opened.get(key)
        if found is None:
            if len(self._opened) >= MOST_KEPT:
                self._opened.clear()
            found = self._opened[key] = template.opened(access)
        return found

    def get(self, keys: Iterable[Key]) -> dict[Key, Template]:
        with self._lock:
            known = {key: self._found[key] for key in keys if key in self._found}
            for key in known:
                self._found.move_to_end(key)
        return known

    def put(self, found: Mapping[Key, Template]) -> None:
        with self._lock:
            self._found.update(found)
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)


_KEPT: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_KEPT_LOCK = Lock()
_BY_KEYS = select(template_versions).where(
    tuple_(template_versions.c.template_id, template_versions.c.version).in_(bindparam("keys", expanding=True))
)


def find_version(connection: Connection, template_id: str, version: int) -> Template:
    """The version under which a coupon was issued; it is never deleted. Its ``access`` is closed: that is the shelf's.

    Raises ``KeyError`` when there is no such version.
    """
    return find_versions(connection, [(template_id, version)])[template_id, version]


def find_opened(connection: Connection, template_id: str, version: int, access: str) -> Template:
    """``find_version`` with the access that the template has on the shelf."""
    template = find_version(connection, template_id, version)
    if connection.get_execution_options().get(_WRITTEN, False):
        return template.opened(access)
    return _kept(connection.engine).opened(template, version, access)


def find_versions(connection: Connection, keys: Iterable[Key]) -> dict[Key, Template]:
    """Many versions at once; those that do not exist are missing in the answer."""
    wanted = set(keys)
    kept = _kept(connection.engine)
    written = connection.get_execution_options().get(_WRITTEN, False)
    found = {} if written else kept.get(wanted)
    lacking = sorted(wanted - found.keys())
    if not lacking:
        return found
    read: dict[Key, Template] = {}
    for start in range(0, len(lacking), _AT_ONCE):
        read |= _read(connection, lacking[start : start + _AT_ONCE])
    if not written:
        kept.put(read)
    return found | read


def write_version(connection: Connection, template: Template) -> None:
    """Store the next version of a template."""
    row = {
        "template_id": template.template_id,
        "version": template.version,
        "spec": canonical(template_to_data(template)),
    }
    connection.execute(insert(template_versions), row)
    connection.execution_options(**{_WRITTEN: True})


def _read(connection: Connection, keys: Sequence[Key]) -> dict[Key, Template]:
    rows = connection.execute(_BY_KEYS, {"keys": keys})
    return {(row.template_id, row.version): template_from_data(json.loads(row.spec)) for row in rows}


def _kept(engine: Engine) -> _Kept:
    with _KEPT_LOCK:
        return _KEPT.setdefault(engine, _Kept())
