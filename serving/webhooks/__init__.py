"""Signed webhooks: every event of the ledger is sent from the outbox to the endpoints that want it, at least once."""
