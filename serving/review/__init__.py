"""Review: a flag becomes a case, a person gives a verdict, the verdict sets what holds for the user.

`case` the values and their life · `store` the queue on the ledger's unit of work · `flags` what stands against a user ·
`live` cases that a claim opens · `report` cases as rows for a page.
"""
