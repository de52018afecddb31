"""The versions of the ledger's schema; each is frozen once released."""
