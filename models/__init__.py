"""What we can say from features: effects, policies, abuse scores, and whether it paid."""
