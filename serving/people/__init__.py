"""The users of the shop as the coupon business needs them: what the shop says of them, and what was done to them."""
