"""Offers that differ only in face value: found, measured, and shown."""
