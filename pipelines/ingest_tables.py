"""Take a folder of tables into the installation: good rows to ``tables/``, the others with reasons to ``rejected/``."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from features.ingest import IngestReport, Progress, ingest_folder
from serving.settings import Settings, load_settings


def ingest_tables(settings: Settings, source: Path, progress: Progress | None = None) -> IngestReport:
    """Ingest ``source`` into the folders of ``settings``; see :func:`features.ingest.ingest_folder`."""
    return ingest_folder(source, settings.tables, settings.rejected, progress=progress)


@flow(name="ingest_tables", retries=1, retry_delay_seconds=10)
def ingest_tables_flow(source: str) -> dict[str, dict[str, int]]:
    """The flow of ``fairdeal run ingest_tables``: rows read, accepted and rejected of every table."""
    report = ingest_tables(load_settings(), Path(source))
    return {
        name: {"read": count.read, "accepted": count.accepted, "rejected": count.rejected}
        for name, count in report.counts.items()
    }
