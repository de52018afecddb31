"""The scoring service: which offer for this user, if any, and how risky is this.

`messages` what is asked and answered · `sources` where features, models and standings come from · `champions` the
models in use and how they are swapped · `vectors` features to model rows · `decide` offers · `risk` actions · `app`
HTTP.
"""
