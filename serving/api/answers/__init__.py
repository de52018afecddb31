"""What the coupons app answers, as documented models: they describe answers and never make them.

Answers of writes are stored and replayed to the byte, so no model stands between the ledger and the caller. Tests hold
every answer against its model, field by field.
"""
