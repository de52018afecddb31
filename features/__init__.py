"""What we know about a user, device, IP address, postal address or coupon at a moment."""
