"""Take a folder of tables into the installation: good rows to ``tables/``, the others with reasons to ``rejected/``."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task

from features.ingest import IngestReport, ingest_folder
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def ingest_task(settings: Settings, source: Path) -> IngestReport:
    """``ingest_folder`` for an installation, tried again on failure: the tables change only when all were read."""
    return ingest_folder(source, settings.tables, settings.rejected)


@flow(name="ingest_tables")
def ingest_tables(source: str | None = None, profile: str | None = None) -> IngestReport:
    """Ingest the folder ``source`` (``shop`` below home); logs what was read, accepted and rejected of every table."""
    settings = load_settings(profile)
    folder = Path(source) if source else settings.home / "shop"
    logger = get_run_logger()
    logger.info("source=%s tables=%s rejected=%s", folder, settings.tables, settings.rejected)
    report = ingest_task(settings, folder)
    for line in report.lines():
        logger.info(line)
    return report
