"""Designs of experiments made of trials: what is compared, how trials are arranged, and the plan that comes of it."""
