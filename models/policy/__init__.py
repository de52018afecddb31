"""Who gets which coupon: price a budget, decide user by user, and say what a policy is worth. Numpy only."""
