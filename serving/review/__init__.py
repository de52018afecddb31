"""Review: a flag becomes a case, a person gives a verdict, the verdict sets what holds for the user.

`case` the values · `life` what events make of them · `store` flags into cases · `work`, `decide`, `undo` what people
do · `queue` what waits, in which order · `money` what is at risk · `flags` what stands against a user · `live` cases
that a claim opens · `report` verdicts as models learn them.
"""
