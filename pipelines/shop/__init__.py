"""A simulated shop whose truth is known: what every coupon would have earned, and who abuses them.

``simulate`` writes the tables of the contract and, beside them, ``truth/``. The same seed gives the same bytes. Shop
time is Asia/Shanghai; the tables hold UTC. One idea per module:

calendar, catalogue, offers    when, what and with which coupons the shop sells
population, network, addresses who the users are and from where they come
newcomers, stage               the first days of an account, and who may be cast for a scene
lookalikes, attacks            innocents who look like rings, and rings
baskets, response              what a user buys, and how a coupon changes that (the truth)
behaviour, trial, organic      visits, the randomised coupon trial, purchases outside it
purchases, scripted, rows      orders and their money, orders by plan, rows of the tables
verdicts, truth, writer        what reviewers know, what only we know, and files
world, play                    the shop before anybody visits, and the period played block by block
live, guests                   the same users and new ones on a further day, for playing against the running apps
"""

from pipelines.shop.play import simulate

__all__ = ["simulate"]
