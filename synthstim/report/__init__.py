"""The page that people look at: one HTML file that opens offline; and the words for a methods section."""

from synthstim.report.methods import methods_of, write_methods
from synthstim.report.page import write_report

__all__ = ["methods_of", "write_methods", "write_report"]
