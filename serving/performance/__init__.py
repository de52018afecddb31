"""Figures of the shop for pages and files: tiles, funnel, cross tables, what coupons brought."""
