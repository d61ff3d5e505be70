"""Run the command line as ``python -m synthstim``."""

from synthstim.cli import main

main()
