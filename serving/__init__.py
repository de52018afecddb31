"""What we do about it: the scoring service, the issuer and redeemer, the review console."""
