"""Write a folder of parquet files block by block, and show it only when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError

MARK = "truth/shop.json"


class Writer:
    """One parquet file per name; every ``add`` becomes a row group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, pq.ParquetWriter] = {}

    def add(self, name: str, rows: pa.Table) -> None:
        """Append rows to ``<name>.parquet``; a name may hold a sub-folder."""
        if name not in self._files:
            path = self.folder / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[name] = pq.ParquetWriter(path, rows.schema, compression="zstd")
        self._files[name].write_table(rows)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


@contextmanager
def whole_folder(out: Path) -> Iterator[Writer]:
    """A writer whose files appear in ``out`` together at the end; on error nothing changes there.

    An earlier simulated shop is replaced; any other folder that holds something is refused.
    """
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("out", str(out), "a new or empty folder, or one that holds an earlier simulated shop")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=".simulate-"))
    writer = Writer(scratch)
    try:
        try:
            yield writer
        finally:
            writer.close()
        scratch.chmod(0o755)  # mkdtemp makes it private
        old = scratch.with_name(scratch.name + "-old")
        if out.exists():
            os.replace(out, old)
        os.replace(scratch, out)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
