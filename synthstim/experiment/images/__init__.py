"""Experiments that show images: which, in which order, and where on the screen."""
