"""Modalities: all that depends on what kind of stimulus it is."""
