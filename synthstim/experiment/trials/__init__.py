"""Experiments made of trials: their stimuli, plan and figures, written at export."""
