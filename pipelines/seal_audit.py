"""Seal the events of the ledger that are not in the audit chain yet; run it every minute."""

from __future__ import annotations

from prefect import flow

from serving.settings import Settings, load_settings
from serving.store.audit import seal


def seal_events(settings: Settings) -> int:
    """Returns the number of events that were added to the chain."""
    return seal(settings.ledger_url, settings.seals, settings.risk.key)


@flow(name="seal_audit", retries=2, retry_delay_seconds=5)
def seal_audit() -> int:
    """The flow of ``fairdeal run seal_audit``."""
    return seal_events(load_settings())
