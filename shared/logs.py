"""Logs of the services: one line an event on stderr, with the session and the command as fields, as text or in JSON."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

LOG: Final = logging.getLogger(__name__)
FIELDS: Final = ("session", "command")
TEXT: Final = "text"
JSON: Final = "json"
FORMATS: Final = (TEXT, JSON)
"""What the lines may look like."""


class FieldsFormatter(logging.Formatter):
    """`<UTC time> <LEVEL> <role> <message>` and then `session=…`, `command=…` where a record has them."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name in FIELDS if (value := getattr(record, name, None)))
        line = f"{_moment(record)} {record.levelname} {self._role} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class FieldsJsonFormatter(JsonFormatter):
    """A JSON object a line: `time`, `level`, `role`, `logger`, `message`, then `session`, `command` and `exception`
    where a record has them."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: Mapping[str, Any]) -> None:
        log_data |= {"time": _moment(record), "level": record.levelname, "role": self._role, "logger": record.name}
        log_data["message"] = record.getMessage()
        log_data |= {name: value for name in FIELDS if (value := getattr(record, name, None))}
        if record.exc_info:
            log_data["exception"] = self.formatException(record.exc_info)


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that puts the session, and the command where there is one, on every record."""

    def __init__(self, logger: logging.Logger, session: str, command: str | None = None) -> None:
        super().__init__(logger, {"session": session, "command": command})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": self.extra}


def configure(role: str, level: int = logging.INFO, form: str = TEXT) -> None:
    """Sends the logs of this process to stderr, those of its libraries too. Called once, where a process starts.

    `form` is one of `FORMATS`. In JSON, warnings and errors that nobody has caught are lines like all others.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter(role) if form == TEXT else FieldsJsonFormatter(role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("rq").setLevel(logging.WARNING)  # its own lines repeat ours
    if form == JSON:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    LOG.critical("the process ends by an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread is not None else "unknown"
        LOG.error("the thread %s ends by an error", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
