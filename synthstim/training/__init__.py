"""Training the networks that the package carries: from synthesis voices and recorded music to a weights file."""
