"""Experiments that play sounds: which, to whom, in which order, and what may be answered."""
