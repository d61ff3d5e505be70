"""Odours of a set as an olfactometer presents them."""
