"""What a score is made of: points of log odds that add up to it, for and against.

A sharing term is taken apart into what the company alone would say (``device``) and what takes it back: the account's
own use of the shop (``used``), the others there who shop like anybody (``hub_device``), a home (``family``). The other
terms stand as they are. ``base`` is an account that shares nothing, ``model`` what verdicts have taught, ``modest``
what is taken back where nobody saw what accounts do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.abuse.evidence import BASE, SHARING, Floats, alike_on, coupon_only, family, purity

AGAINST = ("used", "family", *(f"hub_{sharing.kind}" for sharing in SHARING))
"""Parts that are never above zero."""


def decompose(rows: pd.DataFrame, terms: pd.DataFrame) -> pd.DataFrame:
    """Scored rows and their terms (n, terms) -> parts (n, ...) whose sum is the log odds of ``rows.score_now``."""
    own, calm = coupon_only(rows), 1.0 - family(rows)
    parts: dict[str, Floats] = {"base": np.full(len(rows), BASE)}
    used, home = np.zeros(len(rows)), np.zeros(len(rows))
    for sharing in SHARING:
        alike = alike_on(rows, sharing)
        company = sharing.points * np.log2(1.0 + alike)
        pure = purity(rows, sharing, alike)
        parts[sharing.kind] = company
        parts[f"hub_{sharing.kind}"] = company * own * (pure - 1.0)
        used += company * (own - 1.0)
        home += company * own * pure * (calm - 1.0)
    parts |= {"used": used, "family": home}
    parts |= {str(name): terms[name].to_numpy(np.float64) for name in terms.columns if name not in parts}
    said = np.sum(list(parts.values()), axis=0)
    free, final = (_log_odds(rows[name].to_numpy(np.float64)) for name in ("score_label_free", "score_now"))
    parts |= {"modest": free - said, "model": final - free}
    return pd.DataFrame(parts, index=rows.index)


def _log_odds(p: Floats) -> Floats:
    found: Floats = np.log(p) - np.log1p(-p)
    return found
