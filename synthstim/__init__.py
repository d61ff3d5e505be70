"""Synthesise stimuli by gradient: controller images, metamers, and the experiments that show them."""
