"""Experiments that show movies: frame by frame, at whole multiples of the screen's refresh."""
