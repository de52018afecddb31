"""What the API says of itself: problems in its document (`describe`), their pages (`pages`), and what breaks callers
when the document changes (`compare`, `schemas`)."""
