"""Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com): ``v1,<base64 HMAC-SHA256>``.

No secret is stored: each is derived from a key of the installation, the endpoint's id and the number of the secret. A
copy of the ledger alone signs nothing; another key of the installation is another secret for every endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from standardwebhooks import Webhook

from features.errors import InputError
from serving.webhooks.endpoint import Endpoint

_LABEL = "fairdeal-webhook-1"  # the same key hashes identifiers: what is derived here can never equal such a hash
_LEAST = 16


class Signer:
    """Derives secrets of endpoints and signs with them; raises ``InputError`` for a key below 16 characters."""

    def __init__(self, signing_key: str) -> None:
        if len(signing_key) < _LEAST:
            raise InputError("signing_key", f"{len(signing_key)} characters", f"at least {_LEAST} characters")
        self._key = signing_key.encode()

    def secret(self, webhook_id: str, generation: int) -> str:
        """The ``whsec_…`` that the receiver gets: 256 bits in base64."""
        named = f"{_LABEL}\n{webhook_id}\n{generation}".encode()
        return "whsec_" + base64.b64encode(hmac.new(self._key, named, hashlib.sha256).digest()).decode()

    def headers(self, endpoint: Endpoint, event_id: str, body: str, now: datetime, sent_at: datetime) -> dict[str, str]:
        """The three headers of a webhook, with one signature for each secret that is valid ``now``.

        ``now`` is the shop's time (a test clock may move it); ``sent_at`` is the real one, because receivers refuse
        what is more than five minutes off.
        """
        signatures = [
            Webhook(self.secret(endpoint.webhook_id, generation)).sign(event_id, sent_at, body)
            for generation in endpoint.generations(now)
        ]
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(sent_at.replace(tzinfo=UTC).timestamp())),
            "webhook-signature": " ".join(signatures),
        }
