"""How the program writes its own log: structlog to stderr, as JSON or for people to read."""

import logging
import sys

import structlog


def start_quiet_log() -> None:
    """For commands that people wait for: their errors only."""
    start_service_log(log_format="console", log_level="critical")


def start_service_log(*, log_format: str, log_level: str) -> None:
    """Set structlog up for this process; everything goes to stderr, so that output stays the output's own."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the other shows local variables: lines, tokens
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
