"""Another process: puts a device on the block list of a ledger, or takes the entry off.

lister.py URL KEY MOMENT add DEVICE | lister.py URL KEY MOMENT remove ENTRY
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from serving.privacy import Hasher
from serving.review.list_hits import NOBODY
from serving.review.list_work import Draft, add, remove
from serving.review.lists import value_of
from serving.store.unit import Request, Store


def main(url: str, key: str, moment: str, what: str, which: str) -> None:
    now = datetime.fromisoformat(moment)
    store = Store(url, lambda: now)
    try:
        if what == "add":
            value = value_of("device", which, Hasher(key))
            draft = Draft("block", value, "rita", "a farm of phones", now + timedelta(days=1), NOBODY)
            command = add(draft, "staff:rita", lead=False)
        else:
            command = remove(which, "looked again")
        answer = store.write(Request("staff:rita", f"{what}-{which}", "lister", what), command)
        sys.stdout.write(answer.body["entry_id"])
    finally:
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
