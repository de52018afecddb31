"""The review page: open cases and the state of the ledger, server-rendered, in English and Chinese."""
