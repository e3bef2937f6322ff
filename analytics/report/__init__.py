"""One HTML page of what a lake holds, that needs nothing but itself."""

from analytics.report.page import About, write_report

__all__ = ["About", "write_report"]
