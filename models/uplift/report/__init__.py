"""A trial judged and told: learners beside each other, people who gain and lose, budgets, as one page."""
