"""Hearing: classical models and networks of sound, one noun a file."""
