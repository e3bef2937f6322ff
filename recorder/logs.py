"""Logging to stderr: for a person on a terminal, one JSON object a line elsewhere."""

import logging
import sys

import structlog


def set_up_logging(*, quiet: bool = False) -> None:
    """Configure once, at the start of a command that runs for long. `quiet` lets only errors through."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # text only: local variables may hold secrets
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
