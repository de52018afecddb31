"""Finding templates without reading the others: by the goods they cover, the place they are shown, the way they count.

Both index tables follow from the current version and the access of a template alone, so that a rebuilt ledger has the
same rows. Templates that cover a SKU come first, then those of its tags, brand, shop, categories, and of all goods;
templates of one rank come by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, literal_column, select, union_all

from serving.coupons.cart import Cart, Line
from serving.coupons.facets import facets
from serving.coupons.kinds import Bundle, Gift, GiveBack, QuantityCut, SpecialPrice
from serving.coupons.scope import Scope
from serving.coupons.template import Template
from serving.coupons.validity import FixedDates
from serving.store.cursor import Cursor, Slice
from serving.store.rows import Listed
from serving.store.schema import templates
from serving.store.schema_shelf import template_facets, template_scopes
from serving.store.versions import find_opened, find_versions

MOST_AUTOMATIC = 100
FOR_EVER = "9999-12-31"
RANKS = ("sku", "tag", "brand", "merchant", "category", "all")
AUTOMATIC = "automatic"
COUPON, FLASH_SALE, QUANTITY, GIFT = "coupon", "flash_sale", "quantity", "gift"
# What the product page shows together (F097); kinds that are not named here are coupons.
SECTIONS = (FLASH_SALE, QUANTITY, GIFT, COUPON)
_SECTION_OF: Mapping[type[Any], str] = {
    SpecialPrice: FLASH_SALE,
    QuantityCut: QUANTITY,
    Bundle: QUANTITY,
    Gift: GIFT,
    GiveBack: GIFT,
}
_NO_NAME = [""]


@dataclass(frozen=True, slots=True)
class OnShelf:
    """The current version of a template with its access, and how many coupons it has issued."""

    template: Template
    issued: int


def section(template: Template) -> str:
    return _SECTION_OF.get(type(template.kind), COUPON)


def reach(template: Template) -> Scope:
    """The goods that the template can take something off: its scope, or narrower what its kind names."""
    kind, scope = template.kind, template.scope
    if scope.of != "all":
        return scope
    match kind:
        case SpecialPrice():
            return replace(scope, of="sku", names=tuple(special.sku for special in kind.prices))
        case Bundle():
            return replace(scope, of="sku", names=tuple(item.sku for item in kind.items))
        case _:
            return scope


def facet_rows(template: Template) -> list[dict[str, Any]]:
    """By what a list is filtered (F030), and where the template may be taken now."""
    classed = facets(template)
    values = [
        ("kind", template.kind.TAG),
        ("class", template.coupon_class),
        ("function", classed.function),
        ("stackable", "yes" if classed.stackable else "no"),
        ("issue", classed.issue),
        ("delivery", template.delivery),
        ("access", template.access),
        *(("place", place) for place in dict.fromkeys(classed.places)),
    ]
    if template.access == "open" and template.delivery == "claim":
        values += [("offered", place) for place in dict.fromkeys(template.card.places)]
    ends = {"template_id": template.template_id, "last_day": last_day(template)}
    return [{"facet": facet, "value": value, **ends} for facet, value in values]


def scope_rows(template: Template) -> list[dict[str, Any]]:
    """Where an open template is found by goods; what is pushed or given by code is shown nowhere."""
    if template.access != "open" or template.delivery not in ("claim", AUTOMATIC):
        return []
    shown = [(place, section(template)) for place in dict.fromkeys(template.card.places)]
    if template.delivery == AUTOMATIC:
        shown.append((AUTOMATIC, COUPON))
    goods = reach(template)
    names = dict.fromkeys(goods.names or _NO_NAME)
    return [
        {
            "place": place,
            "section": part,
            "of": goods.of,
            "name": name,
            "template_id": template.template_id,
            "last_day": last_day(template),
        }
        for place, part in shown
        for name in names
    ]


def last_day(template: Template) -> str:
    """The last shop-local day on which a coupon of the template can be used."""
    return template.validity.last.isoformat() if isinstance(template.validity, FixedDates) else FOR_EVER


def index(connection: Connection, template: Template) -> None:
    """Make the index tables say of the template what holds now."""
    for table, rows in ((template_facets, facet_rows(template)), (template_scopes, scope_rows(template))):
        connection.execute(delete(table).where(table.c.template_id == template.template_id))
        if rows:
            connection.execute(insert(table), rows)


def automatic_for(connection: Connection, cart: Cart, day: str = "") -> list[Template]:
    """Open templates that apply by themselves to a line of the cart; at most ``MOST_AUTOMATIC``, the nearest first."""
    rows = _by_goods(connection, cart.lines, AUTOMATIC, COUPON, day, MOST_AUTOMATIC)
    return [found.template for found in rows]


def for_goods(
    connection: Connection, line: Line, place: str, limit: int, *, part: str = COUPON, day: str = ""
) -> list[OnShelf]:
    """Open templates shown at ``place`` that cover the line, of one section of the page.

    ``day`` is the shop-local date: fixed dates that ended before it are left out.
    """
    return _by_goods(connection, [line], place, part, day, limit)


def for_cart(connection: Connection, cart: Cart, place: str, limit: int, *, day: str = "") -> list[OnShelf]:
    """The same for the lines of a cart: coupons only, the nearest to any line first."""
    return _by_goods(connection, cart.lines, place, COUPON, day, limit)


def claimable_at(connection: Connection, place: str, cursor: Cursor, day: str = "") -> Slice[OnShelf]:
    """Open templates that users may take at ``place`` (F050, F058), by id."""
    query = (
        select(templates.c.template_id, templates.c.version, templates.c.access, templates.c.issued)
        .join(template_facets, template_facets.c.template_id == templates.c.template_id)
        .where(
            template_facets.c.facet == "offered",
            template_facets.c.value == place,
            template_facets.c.last_day >= day,
        )
    )
    found = cursor.fetch(connection, query, template_facets.c.template_id)
    return Slice(on_shelf(connection, found.rows), found.has_more)


def on_shelf(connection: Connection, rows: Sequence[Any]) -> list[OnShelf]:
    """Rows of (template_id, version, access, issued) with their templates, in the same order."""
    find_versions(connection, [(row.template_id, row.version) for row in rows])  # all that are missing at once
    return [OnShelf(find_opened(connection, row.template_id, row.version, row.access), row.issued) for row in rows]


def _by_goods(
    connection: Connection, lines: Sequence[Line], place: str, part: str, day: str, limit: int
) -> list[OnShelf]:
    """A template may leave out the very goods that found it, so more rows are read until enough cover a line."""
    asked, names = {"place": place, "part": part, "day": day}, _names(lines)
    most = 2 * limit
    while True:
        rows = _BY_GOODS.all(connection, names, {**asked, "most": most})
        read = Counter(row.rank for row in rows)
        # Of a rank that was cut off there may be more, and they come before all of the next rank.
        whole = min((rank for rank, count in read.items() if count == most), default=len(RANKS))
        nearest = {row.template_id: row for row in sorted(rows, key=lambda row: -row.rank)}
        ordered = sorted(nearest.values(), key=lambda row: (row.rank, row.template_id))
        known = [row for row in ordered if row.rank <= whole]
        good = [found for found in on_shelf(connection, known) if any(map(reach(found.template).covers, lines))]
        if len(good) >= limit or whole == len(RANKS):
            return good[:limit]
        most *= 4


def _names(lines: Iterable[Line]) -> dict[str, list[str]]:
    """What the scopes of the lines may be called, per kind of scope."""
    names: dict[str, set[str]] = {rank: set() for rank in RANKS}
    for line in lines:
        levels = line.category.split("/")
        names["category"].update("/".join(levels[: n + 1]) for n in range(len(levels)))
        names["sku"].add(line.sku)
        names["tag"].update(line.tags)
        for rank, name in (("brand", line.brand), ("merchant", line.merchant_id)):
            if name is not None:
                names[rank].add(name)
    return {of: sorted(found) or _NO_NAME for of, found in names.items()}


def _rank(number: int, of: str, names: Sequence[Any]) -> Select[Any]:
    """One range of the index, cut off at ``most``."""
    rows = (
        select(template_scopes.c.template_id, literal_column(str(number)).label("rank"))
        .where(
            template_scopes.c.place == bindparam("place"),
            template_scopes.c.section == bindparam("part"),
            template_scopes.c.of == of,
            template_scopes.c.name.in_(names),
            template_scopes.c.last_day >= bindparam("day"),
        )
        .order_by(template_scopes.c.template_id)
        .limit(bindparam("most"))
    )
    return select(rows.subquery(f"rank_{number}"))


def _ranked(names: Mapping[str, Sequence[Any]]) -> Select[Any]:
    found = union_all(*(_rank(number, of, names[of]) for number, of in enumerate(RANKS))).subquery("found")
    return select(
        found.c.rank, templates.c.template_id, templates.c.version, templates.c.access, templates.c.issued
    ).join(templates, templates.c.template_id == found.c.template_id)


_BY_GOODS = Listed(dict.fromkeys(RANKS, template_scopes.c.name.type), _ranked)
