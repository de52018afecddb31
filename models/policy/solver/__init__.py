"""Inside ``models.policy.program``: the dual of an allocation, its prices, and whole coupons around them."""
