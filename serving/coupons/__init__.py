"""The coupon domain: pure values and functions over integer cents; imports the standard library only.

`kinds` what a coupon takes off · `scope` which lines it sees · `validity` when · `template` what may be claimed ·
`cart` what is bought · `rules` why a coupon may not be used · `pricing` the best coupon for a cart · `apportion` the
split over lines and units · `events` and `coupon` the life of one coupon · `refusals` every refusal in two languages.
"""
