"""One plug-in of each kind; the names are in pyproject.toml."""

from pathlib import Path

SIPPING = Path(__file__).with_name("sipping")
