"""Seal the events of the ledger that are not in the audit chain yet; run it every minute."""

from __future__ import annotations

from prefect import flow, get_run_logger, task

from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings
from serving.store.audit import seal


@task(retries=2, retry_delay_seconds=5, retry_condition_fn=may_pass)
def seal_task(settings: Settings) -> int:
    """``seal`` for an installation, tried again on failure: what is sealed already is left alone."""
    return seal(settings.ledger_url, settings.seals, settings.risk.key)


@flow(name="seal_audit")
def seal_audit(profile: str | None = None) -> int:
    """Returns the number of events that were added to the chain."""
    settings = load_settings(profile)
    added = seal_task(settings)
    get_run_logger().info("chain=%s added=%d", settings.seals, added)
    return added
