"""From probabilities of abuse to actions: costs, guard rails, review budgets, and the replay of rules over the past."""
