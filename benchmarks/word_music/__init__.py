"""Training the word and music network: from synthesis voices and recorded music to a weights file."""
