"""The page that people look at: one HTML file that opens offline."""

from synthstim.report.page import write_report

__all__ = ["write_report"]
