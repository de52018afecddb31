"""Read a table that a person hands us: CSV in UTF-8 or Parquet, with one clear error for everything else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.errors import InputError


def read_table(path: Path) -> pd.DataFrame:
    """Rows of a ``.csv`` or ``.parquet`` file (or a folder of Parquet parts)."""
    if not path.exists():
        raise InputError("data", str(path), "a file that exists")
    try:
        if path.is_dir() or path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
        elif path.suffix.lower() == ".csv":
            frame = pd.read_csv(path, encoding="utf-8-sig", low_memory=False)
        else:
            raise InputError("data", str(path), "a .csv or .parquet file")
    except UnicodeDecodeError as error:
        raise InputError("data", str(path), f"a CSV file in UTF-8 (byte {error.start} is not)") from error
    except pd.errors.EmptyDataError as error:
        raise InputError("data", str(path), "a table with rows") from error
    except InputError:
        raise
    except (pd.errors.ParserError, ValueError, OSError) as error:
        raise InputError("data", str(path), f"a readable table ({error})") from error
    if frame.empty:
        raise InputError("data", str(path), "a table with rows")
    return frame
