"""Which users were known to abuse coupons at a moment: by a person's verdict, or by a flag that withholds coupons.

A person's word outranks the machine's: the last verdict before the moment decides; a flag counts where there is no
verdict. A flag for review accuses nobody. Only what was known strictly before the moment counts, so a training that is
repeated later drops the same decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import InputError
from serving.scoring.messages import KEEPS_COUPONS

NOBODY, BY_VERDICT, BY_FLAG = "", "verdict", "flag"


@dataclass(frozen=True)
class KnownAbuse:
    """``verdicts``: user_id, at, abusive; ``flags``: user_id, at (of accounts whose coupons are withheld)."""

    verdicts: pd.DataFrame
    flags: pd.DataFrame

    @classmethod
    def none(cls) -> KnownAbuse:
        """A shop that has never looked."""
        return cls.of(pd.DataFrame({"user_id": [], "decided_at": [], "verdict": []}))

    @classmethod
    def of(cls, verdicts: pd.DataFrame, flags: pd.DataFrame | None = None) -> KnownAbuse:
        """From the table ``verdicts`` and flags (user_id, action, flagged_at) as ``flag_abuse`` writes them."""
        judged = pd.DataFrame(
            {
                "user_id": verdicts["user_id"].to_numpy(object),
                "at": _moments(verdicts["decided_at"]),
                "abusive": (verdicts["verdict"] == "abusive").to_numpy(bool),
            }
        )
        if flags is None:
            flags = pd.DataFrame({"user_id": [], "flagged_at": [], "action": []})
        held = flags[flags["action"].isin(KEEPS_COUPONS) & flags["flagged_at"].notna()]
        flagged = pd.DataFrame({"user_id": held["user_id"].to_numpy(object), "at": _moments(held["flagged_at"])})
        return cls(judged.sort_values("at", ignore_index=True), flagged.sort_values("at", ignore_index=True))

    def before(self, users: NDArray[np.object_], moments: NDArray[np.datetime64]) -> NDArray[np.object_]:
        """What each user (n,) was known by before the moment (n,) beside it: ``verdict``, ``flag`` or ""."""
        asked = pd.DataFrame(
            {"user_id": users, "at": _moments(pd.Series(moments)), "row": np.arange(len(users))}
        ).sort_values("at", kind="stable")
        found = pd.merge_asof(asked, self.verdicts, on="at", by="user_id", allow_exact_matches=False)
        flags = self.flags.assign(flagged=True)
        found = pd.merge_asof(found, flags, on="at", by="user_id", allow_exact_matches=False).sort_values("row")
        judged = found["abusive"].notna().to_numpy()
        abusive = found["abusive"].eq(True).to_numpy()
        flagged = found["flagged"].eq(True).to_numpy() & ~judged
        result: NDArray[np.object_] = np.select([abusive, flagged], [BY_VERDICT, BY_FLAG], NOBODY).astype(object)
        return result


def known_abuse(tables: Path, flags: Path | None) -> KnownAbuse:
    """From the ``verdicts`` (of reviewers, chargebacks, audits) of a folder of tables, where it has them, and a file of
    flags, where there is one."""
    folder = tables / "verdicts.parquet"
    verdicts = _read("verdicts", folder, ["user_id", "decided_at", "verdict"]) if folder.exists() else None
    if verdicts is None:
        verdicts = KnownAbuse.none().verdicts.rename(columns={"at": "decided_at", "abusive": "verdict"})
    return KnownAbuse.of(
        verdicts, None if flags is None else _read("flags", flags, ["user_id", "action", "flagged_at"])
    )


def _read(field: str, path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        return pq.read_table(path, columns=columns).to_pandas()
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(field, str(path), f"a Parquet file with {', '.join(columns)} ({error})") from error


def _moments(column: pd.Series) -> pd.Series:
    return pd.Series(pd.to_datetime(column).to_numpy().astype("datetime64[us]"))
