"""Which categories a user cares for: views, carts and purchases of the last 90 days, weighed.

A look says less than a cart, a cart less than a purchase; the weights are 1, 3 and 5. Rows without a category and
moments without any of them have no favourite.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.definition import Feature, Tables, before, entropy, entropy_term, ratio

VIEW, CART, BUY = 1, 3, 5
CODES = 1_000_000  # above any number of categories: lets one maximum find the best and break ties by the lowest code

FEATURES = (
    Feature("favourite_category", "category with the largest interest, the first known on ties", vocabulary="category"),
    Feature("favourite_category_share", "its share of the interest"),
    Feature("category_entropy", "spread of the interest over categories, nats"),
    Feature("categories_90d", "categories with any interest in the last 90d", 0),
)


def interest(tables: Tables, at: Any) -> Any:
    """Favourite and spread per moment; rows only for users with any interest."""
    seen = before(at, _signs(tables), "user_id", "at", days=90)
    cells = seen.group_by(["user_id", "as_of", "code"]).aggregate(weight=seen.weight.sum())
    cells = cells.mutate(rank=cells.weight * CODES + (CODES - 1 - cells.code), term=entropy_term(cells.weight))
    sums = cells.group_by(["user_id", "as_of"]).aggregate(
        total=cells.weight.sum(), best=cells["rank"].max(), terms=cells.term.sum(), categories_90d=cells.count()
    )
    return sums.select(
        "user_id",
        "as_of",
        "categories_90d",
        favourite_category=CODES - 1 - sums.best % CODES,
        favourite_category_share=ratio((sums.best // CODES).cast("int64"), sums.total),
        category_entropy=entropy(sums.total, sums.terms),
    )


def _signs(tables: Tables) -> Any:
    events = tables["events"].filter(lambda t: t.kind.isin(["view", "add_to_cart"]))
    looks = events.select(
        "user_id",
        "category",
        at=events.occurred_at,
        weight=ibis.ifelse(events.kind == "view", VIEW, CART).cast("int64"),
    )
    orders = tables["orders"].select("order_id", "user_id", "paid_at").filter(lambda t: t.paid_at.notnull())
    lines = tables["order_lines"].select("order_id", "category").join(orders, "order_id")
    buys = lines.select("user_id", "category", at=lines.paid_at, weight=ibis.literal(BUY, type="int64"))
    codes = tables["vocabulary"].filter(lambda t: t.kind == "category").select("code", category="value")
    return looks.union(buys).join(codes, "category").select("user_id", "at", "weight", "code")
