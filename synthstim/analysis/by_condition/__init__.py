"""Answers summed up by participant and by condition: proportions, means, counts, times."""
