"""What the shop sells: about 600 SKUs in twelve categories, each with price, cost, brand and merchant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.shop.seeds import Floats, Ints, stream

CATEGORIES = (
    "fruit", "snacks", "drinks", "dairy", "household", "beauty", "mother_baby", "apparel", "sports", "kitchen",
    "electronics", "books",
)  # fmt: skip
_PER_CATEGORY = 50
# Median price in yuan and share of the price that is margin, by category.
_PRICE = np.array([22, 15, 18, 26, 24, 68, 75, 88, 79, 56, 160, 34], dtype=float)
_MARGIN = np.array([0.24, 0.30, 0.28, 0.22, 0.33, 0.46, 0.30, 0.45, 0.38, 0.36, 0.18, 0.27])
_BRANDS = 8
MERCHANTS = 60


@dataclass(frozen=True)
class Catalogue:
    """Arrays over SKUs, ordered by category and, within one, by price."""

    sku: pa.Array
    category: Ints
    brand: Ints
    merchant: Ints
    price: Ints
    cost: Ints
    categories: pa.Array
    brands: pa.Array
    merchants: pa.Array

    @classmethod
    def build(cls, seed: int) -> Catalogue:
        rng = stream(seed, "catalogue")
        count = len(CATEGORIES) * _PER_CATEGORY
        category = np.repeat(np.arange(len(CATEGORIES)), _PER_CATEGORY)
        price = np.sort(rng.lognormal(0, 0.42, (len(CATEGORIES), _PER_CATEGORY)), axis=1) * _PRICE[:, None]
        cents = np.maximum(np.round(price.ravel() * 10) * 10, 200).astype(np.int64)
        margin = np.clip(_MARGIN[category] + rng.normal(0, 0.05, count), 0.05, 0.7)
        names = [f"{CATEGORIES[c][:3].upper()}-{number:04d}" for c, number in zip(category, range(count), strict=True)]
        return cls(
            sku=pa.array(names),
            category=category,
            brand=category * _BRANDS + np.minimum(rng.geometric(0.35, count) - 1, _BRANDS - 1),
            merchant=np.minimum(rng.geometric(0.06, count) - 1, MERCHANTS - 1),
            price=cents,
            cost=np.round(cents * (1 - margin)).astype(np.int64),
            categories=pa.array(CATEGORIES),
            brands=pa.array([f"{c}-brand-{b}" for c in CATEGORIES for b in range(_BRANDS)]),
            merchants=pa.array([f"m{number:03d}" for number in range(MERCHANTS)]),
        )

    def choose(self, category: Ints, premium: Floats, rng: np.random.Generator) -> Ints:
        """A SKU of each category; ``premium`` in (0, 1) is how dear this user likes it."""
        wish = np.clip(premium + rng.normal(0, 0.22, len(category)), 0, 0.999)
        return category * _PER_CATEGORY + (wish * _PER_CATEGORY).astype(np.int64)
