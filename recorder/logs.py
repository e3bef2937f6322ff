"""Logging to stderr: for a person on a terminal, one JSON object a line elsewhere."""

import contextlib
import logging
import sys

import structlog


class Unfailing:
    """Standard error that never raises: a terminal that went, or a full disk behind it, costs log lines."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


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
        logger_factory=structlog.PrintLoggerFactory(Unfailing()),  # type: ignore[arg-type]  # all that print() needs,
    )
