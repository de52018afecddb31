"""The ledger: what was promised to whom, every cent and every decision, on SQLite or PostgreSQL.

`engine` connections · `schema` tables · `migrate` their versions · `unit` one transaction per command · `coupons`,
`shelf`, `limits`, `decisions` the repositories · `verify` state rebuilt from events · `export` tables for training.
"""
