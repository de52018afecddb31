"""What the API says of itself: its document (`document`: problems in `describe`, `scopes`, `requests` to copy), pages
about problems (`pages`), and what breaks callers when the document changes (`compare`, `schemas`)."""
