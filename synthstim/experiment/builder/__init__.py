"""Protocols made into PsychoPy Builder experiments: routines, their pieces, and the order in which they run."""
