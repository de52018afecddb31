"""What all HTTP apps share (`problems`, `plumbing`, `access`, `writes`) and the coupons app (`bodies`, `coupons`)."""
