"""The shop's coupon templates, which of them are offers of the trial, and what each takes off a basket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.shop.seeds import Ints


@dataclass(frozen=True)
class Template:
    """A coupon template in cents; see the ``templates`` table."""

    template_id: str
    kind: str
    face_cents: int | None = None
    minimum_cents: int | None = None
    percent_off: float | None = None
    cap_cents: int | None = None
    scope: str = "all"
    valid_days: int = 7

    def discount(self, goods: Ints) -> Ints:
        """What it takes off baskets of these cents: nothing below its minimum (reached with >=), never all of it.

        >>> Template("t", "threshold_cut", face_cents=1000, minimum_cents=10000).discount(np.array([9999, 10000]))
        array([   0, 1000])
        """
        if self.percent_off is None:
            off = np.full_like(goods, self.face_cents or 0)
        else:
            off = np.floor(goods * self.percent_off / 100).astype(np.int64)
            if self.cap_cents is not None:
                off = np.minimum(off, self.cap_cents)
        return np.where(goods >= (self.minimum_cents or 0), np.clip(off, 0, np.maximum(goods - 1, 0)), 0)


TEMPLATES = (
    Template("cut_100_10", "threshold_cut", face_cents=1000, minimum_cents=10000),
    Template("cut_200_35", "threshold_cut", face_cents=3500, minimum_cents=20000),
    Template("pct_10_cap_30", "percent", percent_off=10.0, cap_cents=3000, minimum_cents=5000),
    Template("flat_8", "no_threshold", face_cents=800),
    Template("flat_20", "no_threshold", face_cents=2000),
    Template("new_15", "no_threshold", face_cents=1500, scope="newcomer", valid_days=14),
)
WELCOME = 5  # the newcomer coupon: its index in TEMPLATES
OFFERS = ("none", *(template.template_id for template in TEMPLATES[:WELCOME]))
# Templates that anyone may take from the coupon centre.
PUBLIC = (0, 2, 3)
KINDS = ("threshold_cut", "percent", "no_threshold")
KIND_OF = np.array([KINDS.index(template.kind) for template in TEMPLATES])


def discounts(goods: Ints, templates: Sequence[Template] = TEMPLATES[:WELCOME]) -> Ints:
    """The discount of every choice (last axis, ``none`` first) on every basket."""
    return np.stack([np.zeros_like(goods), *(template.discount(goods) for template in templates)], axis=-1)
