"""Write what the ledger knows as tables of the contract, for the next training."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task

from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings
from serving.store.export import export_tables


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def export_task(settings: Settings, out: Path) -> dict[str, int]:
    """``export_tables`` for an installation, tried again on failure: every file is replaced whole."""
    return export_tables(settings.ledger_url, out)


@flow(name="export_ledger")
def export_ledger(out: str | None = None, profile: str | None = None) -> dict[str, int]:
    """Write coupons, decisions, templates and verdicts into ``out`` (``exported`` below home); rows of each."""
    settings = load_settings(profile)
    rows = export_task(settings, Path(out) if out else settings.home / "exported")
    get_run_logger().info("rows=%s", rows)
    return rows
